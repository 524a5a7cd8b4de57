"""Facts of authentication: only the API server says whose token it is."""

import asyncio
from typing import Any

import pytest

from deputy.kube.errors import Unavailable
from deputy.relay.authentication import Authenticator, Caller, NotAuthenticated
from tests.support.api_server import ApiServer

pytestmark = pytest.mark.virtual_time

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


@pytest.fixture
def server() -> ApiServer:
    """An API server that knows the token `good`."""
    server = ApiServer()
    server.tokens["good"] = GOOD
    return server


@pytest.fixture
async def authenticator(server: ApiServer) -> Authenticator:
    return Authenticator(server.client(), asyncio.get_running_loop().time)


def reviewed(server: ApiServer) -> list[Any]:
    """Return what the API server was asked."""
    return [request.json()["spec"] for request in server.requests]


async def test_a_token_that_the_api_server_knows_names_its_pod(
    server: ApiServer, authenticator: Authenticator
) -> None:
    assert await authenticator.caller("Bearer good") == CALLER
    assert reviewed(server) == [{"token": "good", "audiences": ["deputy-relay"]}]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic Z29vZA==", "good"])
async def test_a_call_without_a_token_is_refused_unasked(
    server: ApiServer, authenticator: Authenticator, header: str
) -> None:
    with pytest.raises(NotAuthenticated, match="holds no bearer token"):
        await authenticator.caller(header)
    assert reviewed(server) == []


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
    server: ApiServer, authenticator: Authenticator, status: dict[str, Any], message: str
) -> None:
    server.tokens["bad"] = status

    with pytest.raises(NotAuthenticated, match=message):
        await authenticator.caller("Bearer bad")


async def test_a_token_is_reviewed_once_a_minute(
    server: ApiServer, authenticator: Authenticator
) -> None:
    await authenticator.caller("Bearer good")
    await authenticator.caller("Bearer good")
    await asyncio.sleep(61)
    await authenticator.caller("Bearer good")

    assert len(reviewed(server)) == 2


async def test_every_token_is_reviewed_for_itself(
    server: ApiServer, authenticator: Authenticator
) -> None:
    await authenticator.caller("Bearer good")
    server.tokens["other"] = NOBODY

    with pytest.raises(NotAuthenticated):
        await authenticator.caller("Bearer other")


async def test_a_refusal_is_not_remembered(server: ApiServer, authenticator: Authenticator) -> None:
    server.tokens["good"] = NOBODY
    with pytest.raises(NotAuthenticated):
        await authenticator.caller("Bearer good")
    server.tokens["good"] = GOOD

    assert await authenticator.caller("Bearer good") == CALLER


async def test_an_api_server_that_does_not_answer_lets_nobody_in(
    server: ApiServer, authenticator: Authenticator
) -> None:
    server.faults.drop("create", "tokenreviews")

    with pytest.raises(Unavailable):
        await authenticator.caller("Bearer good")


async def test_no_token_is_kept(server: ApiServer, authenticator: Authenticator) -> None:
    for number in range(1100):
        server.tokens[f"token-{number}"] = GOOD
        await asyncio.sleep(1)
        await authenticator.caller(f"Bearer token-{number}")

    kept = repr(vars(authenticator))
    assert "token-" not in kept
    assert kept.count("Caller(") <= 1001
