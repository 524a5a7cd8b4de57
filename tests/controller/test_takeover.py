"""What a new leader repeats of what an earlier one may not have got out."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from deputy.controller.actor import Actor
from deputy.controller.notifier import Notifier
from deputy.controller.run_state import RunState
from deputy.controller.slots import Slots
from deputy.core import acknowledgements
from deputy.core.action import (
    Acknowledge,
    Action,
    MoveTo,
)
from deputy.core.conversation import RelayConversation
from deputy.core.phase import Phase
from deputy.core.reason import RunReason
from deputy.kube.cache import Cache
from deputy.trackers.updates import ChangeIssue, PostActivity, Priority, SetPlan, Update
from deputy.wire import Thought
from deputy.workspace.pod import WorkspaceSettings

if TYPE_CHECKING:
    from deputy.controller.pull_requests import PullRequests
    from deputy.kube.client import Kube
    from deputy.trackers.linear.tracker import Tracker

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
ISSUE = {
    "organizationId": "org-1",
    "issueId": "issue-1",
    "sessionId": "session-1",
    "appUserId": "app-1",
}
WORKS = MoveTo(Phase.RUNNING, RunReason.WORKING, "the agent works")


class FakeTracker:
    def __init__(self) -> None:
        self.updates: list[Update] = []

    def open_session(self, _session: str) -> None:
        """Take note of nothing."""

    async def submit_all(self, updates: Sequence[Update]) -> None:
        self.updates += updates


class FakeKube:
    """Takes every status."""

    def __init__(self, run: dict[str, Any]) -> None:
        self.run = run

    async def patch(self, _path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self.run | {"status": self.run["status"] | body["status"]}


class NewLeader:
    """A leader that has just begun, and the run that an earlier one left it."""

    def __init__(self, phase: str) -> None:
        body = {
            "metadata": {
                "name": "linear-abc-1",
                "namespace": "agents",
                "uid": "uid-1",
                "creationTimestamp": "2026-11-21T12:00:00Z",
                "resourceVersion": "1",
            },
            "spec": {"blueprintRef": {"name": "api"}, "prompt": "Fix it.", "linear": ISSUE},
            "status": {"phase": phase, "attempt": 1, "sessions": ["session-1"]},
        }
        self.tracker, self.state = FakeTracker(), RunState(RelayConversation("uid-1", 1))
        cache = Cache()
        cache.runs.put(body)
        self.run = cache.runs.get("agents", "linear-abc-1")
        self.actor = Actor(
            kube=cast("Kube", FakeKube(body)),
            cache=cache,
            tracker=cast("Tracker", self.tracker),
            notifier=Notifier(cache, cast("Tracker", self.tracker)),
            pull_requests=cast("PullRequests", None),
            workspace=WorkspaceSettings("", "", ""),
            slots=Slots(cache),
            enqueue=lambda _: None,
        )

    async def acts(self, action: Action) -> list[Update]:
        assert self.run is not None
        await self.actor.act(self.run, self.state, action, NOW)
        await asyncio.sleep(0)
        return self.tracker.updates


async def test_the_first_word_is_said_again_under_the_same_id() -> None:
    first = acknowledgements.first("session-1")

    assert await NewLeader("Running").acts(Acknowledge()) == [
        PostActivity("session-1", first.activity_id, Thought(first.body), Priority.ACKNOWLEDGEMENT)
    ]


async def test_the_start_is_told_again_where_the_workspace_was_not_heard_of_before() -> None:
    told = await NewLeader("Launching").acts(WORKS)

    assert [type(update) for update in told] == [ChangeIssue, SetPlan, SetPlan]
    assert told[0] == ChangeIssue("issue-1", delegate_id="app-1", session_id="session-1")


async def test_the_start_of_a_run_that_goes_on_is_not_told_again() -> None:
    assert await NewLeader("AwaitingInput").acts(WORKS) == []
