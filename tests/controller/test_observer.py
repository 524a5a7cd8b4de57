"""Facts of the look at a run: what stores and state say, and when the API server is asked."""

import dataclasses
import datetime as dt
from typing import Any

import pytest

from deputy.api.blueprint import BlueprintSpec
from deputy.controller.observer import Observer
from deputy.controller.run_state import RunState
from deputy.controller.slots import Slots
from deputy.core.admission import Slot
from deputy.core.conversation import RelayConversation
from deputy.core.observed import BlueprintState, Observed, PodSeen
from deputy.core.reason import RunReason
from deputy.kube import resources
from deputy.kube.cache import Cache
from deputy.trackers.models import Issue, Team, WorkflowState
from deputy.wire import Finished, Message, MessageKind, Outcome
from deputy.workspace.pod import build_pod
from tests.support.api_server import ApiServer
from tests.support.manifests import (
    AGENT,
    API_VERSION,
    LINEAR,
    NAMESPACE,
    RUN_NAME,
    SETTINGS,
    agent_run,
    blueprint,
)

NOON = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
NOW = dt.datetime(2026, 11, 21, 12, 5, tzinfo=dt.UTC)
MORE = {"id": "m-1", "kind": "Prompt", "from": "alice", "text": "More."}
PROMPTS = (
    Message("task-1", MessageKind.PROMPT, "Fix it."),
    Message("m-1", MessageKind.PROMPT, "More.", "alice"),
)
DONE = Finished(Outcome.COMPLETED, "", "Done.", delivered_through="task-1")
RUN = resources.agentruns(NAMESPACE, RUN_NAME)
POD = resources.pods(NAMESPACE, f"{RUN_NAME}-1")


class World:
    """An API server with one run, which the watches have told of."""

    def __init__(self, **spec: Any) -> None:
        self.server = ApiServer(NAMESPACE, clock=lambda: NOON)
        self.cache = Cache()
        self.slots = Slots(self.cache, lambda: NOW)
        self.observer = Observer(self.cache, self.server.client(), self.slots)
        self.state = RunState(RelayConversation("uid-1", 1))
        self.add_run(RUN_NAME, **spec)

    def add_run(self, name: str, status: Any = None, uid: str = "uid-1", **spec: Any) -> None:
        run = agent_run(name, status, {"uid": uid}, **spec)
        self.cache.runs.put(self.server.seed(run))

    def change_run(self, status: Any = None, **spec: Any) -> None:
        self.server.patch(RUN, {"spec": spec})
        self.cache.runs.put(self.server.patch(f"{RUN}/status", {"status": status or {}}))

    def put_blueprint(self, ready: str | None = "True", observed: int = 1, **spec: Any) -> None:
        self.cache.blueprints.put(self.server.seed(blueprint(ready, observed, **spec)))

    def new_pod(self, **metadata: Any) -> dict[str, Any]:
        """Create a pod of the run, which no watch has told of."""
        pod = build_pod(self.run, BlueprintSpec.model_validate({"agent": AGENT}), "", SETTINGS)
        pod["metadata"] |= metadata
        return self.server.seed(pod)

    @property
    def run(self) -> Any:
        return self.cache.runs.get(NAMESPACE, RUN_NAME)

    @property
    def asked(self) -> list[str]:
        """What the API server was asked for."""
        return [request.path for request in self.server.requests]

    async def observe(self) -> Observed:
        return await self.observer.observe(self.run, self.state, NOW)


@pytest.fixture
async def world() -> World:
    return World()


@pytest.fixture
async def delegated() -> World:
    """A world whose run works for an issue."""
    return World(linear=LINEAR)


async def test_a_new_run_is_queued_and_everything_else_is_open(world: World) -> None:
    world.put_blueprint()

    assert await world.observe() == Observed(
        now=NOW,
        phase=world.run.status.phase,
        created=dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC),
        slot=Slot(granted=True),
    )
    assert world.asked == []


# The Blueprint


LINEAR_TEAM = {"team": "ENG", "states": {"inProgress": "Doing"}}


@pytest.mark.parametrize(
    ("ready", "observed", "state"),
    [
        ("True", 1, BlueprintState.READY),
        ("False", 1, BlueprintState.NOT_READY),
        ("Unknown", 1, BlueprintState.UNKNOWN),
        ("True", 0, BlueprintState.UNKNOWN),
        ("False", 0, BlueprintState.UNKNOWN),
        (None, 0, BlueprintState.UNKNOWN),
    ],
)
async def test_the_blueprint_of_an_issue_is_as_its_condition_says(
    delegated: World, ready: str | None, observed: int, state: BlueprintState
) -> None:
    delegated.put_blueprint(ready, observed, linear=LINEAR_TEAM)

    assert (await delegated.observe()).blueprint is state


async def test_a_blueprint_that_is_missing_is_named_with_what_to_do(world: World) -> None:
    seen = await world.observe()

    assert (seen.blueprint, seen.blueprint_message) == (
        BlueprintState.MISSING,
        "Blueprint agents/api does not exist; create it or delete this run",
    )


# The slot


async def test_rivals_of_the_same_blueprint_count(world: World) -> None:
    world.put_blueprint(maxConcurrentRuns=1)
    world.add_run("rival", {"phase": "Running"}, "uid-2")

    assert (await world.observe()).slot == Slot(granted=False, position=1)


async def test_a_rival_that_was_granted_a_slot_counts_before_it_shows_it(world: World) -> None:
    world.put_blueprint(maxConcurrentRuns=1)
    world.add_run("rival", uid="uid-2")
    world.slots.assumed.add("uid-2")

    assert (await world.observe()).slot == Slot(granted=False, position=1)


async def test_rivals_of_another_blueprint_do_not_count(world: World) -> None:
    world.put_blueprint(maxConcurrentRuns=1)
    world.add_run("rival", {"phase": "Running"}, "uid-2", blueprintRef={"name": "other"})

    assert (await world.observe()).slot == Slot(granted=True)


# The pod


async def test_a_pod_that_the_watch_told_of_is_not_asked_for(world: World) -> None:
    world.change_run({"phase": "Running", "attempt": 1})
    world.cache.pods.put(world.new_pod())

    assert (await world.observe()).pod == PodSeen(attempt=1)
    assert world.asked == []


async def test_a_pod_that_seems_to_be_gone_is_asked_for_before_anything_is_decided(
    world: World,
) -> None:
    world.change_run({"phase": "Running", "attempt": 1})
    world.new_pod()

    assert (await world.observe()).pod == PodSeen(attempt=1)
    assert world.asked == [POD]


async def test_what_ended_a_workspace_that_was_not_done_is_asked_for(world: World) -> None:
    world.change_run({"phase": "Running", "attempt": 1})
    world.cache.pods.put(world.new_pod())
    killed = {"name": "agent", "state": {"terminated": {"exitCode": 137, "reason": "Error"}}}
    world.server.patch(f"{POD}/status", {"status": {"containerStatuses": [killed]}})
    world.state.conversation.report = dataclasses.replace(DONE, outcome=Outcome.STOPPED)

    seen = await world.observe()

    assert seen.pod is not None
    assert seen.pod.killed is not None
    assert world.asked == [POD]


async def test_a_pod_that_is_gone_is_gone(world: World) -> None:
    world.change_run({"phase": "Running", "attempt": 1})

    assert (await world.observe()).pod is None
    assert world.asked == [POD]


async def test_a_pod_of_somebody_else_is_not_the_runs(world: World) -> None:
    world.change_run({"phase": "Running", "attempt": 1})
    older = {"apiVersion": API_VERSION, "kind": "AgentRun", "name": RUN_NAME, "uid": "older"}
    world.cache.pods.put(world.new_pod(ownerReferences=[older]))

    assert (await world.observe()).pod is None


@pytest.mark.parametrize("status", [{}, {"startTime": "2026-11-21T10:00:00Z"}])
async def test_a_run_that_ends_before_its_pod_is_known_has_it_asked_for(
    world: World, status: dict[str, str]
) -> None:
    stop = {} if status else {"desiredState": "Stopped"}
    world.change_run({"phase": "Claimed", **status}, **stop)
    world.new_pod()

    assert (await world.observe()).pod == PodSeen(attempt=1)


@pytest.mark.parametrize("phase", ["Queued", "Claimed", "Succeeded"])
async def test_where_no_pod_has_to_be_none_is_asked_for(world: World, phase: str) -> None:
    world.change_run({"phase": phase})

    assert (await world.observe()).pod is None
    assert world.asked == []


async def test_after_a_restart_the_older_pod_is_seen_until_it_is_gone(world: World) -> None:
    world.change_run({"phase": "Running", "attempt": 1})
    world.cache.pods.put(world.new_pod())
    world.change_run({"phase": "Running", "attempt": 1}, attempt=2)

    seen = await world.observe()

    assert (seen.attempt, seen.status_attempt, seen.pod) == (2, 1, PodSeen(attempt=1))


# What was said


async def test_a_report_is_not_seen_while_a_newer_prompt_waits(world: World) -> None:
    world.state.conversation.report = DONE
    world.state.conversation.prompts = PROMPTS[:1]
    alone = (await world.observe()).report
    world.state.conversation.prompts = PROMPTS

    assert (alone, (await world.observe()).report) == (DONE, None)


@pytest.mark.parametrize(
    ("status", "conversation", "report", "expected"),
    [
        ("", "", None, 1),
        ("", "task-1", None, 1),
        ("", "m-1", None, 0),
        ("m-1", "", None, 0),
        ("", "task-1", "m-1", 0),
    ],
)
async def test_messages_that_the_agent_was_not_given_are_counted_by_the_newest_word(
    world: World, status: str, conversation: str, report: str | None, expected: int
) -> None:
    blank = MORE | {"id": "m-0", "text": " "}
    world.change_run({"inbox": {"deliveredThrough": status}}, inbox=[blank, MORE])
    world.state.conversation.delivered_through = conversation
    if report is not None:
        world.state.conversation.report = Finished(Outcome.FAILED, "", "", delivered_through=report)

    assert (await world.observe()).undelivered == expected


async def test_an_issue_that_may_not_be_worked_on_is_refused_once_it_was_read(
    delegated: World,
) -> None:
    delegated.put_blueprint(linear=LINEAR_TEAM)
    before = await delegated.observe()
    team, state = Team("team-1", "ENG", "Engineering"), WorkflowState("s-1", "Triage", "triage")
    delegated.state.issue = Issue("issue-1", "ENG-1", "Title", "", team, state=state)
    delegated.state.issue_read = True
    after = await delegated.observe()

    assert (before.issue_read, before.refusal) == (False, None)
    assert after.issue_read
    assert after.refusal is not None
    assert after.refusal.reason is RunReason.STATE_NOT_ALLOWED


async def test_a_session_that_joined_is_owed_its_first_word(delegated: World) -> None:
    delegated.state.acknowledged = frozenset({"session-1"})
    alone = (await delegated.observe()).acknowledged
    joined = MORE | {"sessionId": "session-2"}
    delegated.change_run(inbox=[joined])

    assert (alone, (await delegated.observe()).acknowledged) == (True, False)


async def test_a_new_leader_owes_the_first_word_that_an_earlier_one_may_not_have_got_out(
    delegated: World,
) -> None:
    delegated.change_run({"phase": "Running", "sessions": ["session-1"]})

    assert not (await delegated.observe()).acknowledged


# Whose issue it is


async def test_a_run_may_not_claim_an_issue_that_its_blueprint_does_not_take(
    delegated: World,
) -> None:
    delegated.put_blueprint()

    assert (await delegated.observe()).foreign_to == "api"


async def test_a_run_of_a_blueprint_that_takes_issues_may_claim_one(delegated: World) -> None:
    delegated.put_blueprint(linear=LINEAR_TEAM)

    assert (await delegated.observe()).foreign_to == ""


async def test_an_issue_of_another_team_is_not_worked_on(delegated: World) -> None:
    ids = {"teamId": "team-of-ours", "organizationId": "org-1"}
    body = blueprint("True", linear=LINEAR_TEAM)
    body["status"]["linear"] = ids
    delegated.cache.blueprints.put(delegated.server.seed(body))
    state = WorkflowState("s", "Todo", "unstarted")
    team = Team("team-of-others", "OPS", "Operations")
    delegated.state.issue = Issue("issue-1", "OPS-1", "Title", "", team, state=state)
    delegated.state.issue_read = True

    refusal = (await delegated.observe()).refusal

    assert refusal is not None
    assert refusal.reason is RunReason.BLUEPRINT_NOT_FOUND
