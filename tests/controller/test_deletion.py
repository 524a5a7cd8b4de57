"""Facts of a run that was deleted while it was live: its sessions get their last word."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import pytest

from deputy.api.agentrun import AgentRun
from deputy.controller.deletion import Deletion
from deputy.controller.notifier import Notifier
from deputy.controller.run_state import RunStates
from deputy.core import messages
from deputy.core.phase import TERMINAL
from deputy.kube.cache import Cache
from deputy.kube.store import reader_of
from deputy.trackers.updates import PostActivity, Priority, Response, Update
from deputy.wire import stable_id

if TYPE_CHECKING:
    from deputy.trackers.linear.tracker import Tracker

ISSUE = {"organizationId": "org-1", "issueId": "issue-1", "sessionId": "session-1"}
OPENED = {
    "type": "Succeeded",
    "status": "True",
    "lastTransitionTime": "2026-11-21T12:00:00Z",
    "reason": "PullRequestOpened",
    "message": "pull request https://forge/pr/1",
}


class FakeTracker:
    def __init__(self) -> None:
        self.closed: list[str] = []
        self.updates: list[Update] = []
        self.told = asyncio.Event()

    def close_session(self, session: str) -> None:
        self.closed.append(session)

    async def submit_all(self, updates: Sequence[Update]) -> None:
        self.updates += updates
        self.told.set()


read = reader_of(AgentRun)


def deletion(tracker: FakeTracker, states: RunStates | None = None) -> Deletion:
    return Deletion(states or RunStates(), Notifier(Cache(), cast("Tracker", tracker)))


def body(status: dict[str, Any] | None = None, linear: Any = ISSUE, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "linear-abc-1", "namespace": "agents", "uid": "uid-1"},
        "spec": {"blueprintRef": {"name": "api"}, "prompt": "Fix it.", "linear": linear} | spec,
        "status": {"phase": "Running"} | (status or {}),
    }


def closing(text: str) -> PostActivity:
    return PostActivity(
        "session-1", stable_id("uid-1", "end/session-1"), Response(text), Priority.TERMINAL
    )


async def after(found: dict[str, Any]) -> FakeTracker:
    tracker = FakeTracker()
    deletion(tracker).handle(read(found))
    async with asyncio.timeout(5):
        await tracker.told.wait()
    return tracker


async def test_a_deleted_run_is_closed_in_its_session_and_nothing_else_is_written() -> None:
    tracker = await after(body())

    assert tracker.closed == ["session-1"]
    assert tracker.updates == [closing(messages.deleted("linear-abc-1").text)]


async def test_every_session_that_joined_hears_of_it() -> None:
    joined = {"id": "m-1", "kind": "Prompt", "sessionId": "session-2", "text": "Me too."}

    tracker = await after(body(inbox=[joined]))

    assert tracker.closed == ["session-1", "session-2"]
    assert len(tracker.updates) == 2


async def test_an_end_that_was_recorded_is_the_one_that_is_told() -> None:
    tracker = await after(body({"conditions": [OPENED], "response": "Fixed."}))

    assert tracker.updates == [closing("Fixed.")]


async def test_a_field_that_a_newer_version_wrote_keeps_nobody_from_hearing_it() -> None:
    tracker = await after(body(mood="good"))

    assert len(tracker.updates) == 1


@pytest.mark.parametrize(
    "found",
    [*(body({"phase": phase}) for phase in sorted(TERMINAL)), body(linear=None)],
    ids=[*sorted(TERMINAL), "by hand"],
)
async def test_nobody_is_told_who_was_told_before_or_never_asked(found: dict[str, Any]) -> None:
    tracker = FakeTracker()

    deletion(tracker).handle(read(found))
    await asyncio.sleep(0)

    assert (tracker.updates, tracker.closed) == ([], [])


async def test_the_sidecar_of_a_deleted_run_is_let_go() -> None:
    states, woken = RunStates(), asyncio.Event()
    conversation = states.conversation(read(body()))
    conversation.on_change(woken.set)

    deletion(FakeTracker(), states).handle(read(body({"phase": "Stopped"})))

    assert (woken.is_set(), conversation.finished) == (True, True)
