"""Facts of authentication: only the API server says whose token it is."""

from typing import TYPE_CHECKING, Any, cast

import pytest

from deputy.kube.errors import Unavailable
from deputy.relay.authentication import Authenticator, Caller, NotAuthenticated

if TYPE_CHECKING:
    from deputy.kube.client import Kube

CALLER = Caller("agents", "linear-abc-1-1", "pod-uid")
GOOD: dict[str, Any] = {
    "authenticated": True,
    "audiences": ["deputy-relay"],
    "user": {
        "username": "system:serviceaccount:agents:deputy-workspace",
        "extra": {
            "authentication.kubernetes.io/pod-name": ["linear-abc-1-1"],
            "authentication.kubernetes.io/pod-uid": ["pod-uid"],
        },
    },
}


class Reviews:
    """The API server's TokenReviews."""

    def __init__(self, status: dict[str, Any] | Exception = GOOD) -> None:
        self.status = status
        self.asked: list[Any] = []

    async def create(self, _path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(body["spec"])
        if isinstance(self.status, Exception):
            raise self.status
        return {"status": self.status}


def authenticator(reviews: Reviews) -> Authenticator:
    return Authenticator(cast("Kube", reviews))


async def test_a_token_that_the_api_server_knows_names_its_pod() -> None:
    reviews = Reviews()

    assert await authenticator(reviews).caller("Bearer good") == CALLER
    assert reviews.asked == [{"token": "good", "audiences": ["deputy-relay"]}]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic Z29vZA==", "good"])
async def test_a_call_without_a_token_is_refused_unasked(header: str) -> None:
    reviews = Reviews()

    with pytest.raises(NotAuthenticated, match="holds no bearer token"):
        await authenticator(reviews).caller(header)
    assert reviews.asked == []


NOBODY = {"authenticated": False, "error": "expired"}
PERSON = GOOD | {"user": {"username": "alice", "extra": GOOD["user"]["extra"]}}
LIKENESS = GOOD | {"user": GOOD["user"] | {"username": "my:own:agents:deputy-workspace"}}


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ({}, "not valid for the relay"),
        (NOBODY, "not valid for the relay"),
        (GOOD | {"audiences": []}, "not valid for the relay"),
        (GOOD | {"audiences": ["https://kubernetes.default.svc"]}, "not valid for the relay"),
        (GOOD | {"user": {}}, "does not belong to a pod"),
        (PERSON, "does not belong to a pod"),
        (LIKENESS, "does not belong to a pod"),
        (GOOD | {"user": GOOD["user"] | {"extra": {}}}, "does not belong to a pod"),
    ],
    ids=[
        "empty",
        "expired",
        "no recipients",
        "other recipients",
        "nobody",
        "person",
        "likeness",
        "no pod",
    ],
)
async def test_a_token_that_is_not_a_pods_for_us_is_refused(
    status: dict[str, Any], message: str
) -> None:
    with pytest.raises(NotAuthenticated, match=message):
        await authenticator(Reviews(status)).caller("Bearer bad")


async def test_a_token_is_reviewed_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("deputy.relay.authentication.time.monotonic", lambda: clock[0])
    reviews = Reviews()
    authenticating = authenticator(reviews)

    await authenticating.caller("Bearer good")
    await authenticating.caller("Bearer good")
    clock[0] += 61
    await authenticating.caller("Bearer good")

    assert len(reviews.asked) == 2


async def test_every_token_is_reviewed_for_itself() -> None:
    reviews = Reviews()
    authenticating = authenticator(reviews)
    await authenticating.caller("Bearer good")
    reviews.status = NOBODY

    with pytest.raises(NotAuthenticated):
        await authenticating.caller("Bearer other")


async def test_a_refusal_is_not_remembered() -> None:
    reviews = Reviews(NOBODY)
    authenticating = authenticator(reviews)
    with pytest.raises(NotAuthenticated):
        await authenticating.caller("Bearer good")
    reviews.status = GOOD

    assert await authenticating.caller("Bearer good") == CALLER


async def test_an_api_server_that_does_not_answer_lets_nobody_in() -> None:
    with pytest.raises(Unavailable):
        await authenticator(Reviews(Unavailable(0, "nobody answers"))).caller("Bearer good")


async def test_no_token_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("deputy.relay.authentication.time.monotonic", lambda: clock[0])
    authenticating = authenticator(Reviews())

    for number in range(1100):
        clock[0] += 1
        await authenticating.caller(f"Bearer token-{number}")

    assert len(authenticating._known) <= 1001
    assert "token-" not in repr(authenticating._known)
