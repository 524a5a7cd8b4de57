"""Facts of single actions; that all of them together are safe is proved in test_run_world.

What a new leader repeats of what an earlier one may not have got out.
"""

import datetime as dt

from deputy.controller.actor import Actor
from deputy.controller.notifier import Notifier
from deputy.controller.run_state import RunState
from deputy.controller.slots import Slots
from deputy.core import acknowledgements
from deputy.core.action import Acknowledge, Action, MoveTo
from deputy.core.conversation import RelayConversation
from deputy.core.phase import Phase
from deputy.core.reason import RunReason
from deputy.kube import resources
from deputy.kube.cache import Cache
from deputy.trackers.updates import ChangeIssue, PostActivity, Priority, SetPlan, Update
from deputy.wire import Thought
from tests.controller.outside import FakePullRequests
from tests.support.api_server import ApiServer
from tests.support.manifests import LINEAR, NAMESPACE, RUN_NAME, SETTINGS, agent_run
from tests.support.tracker import FakeTracker
from tests.support.waiting import a_while

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
RUN = resources.agentruns(NAMESPACE, RUN_NAME)
WORKS = MoveTo(Phase.RUNNING, RunReason.WORKING, "the agent works")


class NewLeader:
    """A leader that has just begun, and the run that an earlier one left it."""

    def __init__(self, phase: str) -> None:
        self.server = ApiServer(NAMESPACE, clock=lambda: NOW)
        kube, cache = self.server.client(), Cache()
        status = {"phase": phase, "attempt": 1, "sessions": ["session-1"]}
        linear = LINEAR | {"appUserId": "app-1"}
        cache.runs.put(self.server.seed(agent_run(status=status, linear=linear)))
        self.run = cache.runs.get(NAMESPACE, RUN_NAME)
        self.tracker, self.state = FakeTracker(), RunState(RelayConversation("uid-1", 1))
        self.actor = Actor(
            kube=kube,
            cache=cache,
            tracker=self.tracker,
            notifier=Notifier(cache, self.tracker),
            pull_requests=FakePullRequests(),
            workspace=SETTINGS,
            slots=Slots(cache),
            enqueue=lambda _: None,
        )

    async def acts(self, action: Action) -> list[Update]:
        """Return what the tracker is told when `action` is carried out."""
        assert self.run is not None
        await self.actor.act(self.run, self.state, action, NOW)
        await a_while()
        return self.tracker.updates


async def test_the_first_word_is_said_again_under_the_same_id() -> None:
    first = acknowledgements.first("session-1")

    assert await NewLeader("Running").acts(Acknowledge()) == [
        PostActivity("session-1", first.activity_id, Thought(first.body), Priority.ACKNOWLEDGEMENT)
    ]


async def test_the_start_is_told_again_where_the_workspace_was_not_heard_of_before() -> None:
    leader = NewLeader("Launching")

    told = await leader.acts(WORKS)

    assert [type(update) for update in told] == [ChangeIssue, SetPlan, SetPlan]
    assert told[0] == ChangeIssue("issue-1", delegate_id="app-1", session_id="session-1")
    assert leader.server.read(RUN)["status"]["phase"] == "Running"


async def test_the_start_of_a_run_that_goes_on_is_not_told_again() -> None:
    leader = NewLeader("AwaitingInput")

    assert await leader.acts(WORKS) == []
    assert leader.server.read(RUN)["status"]["phase"] == "Running"
