"""Facts of the service behind the relay: who may speak for whom, and what the agent is told."""

import asyncio
from typing import Any

import pytest

from deputy.controller.run_state import messages_of
from deputy.core.conversation import FINISH, RelayConversation
from deputy.core.phase import TERMINAL
from deputy.forges.errors import TokenMissing
from deputy.kube.errors import Unavailable
from deputy.relay.authentication import Caller
from deputy.relay.service import UnknownCaller
from deputy.wire import (
    GitToken,
    Message,
    MessageKind,
    NumberedEvent,
    Thought,
)
from tests.relay.relay_world import CALLER, DECIDED, MORE, POD, World, done
from tests.support.manifests import API_VERSION, RUN_NAME


@pytest.fixture
async def world() -> World:
    return World()


# Who speaks for whom


async def test_a_pod_speaks_for_its_run(world: World) -> None:
    assert (await world.service.conversation(CALLER)).run_uid == "uid-1"


async def test_a_pod_that_the_watch_has_not_told_of_is_read_directly(world: World) -> None:
    world.put_run({"attempt": 2}, attempt=2)
    world.new_pod(name=f"{RUN_NAME}-2", uid="newer")

    conversation = await world.service.conversation(Caller("agents", f"{RUN_NAME}-2", "newer"))

    assert conversation.run_uid == "uid-1"


async def test_a_pod_that_was_made_anew_under_its_name_is_read_directly(world: World) -> None:
    world.server.delete(POD)
    world.new_pod(uid="newer")

    conversation = await world.service.conversation(Caller("agents", CALLER.pod, "newer"))

    assert conversation.run_uid == "uid-1"


async def test_the_token_of_a_pod_that_is_gone_speaks_for_nobody(world: World) -> None:
    world.server.delete(POD)
    world.new_pod(uid="newer")

    with pytest.raises(UnknownCaller, match="of an older pod"):
        await world.service.conversation(Caller("agents", CALLER.pod, "oldest"))


async def test_a_pod_that_nobody_knows_speaks_for_nobody(world: World) -> None:
    with pytest.raises(UnknownCaller, match="there is no pod agents/stranger"):
        await world.service.conversation(Caller("agents", "stranger", "x"))


ANOTHER_RUN = {"apiVersion": API_VERSION, "kind": "AgentRun", "name": "another", "uid": "uid-2"}


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {"deputy.dev/run": None}, "ownerReferences": None},
        {"labels": None},
        {"ownerReferences": None},
        {"ownerReferences": [ANOTHER_RUN]},
    ],
    ids=["no label", "no labels", "no owner", "another owner"],
)
async def test_a_label_alone_makes_no_pod_speak_for_a_run(
    world: World, metadata: dict[str, Any]
) -> None:
    world.change_pod(**metadata)

    with pytest.raises(UnknownCaller):
        await world.service.conversation(CALLER)


async def test_no_pod_speaks_for_a_run_of_another_namespace(world: World) -> None:
    world.put_pod(namespace="evil", uid="evil-uid")

    with pytest.raises(UnknownCaller, match="was not made for its AgentRun"):
        await world.service.conversation(Caller("evil", CALLER.pod, "evil-uid"))


async def test_a_second_pod_of_the_same_owner_does_not_speak_for_it(world: World) -> None:
    world.put_pod(name="forged", uid="forged-uid")

    with pytest.raises(UnknownCaller, match="another attempt"):
        await world.service.conversation(Caller("agents", "forged", "forged-uid"))


async def test_the_pod_of_an_older_attempt_does_not_speak_any_more(world: World) -> None:
    world.put_run({"attempt": 2}, attempt=2)

    with pytest.raises(UnknownCaller, match="another attempt"):
        await world.service.conversation(CALLER)


async def test_the_pod_of_a_new_attempt_is_asked_to_wait_until_it_is_noted(world: World) -> None:
    world.put_run({"attempt": 1}, attempt=2)
    world.put_pod(name=f"{RUN_NAME}-2", uid="newer")

    with pytest.raises(Unavailable):
        await world.service.conversation(Caller("agents", f"{RUN_NAME}-2", "newer"))


# What the agent is told


async def test_the_task_comes_first_then_what_people_said_in_order(world: World) -> None:
    stop = MORE | {"id": "m-2", "kind": "Stop", "text": ""}
    blank = MORE | {"id": "m-3", "text": " \n"}
    world.put_run(inbox=[MORE, stop, blank, MORE | {"id": "m-4", "text": "Again."}])

    assert messages_of(world.run) == (
        Message("task-1", MessageKind.PROMPT, "Fix it."),
        Message("m-1", MessageKind.PROMPT, "More.", "alice"),
        Message("m-4", MessageKind.PROMPT, "Again.", "alice"),
    )


async def test_a_new_prompt_wakes_the_poll(world: World) -> None:
    woken = asyncio.Event()
    world.conversation.on_change(woken.set)
    world.put_run(inbox=[MORE])

    world.states.refresh(world.run)

    assert woken.is_set()
    assert [message.id for message in world.conversation.messages_after("task-1")] == ["m-1"]


@pytest.mark.parametrize(
    "status",
    [{"conditions": [DECIDED]}, *({"phase": phase} for phase in sorted(TERMINAL))],
    ids=["decided", *sorted(TERMINAL)],
)
async def test_the_end_of_a_run_wakes_the_poll(world: World, status: dict[str, Any]) -> None:
    woken = asyncio.Event()
    world.conversation.on_change(woken.set)
    world.put_run(status)

    world.states.refresh(world.run)

    assert woken.is_set()
    assert [message.kind for message in world.conversation.messages_after("task-1")] == [
        MessageKind.FINISH
    ]


async def test_a_new_attempt_begins_a_new_conversation(world: World) -> None:
    await world.take(Thought("I see."), done())
    world.put_run({"attempt": 2, "phase": "Launching"}, attempt=2)

    assert world.conversation == RelayConversation(
        "uid-1",
        2,
        prompts=(Message("task-2", MessageKind.PROMPT, "Fix it."),),
        arrived=world.conversation.arrived,
        last_contact=world.conversation.last_contact,
    )


# Tokens


REPOSITORY = {"url": "https://github.com/acme/api.git", "credentialsSecretRef": {"name": "forge"}}


def put_secret(world: World, **content: Any) -> None:
    metadata = {"name": "forge", "namespace": "agents"}
    world.server.seed({"apiVersion": "v1", "kind": "Secret", "metadata": metadata} | content)


async def test_the_token_is_the_blueprints(world: World) -> None:
    world.put_blueprint(REPOSITORY)
    put_secret(world, stringData={"token": "secret\n"})

    git_token = await world.service.git_token(world.conversation)

    assert git_token == GitToken("x-access-token", "secret", 3600)


@pytest.mark.parametrize(
    ("repository", "secret", "message"),
    [
        (None, None, "the run has no repository"),
        ({"url": "https://github.com/acme/api.git"}, None, "credentialsSecretRef"),
        (REPOSITORY, None, '"forge" does not exist in namespace agents; create it'),
        (REPOSITORY, {"data": {"password": "eA=="}}, "has no key `token`; add it"),
        (REPOSITORY, {}, "has no key `token`; add it"),
        (REPOSITORY, {"data": None}, "has no key `token`; add it"),
        (REPOSITORY, {"data": {"token": ""}}, "holds no token; set it"),
        (REPOSITORY, {"data": {"token": "dHdvIHdvcmRz"}}, "holds no token; set it"),
        (REPOSITORY, {"data": {"token": "/w=="}}, "holds no token; set it"),
    ],
    ids=[
        "no repository",
        "no reference",
        "no secret",
        "another key",
        "empty",
        "no data",
        "blank",
        "words",
        "no text",
    ],
)
async def test_a_token_that_is_not_there_is_named_with_what_to_do(
    world: World, repository: Any, secret: Any, message: str
) -> None:
    world.put_blueprint(repository)
    if secret is not None:
        put_secret(world, **secret)

    with pytest.raises(TokenMissing, match=message):
        await world.service.git_token(world.conversation)


async def test_the_workspace_of_a_deleted_run_may_still_save_its_work_and_hears_that_it_is_over(
    world: World,
) -> None:
    world.put_blueprint(REPOSITORY)
    put_secret(world, stringData={"token": "secret"})
    world.deleted["uid-1"] = world.run
    world.delete_run()
    world.states.forget("uid-1")

    conversation = await world.service.conversation(CALLER)
    await world.service.note_contact(conversation)
    answer = await world.service.take(conversation, [NumberedEvent(1, done())])

    assert conversation.messages_after("task-1") == (FINISH,)
    assert (answer.acked, answer.refused) == (1, {1: "the run is over"})
    assert (await world.service.git_token(conversation)).password == "secret"
    assert world.tracker.updates == []


async def test_a_deleted_run_without_its_pod_is_unknown(world: World) -> None:
    world.delete_run()

    with pytest.raises(UnknownCaller):
        await world.service.conversation(CALLER)
