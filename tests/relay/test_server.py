"""Facts of the relay's server: who is let in, what is understood, and when a poll answers."""

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from deputy.core.conversation import RelayConversation
from deputy.forges.errors import TokenMissing
from deputy.relay.authentication import Authenticator, Caller
from deputy.relay.server import RelayServer
from deputy.relay.service import UnknownCaller
from deputy.wire import (
    MAX_BATCH,
    MAX_TEXT,
    RELAY_AUDIENCE,
    EventsAnswer,
    GitToken,
    Hello,
    Message,
    MessageKind,
    NumberedEvent,
    Thought,
    to_json,
)
from tests.support.api_server import ApiServer

Client: TypeAlias = TestClient[web.Request, web.Application]
Starter: TypeAlias = Callable[[web.Application], Awaitable[Client]]

CALLER = Caller("agents", "linear-abc-1-1", "pod-uid")
GOOD = {"Authorization": "Bearer good"}
TASK = Message("task-1", MessageKind.PROMPT, "Fix it.")
MORE = Message("m-1", MessageKind.PROMPT, "And test it.", "alice")
#: Longer than any poll in these tests takes.
LONG = "30"


class OneRun:
    """A service with one run."""

    def __init__(self) -> None:
        self.one = RelayConversation("uid-1", 1, prompts=(TASK,))
        self.taken: list[NumberedEvent] = []
        self.polled = asyncio.Event()
        self.error: Exception | None = None

    async def conversation(self, caller: Caller) -> RelayConversation:
        assert caller == CALLER
        if self.error is not None:
            raise self.error
        return self.one

    async def note_contact(self, conversation: RelayConversation) -> None:
        assert conversation is self.one
        self.polled.set()

    async def take(
        self, _conversation: RelayConversation, batch: list[NumberedEvent]
    ) -> EventsAnswer:
        self.taken += batch
        return EventsAnswer(2, {1: "the run is over"})

    async def git_token(self, _conversation: RelayConversation) -> GitToken:
        return GitToken("x-access-token", "secret", 3600)


@pytest.fixture
def service() -> OneRun:
    return OneRun()


@pytest.fixture
def server() -> ApiServer:
    """An API server that knows the token `good`."""
    server = ApiServer("agents")
    metadata = {"name": CALLER.pod, "namespace": CALLER.namespace, "uid": CALLER.pod_uid}
    server.admit("good", {"metadata": metadata, "spec": {}}, RELAY_AUDIENCE)
    return server


@pytest.fixture
async def client(aiohttp_client: Starter, service: OneRun, server: ApiServer) -> Client:
    relay = RelayServer(service, Authenticator(server.client()))
    return await aiohttp_client(relay.app())


async def said(answer: aiohttp.ClientResponse) -> tuple[int, Any]:
    return answer.status, await answer.json()


ROUTES = [("POST", "/v1/events"), ("GET", "/v1/inbox"), ("POST", "/v1/tokens/git")]


@pytest.mark.parametrize(("verb", "path"), ROUTES)
@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, "the Authorization header holds no bearer token"),
        ({"Authorization": "Bearer bad"}, "the token is not valid for the relay"),
    ],
    ids=["no", "bad"],
)
async def test_nobody_is_let_in_without_a_good_token(
    client: Client, verb: str, path: str, headers: dict[str, str], error: str
) -> None:
    answer = await client.request(verb, path, headers=headers)

    assert await said(answer) == (401, {"error": error})


@pytest.mark.parametrize(("verb", "path"), ROUTES)
async def test_a_pod_without_a_run_of_its_own_is_refused(
    client: Client, service: OneRun, verb: str, path: str
) -> None:
    service.error = UnknownCaller("the pod belongs to no AgentRun that is known")

    answer = await client.request(verb, path, headers=GOOD)

    assert await said(answer) == (403, {"error": "the pod belongs to no AgentRun that is known"})


@pytest.mark.parametrize(("verb", "path"), ROUTES)
async def test_while_the_api_server_is_away_sidecars_are_asked_to_try_again(
    client: Client, server: ApiServer, verb: str, path: str
) -> None:
    server.faults.drop("create", "tokenreviews")

    answer = await client.request(verb, path, headers=GOOD)

    assert await said(answer) == (
        503,
        {"error": "the API server cannot be reached; try again"},
    )


# Events


def batch(*events: NumberedEvent) -> dict[str, Any]:
    return {"events": [to_json(event) for event in events]}


async def test_a_batch_is_taken_whole_and_the_answer_tells_what_is_safe(
    client: Client, service: OneRun
) -> None:
    events = [NumberedEvent(1, Hello("gemini")), NumberedEvent(2, Thought("I see."))]

    answer = await client.post("/v1/events", json=batch(*events), headers=GOOD)

    assert await said(answer) == (200, {"acked": 2, "refused": {"1": "the run is over"}})
    assert service.taken == events


async def test_fields_that_a_newer_sidecar_adds_are_ignored(
    client: Client, service: OneRun
) -> None:
    event = {"seq": 1, "event": {"kind": "thought", "body": "I see.", "mood": "good"}}

    answer = await client.post("/v1/events", json={"events": [event]}, headers=GOOD)

    assert answer.status == 200
    assert service.taken == [NumberedEvent(1, Thought("I see."))]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"events": 3}',
        '{"events": ["x"]}',
        '{"events": [{"seq": 1}]}',
        '{"events": [{"seq": "one", "event": {"kind": "hello"}}]}',
        '{"events": [{"seq": 1, "event": {"kind": "rumour"}}]}',
        '{"events": [{"seq": 1, "event": {"kind": "thought", "body": 3}}]}',
        json.dumps(batch(*(NumberedEvent(n, Hello()) for n in range(1, 52)))),
    ],
)
async def test_what_the_wire_does_not_allow_is_refused_and_nothing_of_it_taken(
    client: Client, service: OneRun, body: str
) -> None:
    answer = await client.post("/v1/events", data=body, headers=GOOD)

    assert answer.status == 400
    assert (await answer.json())["error"].startswith("not what the wire allows: ")
    assert service.taken == []


async def test_the_longest_batch_that_the_wire_allows_fits(client: Client, service: OneRun) -> None:
    # Outside of the basic plane JSON's escapes take twelve bytes a character.
    longest = Thought("\U0001f600" * MAX_TEXT)
    events = [NumberedEvent(number, longest) for number in range(1, MAX_BATCH + 1)]
    body = io.BytesIO(json.dumps(batch(*events)).encode())

    answer = await client.post("/v1/events", data=body, headers=GOOD)

    assert (answer.status, len(service.taken)) == (200, MAX_BATCH)


async def test_a_body_without_end_is_cut_off(client: Client, service: OneRun) -> None:
    endless = io.BytesIO(b"x" * (17 * 1024 * 1024))

    answer = await client.post("/v1/events", data=endless, headers=GOOD)

    assert answer.status == 413
    assert service.taken == []


async def test_a_mistake_of_ours_is_no_mistake_of_the_sidecars(
    client: Client, service: OneRun
) -> None:
    service.error = ValueError("ours")

    answer = await client.post("/v1/events", json=batch(), headers=GOOD)

    assert answer.status == 500


# The inbox


async def polled(client: Client, after: str, wait: str = "0") -> Any:
    answer = await client.get("/v1/inbox", params={"after": after, "wait": wait}, headers=GOOD)
    assert answer.status == 200
    return (await answer.json())["messages"]


async def test_what_is_there_is_told_at_once(client: Client) -> None:
    assert await polled(client, "", LONG) == [to_json(TASK)]


async def test_a_poll_that_does_not_wait_may_hear_nothing(client: Client) -> None:
    assert await polled(client, "task-1") == []


async def test_a_poll_without_questions_begins_at_the_start(client: Client) -> None:
    answer = await client.get("/v1/inbox", headers=GOOD)

    assert await said(answer) == (200, {"messages": [to_json(TASK)]})


async def test_a_poll_hears_nothing_when_its_time_is_over(client: Client) -> None:
    assert await polled(client, "task-1", "0.01") == []


async def waiting(client: Client, service: OneRun) -> asyncio.Task[Any]:
    """Return a poll that waits at the relay."""
    poll = asyncio.create_task(polled(client, "task-1", LONG))
    async with asyncio.timeout(5):
        await service.polled.wait()
    return poll


async def test_a_prompt_wakes_the_poll(client: Client, service: OneRun) -> None:
    poll = await waiting(client, service)

    service.one.set_prompts((TASK, MORE), 0.0)

    async with asyncio.timeout(5):
        assert await poll == [to_json(MORE)]


async def test_the_finish_wakes_the_poll(client: Client, service: OneRun) -> None:
    poll = await waiting(client, service)

    service.one.finish()

    async with asyncio.timeout(5):
        assert [message["kind"] for message in await poll] == ["Finish"]


async def test_a_relay_that_ends_lets_its_polls_go_with_nothing(
    client: Client, service: OneRun
) -> None:
    poll = await waiting(client, service)

    service.one.wake()

    async with asyncio.timeout(5):
        assert await poll == []


@pytest.mark.parametrize("wait", ["soon", "nan", "-1", ""])
async def test_a_wait_that_is_no_time_is_refused(client: Client, wait: str) -> None:
    answer = await client.get("/v1/inbox", params={"wait": wait}, headers=GOOD)

    assert answer.status == 400


async def test_a_wait_without_end_is_cut_to_what_the_wire_allows(
    client: Client, service: OneRun
) -> None:
    poll = asyncio.create_task(polled(client, "task-1", "inf"))
    async with asyncio.timeout(5):
        await service.polled.wait()
    service.one.finish()

    async with asyncio.timeout(5):
        assert len(await poll) == 1


# Tokens


async def test_a_token_is_handed_to_the_runs_own_pod(client: Client) -> None:
    answer = await client.post("/v1/tokens/git", headers=GOOD)

    assert await said(answer) == (
        200,
        {"username": "x-access-token", "password": "secret", "expires_seconds": 3600},
    )


async def test_a_run_without_a_token_is_told_what_to_create(
    client: Client, service: OneRun
) -> None:
    service.error = TokenMissing('Secret "forge" does not exist; create it')

    answer = await client.post("/v1/tokens/git", headers=GOOD)

    assert await said(answer) == (409, {"error": 'Secret "forge" does not exist; create it'})
