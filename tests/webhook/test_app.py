"""Facts of the HTTP side: what is answered, whatever is sent."""

import asyncio
import datetime as dt
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession

from deputy.kube.errors import Forbidden, Unavailable
from deputy.kube.resync import Resync
from deputy.processes.webhook import health_of
from deputy.trackers.events import Ignored, SessionCreated, TrackerEvent
from deputy.trackers.linear.errors import CredentialsMissing
from deputy.webhook import metrics
from deputy.webhook.acknowledger import NotAcknowledged
from deputy.webhook.app import Parts, make_app
from deputy.webhook.bodies import MAX_BODY
from deputy.webhook.claiming import ClaimUnsettled
from tests.support.api_server import ApiServer
from tests.support.metrics import counted
from tests.webhook.conftest import SECRET, Replica, delivery, served, sign

UNKNOWN = {"type": "Reaction", "action": "create", "organizationId": "org"}


class Recorder:
    """Takes every event, or raises what it is told to."""

    def __init__(self) -> None:
        self.taken: list[TrackerEvent] = []
        self.error: Exception | None = None

    async def take(self, event: TrackerEvent) -> str:
        if self.error is not None:
            raise self.error
        self.taken.append(event)
        return "ignored" if isinstance(event, Ignored) else "created"


class Secret:
    """Webhook secrets that may be missing."""

    def __init__(self) -> None:
        self.missing = False

    def webhook_secrets(self) -> tuple[bytes, ...]:
        if self.missing:
            raise CredentialsMissing("the Secret lacks the key `webhookSecret`")
        return (b"old-secret", SECRET.encode())

    def check(self) -> None:
        self.webhook_secrets()


class FakeParts:
    """An application whose parts do as they are told."""

    def __init__(self) -> None:
        self.intake = Recorder()
        self.secrets = Secret()
        self.now = 0.0
        self.resync = Resync(ApiServer().client(), (), (), lambda: self.now)
        self.ending = asyncio.Event()
        self.before = counted(metrics.RECEIVED)
        health = health_of(self.ending, self.resync, self.secrets.check)
        self.parts = Parts(self.intake, self.secrets, health, lambda: dt.datetime.now(dt.UTC))

    def received(self) -> dict[tuple[str, ...], int]:
        return dict(counted(metrics.RECEIVED) - self.before)


@pytest.fixture
async def fake() -> FakeParts:
    fake = FakeParts()
    await fake.resync.seed()
    return fake


@pytest.fixture
async def replica(fake: FakeParts, session: ClientSession) -> AsyncIterator[Replica]:
    async with served(make_app(fake.parts)) as url:
        yield Replica(url, session)


def created() -> dict[str, Any]:
    team = {"id": "team", "key": "ENG", "name": "Engineering"}
    issue = {"id": "issue", "identifier": "ENG-1", "title": "t", "url": "u", "team": team}
    return {
        "type": "AgentSessionEvent",
        "action": "created",
        "organizationId": "org",
        "appUserId": "app",
        "agentSession": {"id": "session", "issue": issue},
    }


async def test_a_delivery_is_taken_and_then_answered(replica: Replica, fake: FakeParts) -> None:
    status = await replica.send(created())

    assert status == 200
    (event,) = fake.intake.taken
    assert isinstance(event, SessionCreated)
    assert fake.received() == {("session_created", "created"): 1}


async def test_every_secret_is_good_so_that_they_can_be_rotated(replica: Replica) -> None:
    assert await replica.send(created(), secret="old-secret") == 200


async def test_an_unknown_event_is_answered_and_counted(replica: Replica, fake: FakeParts) -> None:
    status = await replica.send(UNKNOWN)

    assert status == 200
    assert fake.received() == {("ignored", "ignored"): 1}


@pytest.mark.parametrize(
    ("body", "headers", "answer"),
    [
        pytest.param(b"{}", {}, (401, "signature_missing"), id="no signature"),
        pytest.param(
            b"{}", {"Linear-Signature": "00" * 32}, (401, "signature_wrong"), id="wrong signature"
        ),
        pytest.param(
            b"{}", {"Linear-Signature": "é"}, (401, "signature_wrong"), id="odd signature"
        ),
        pytest.param(b"no", {"Linear-Signature": sign(b"no")}, (400, "malformed"), id="not JSON"),
        pytest.param(b"[]", {"Linear-Signature": sign(b"[]")}, (400, "malformed"), id="no object"),
        pytest.param(b"", {"Linear-Signature": sign(b"")}, (400, "malformed"), id="no body"),
        pytest.param(
            b"{}", {"Linear-Signature": sign(b"{}")}, (400, "malformed"), id="no time stamp"
        ),
    ],
)
async def test_what_is_not_from_linear_is_refused(
    replica: Replica, fake: FakeParts, body: bytes, headers: dict[str, str], answer: tuple[int, str]
) -> None:
    answered, _ = await replica.post(body, headers)

    assert answered == answer[0]
    assert fake.intake.taken == []
    assert fake.received() == {("unknown", answer[1]): 1}


@pytest.mark.parametrize("off", [-6.3 * 3600, 61.0])
async def test_a_delivery_from_another_time_is_refused(
    replica: Replica, fake: FakeParts, off: float
) -> None:
    status = await replica.send(created(), at=time.time() + off)

    assert status == 400
    assert fake.received() == {("unknown", "stale"): 1}


async def test_a_body_of_five_megabytes_is_taken(replica: Replica, fake: FakeParts) -> None:
    body, headers = delivery({**created(), "more": "x" * (MAX_BODY - 1000)})

    assert (await replica.post(body, headers))[0] == 200
    assert len(fake.intake.taken) == 1


async def test_a_longer_body_is_refused(replica: Replica, fake: FakeParts) -> None:
    body, headers = delivery({**created(), "more": "x" * MAX_BODY})

    status, _ = await replica.post(body, headers)

    assert status == 413
    assert fake.intake.taken == []
    assert fake.received() == {("unknown", "too_large"): 1}


async def test_a_body_that_does_not_say_how_long_it_is_is_refused_too(
    fake: FakeParts, replica: Replica, session: ClientSession
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY // 65536 + 2):
            yield b"x" * 65536

    headers = {"Linear-Signature": "00" * 32}
    url = f"{replica.url}/webhooks/linear"
    async with session.post(url, data=chunks(), headers=headers) as answer:
        assert answer.status == 413
    assert fake.received() == {("unknown", "too_large"): 1}


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (Unavailable(0, "gone"), "api_server"),
        (Forbidden(403, "may not create agentruns"), "api_server"),
        (NotAcknowledged("Linear is away"), "tracker"),
        (CredentialsMissing("no key"), "tracker"),
        (ClaimUnsettled("busy"), "unsettled"),
        (TimeoutError(), "unsettled"),
    ],
)
async def test_what_could_not_be_taken_has_to_come_again(
    replica: Replica, fake: FakeParts, error: Exception, result: str
) -> None:
    fake.intake.error = error

    status, headers = await replica.post(*delivery(created()))

    assert status == 503
    assert headers["Retry-After"] == "10"
    assert fake.received() == {("session_created", result): 1}


async def test_without_a_secret_nothing_is_taken_and_readyz_says_what_to_do(
    replica: Replica, fake: FakeParts
) -> None:
    fake.secrets.missing = True

    assert await replica.send(created()) == 503
    assert await replica.get("/readyz") == (503, "the Secret lacks the key `webhookSecret`\n")
    assert (await replica.get("/healthz"))[0] == 200


async def test_it_is_not_ready_before_the_blueprints_are_read(session: ClientSession) -> None:
    async with served(make_app(FakeParts().parts)) as url:
        answer = await Replica(url, session).get("/readyz")

    assert answer == (503, "the Blueprints have not been read from the API server yet\n")


async def test_it_is_not_ready_once_it_ends_but_still_takes(
    replica: Replica, fake: FakeParts
) -> None:
    fake.ending.set()

    assert await replica.get("/readyz") == (503, "shutting down\n")
    assert await replica.send(created()) == 200


async def test_it_is_sick_when_the_api_server_is_silent(replica: Replica, fake: FakeParts) -> None:
    assert await replica.get("/healthz") == (200, "ok\n")

    fake.now += 301

    assert await replica.get("/healthz") == (503, "no list has succeeded for 301 s\n")


async def test_metrics_are_served(replica: Replica) -> None:
    await replica.send(UNKNOWN)

    status, text = await replica.get("/metrics")

    assert status == 200
    assert 'deputy_webhook_received_total{kind="ignored",result="ignored"}' in text
    assert "deputy_webhook_seconds_bucket" in text


async def test_an_answer_says_nothing_of_the_body(replica: Replica, session: ClientSession) -> None:
    body, _ = delivery({**created(), "secret": "hidden"})

    async with session.post(f"{replica.url}/webhooks/linear", data=body) as answer:
        told = json.loads(await answer.text())

    assert told == {
        "result": "signature_missing",
        "message": "the header Linear-Signature is missing",
    }
