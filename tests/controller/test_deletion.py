"""Facts of a run that was deleted while it was live: its sessions get their last word."""

import asyncio
from typing import Any

import pytest

from deputy.api.agentrun import AgentRun
from deputy.controller.deletion import Deletion
from deputy.controller.notifier import Notifier
from deputy.controller.run_state import RunStates
from deputy.core import messages
from deputy.core.phase import TERMINAL
from deputy.kube.cache import Cache
from deputy.kube.store import reader_of
from deputy.trackers.updates import PostActivity, Priority, Response
from deputy.wire import stable_id
from tests.support.manifests import LINEAR, RUN_NAME, agent_run
from tests.support.tracker import FakeTracker
from tests.support.waiting import a_while, until

OPENED = {
    "type": "Succeeded",
    "status": "True",
    "lastTransitionTime": "2026-11-21T12:00:00Z",
    "reason": "PullRequestOpened",
    "message": "pull request https://forge/pr/1",
}


read = reader_of(AgentRun)


def deletion(tracker: FakeTracker, states: RunStates | None = None) -> Deletion:
    return Deletion(states or RunStates(), Notifier(Cache(), tracker))


def body(status: dict[str, Any] | None = None, linear: Any = LINEAR, **spec: Any) -> dict[str, Any]:
    status = {"phase": "Running"} | (status or {})
    return agent_run(RUN_NAME, status, {"uid": "uid-1"}, linear=linear, **spec)


def closing(text: str) -> PostActivity:
    return PostActivity(
        "session-1", stable_id("uid-1", "end/session-1"), Response(text), Priority.TERMINAL
    )


async def after(run: dict[str, Any]) -> FakeTracker:
    tracker = FakeTracker()
    deletion(tracker).handle(read(run))
    await until(lambda: bool(tracker.updates))
    return tracker


async def test_a_deleted_run_is_closed_in_its_session_and_nothing_else_is_written() -> None:
    tracker = await after(body())

    assert tracker.closed == ["session-1"]
    assert tracker.updates == [closing(messages.deleted(RUN_NAME).text)]


async def test_every_session_that_joined_hears_of_it() -> None:
    joined = {"id": "m-1", "kind": "Prompt", "sessionId": "session-2", "text": "Me too."}

    tracker = await after(body(inbox=[joined]))

    assert tracker.closed == ["session-1", "session-2"]
    assert len(tracker.updates) == 2


async def test_an_end_that_was_recorded_is_the_one_that_is_told() -> None:
    tracker = await after(body({"conditions": [OPENED], "response": "Fixed."}))

    assert tracker.updates == [closing("Fixed.")]


async def test_a_run_that_may_not_have_its_issue_says_nothing_in_its_session() -> None:
    forbidden = OPENED | {"status": "False", "reason": "IssueNotAllowed"}
    tracker = FakeTracker()

    deletion(tracker).handle(read(body({"conditions": [forbidden]})))
    await a_while()

    assert tracker.updates == []


async def test_a_field_that_a_newer_version_wrote_keeps_nobody_from_hearing_it() -> None:
    tracker = await after(body(mood="good"))

    assert len(tracker.updates) == 1


@pytest.mark.parametrize(
    "run",
    [*(body({"phase": phase}) for phase in sorted(TERMINAL)), body(linear=None)],
    ids=[*sorted(TERMINAL), "by hand"],
)
async def test_nobody_is_told_who_was_told_before_or_never_asked(run: dict[str, Any]) -> None:
    tracker = FakeTracker()

    deletion(tracker).handle(read(run))
    await a_while()

    assert (tracker.updates, tracker.closed) == ([], [])


async def test_the_sidecar_of_a_deleted_run_is_let_go() -> None:
    states, woken = RunStates(), asyncio.Event()
    conversation = states.conversation(read(body()))
    conversation.on_change(woken.set)

    deletion(FakeTracker(), states).handle(read(body({"phase": "Stopped"})))

    assert (woken.is_set(), conversation.finished) == (True, True)
