"""Facts of the look at a run: what stores and state say, and when the API server is asked."""

import copy
import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any, cast

import pytest

from deputy.api.blueprint import BlueprintSpec
from deputy.controller.observer import Observer
from deputy.controller.run_state import RunState
from deputy.controller.slots import Slots
from deputy.core.admission import Slot
from deputy.core.conversation import RelayConversation
from deputy.core.observed import BlueprintState, Observed, PodSeen
from deputy.core.reason import RunReason
from deputy.kube.cache import Cache
from deputy.kube.errors import NotFound
from deputy.trackers.models import Issue, Team, WorkflowState
from deputy.wire import Finished, Message, MessageKind, Outcome
from deputy.workspace.pod import WorkspaceSettings, build_pod

if TYPE_CHECKING:
    from deputy.kube.client import Kube

NOW = dt.datetime(2026, 11, 21, 12, 5, tzinfo=dt.UTC)
NAME = "linear-abc-1"
ISSUE = {"organizationId": "org-1", "issueId": "issue-1", "sessionId": "session-1"}
MORE = {"id": "m-1", "kind": "Prompt", "from": "alice", "text": "More."}
PROMPTS = (
    Message("task-1", MessageKind.PROMPT, "Fix it."),
    Message("m-1", MessageKind.PROMPT, "More.", "alice"),
)
DONE = Finished(Outcome.COMPLETED, "", "Done.", delivered_through="task-1")
SETTINGS = WorkspaceSettings("localhost/sidecar:1", "https://relay.deputy:8443", "PEM")
AGENT = {"image": "localhost/agent:1", "command": ["agent"]}
POD = "/api/v1/namespaces/agents/pods/linear-abc-1-1"


class FakeKube:
    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.asked: list[str] = []

    async def get(self, path: str) -> Any:
        self.asked.append(path)
        if path not in self.objects:
            raise NotFound(404, "no such thing")
        return copy.deepcopy(self.objects[path])


class World:
    """A cache with one run of one Blueprint."""

    def __init__(self) -> None:
        self.cache = Cache()
        self.kube = FakeKube()
        self.slots = Slots(self.cache, lambda: NOW)
        self.observer = Observer(self.cache, cast("Kube", self.kube), self.slots)
        self.state = RunState(RelayConversation("uid-1", 1))
        self.version = 0
        self.put_run()

    def meta(self, name: str, uid: str, **facts: Any) -> dict[str, Any]:
        self.version += 1
        return {
            "name": name,
            "namespace": "agents",
            "uid": uid,
            "generation": 1,
            "creationTimestamp": "2026-11-21T12:00:00Z",
            "resourceVersion": str(self.version),
        } | facts

    def put_run(
        self, status: Any = None, name: str = NAME, uid: str = "uid-1", **spec: Any
    ) -> None:
        base = {"blueprintRef": {"name": "api"}, "prompt": "Fix it."}
        body = {"metadata": self.meta(name, uid), "spec": base | spec, "status": status or {}}
        self.cache.runs.put(body)

    def put_blueprint(self, ready: str | None = "True", observed: int = 1, **spec: Any) -> None:
        condition = {
            "type": "Ready",
            "status": ready,
            "reason": "Why",
            "message": "because",
            "lastTransitionTime": "2026-11-21T12:00:00Z",
        }
        status = {"observedGeneration": observed, "conditions": [condition] if ready else []}
        metadata = self.meta("api", "bp-1")
        body = {"metadata": metadata, "spec": {"agent": AGENT} | spec, "status": status}
        self.cache.blueprints.put(body)

    def pod(self, **metadata: Any) -> dict[str, Any]:
        spec = BlueprintSpec.model_validate({"agent": AGENT})
        found = build_pod(self.run, spec, "", SETTINGS)
        found["metadata"] |= self.meta(found["metadata"]["name"], "pod-uid") | metadata
        return found

    @property
    def run(self) -> Any:
        return self.cache.runs.get("agents", NAME)

    async def observe(self) -> Observed:
        return await self.observer.observe(self.run, self.state, NOW)


@pytest.fixture
async def world() -> World:
    return World()


async def test_a_new_run_is_queued_and_everything_else_is_open(world: World) -> None:
    world.put_blueprint()

    assert await world.observe() == Observed(
        now=NOW,
        phase=world.run.status.phase,
        created=dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC),
        slot=Slot(granted=True),
    )
    assert world.kube.asked == []


# The Blueprint


LINEAR = {"team": "ENG", "states": {"inProgress": "Doing"}}


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
    world: World, ready: str | None, observed: int, state: BlueprintState
) -> None:
    world.put_run(linear=ISSUE)
    world.put_blueprint(ready, observed, linear=LINEAR)

    assert (await world.observe()).blueprint is state


async def test_a_blueprint_that_is_missing_is_named_with_what_to_do(world: World) -> None:
    seen = await world.observe()

    assert (seen.blueprint, seen.blueprint_message) == (
        BlueprintState.MISSING,
        "Blueprint agents/api does not exist; create it or delete this run",
    )


# The slot


async def test_rivals_of_the_same_blueprint_count(world: World) -> None:
    world.put_blueprint(maxConcurrentRuns=1)
    world.put_run({"phase": "Running"}, name="rival", uid="uid-2")

    assert (await world.observe()).slot == Slot(granted=False, position=1)


async def test_a_rival_that_was_granted_a_slot_counts_before_it_shows_it(world: World) -> None:
    world.put_blueprint(maxConcurrentRuns=1)
    world.put_run(name="rival", uid="uid-2")
    world.slots.assumed.add("uid-2")

    assert (await world.observe()).slot == Slot(granted=False, position=1)


async def test_rivals_of_another_blueprint_do_not_count(world: World) -> None:
    world.put_blueprint(maxConcurrentRuns=1)
    other = {"name": "other"}
    world.put_run({"phase": "Running"}, name="rival", uid="uid-2", blueprintRef=other)

    assert (await world.observe()).slot == Slot(granted=True)


# The pod


async def test_a_pod_that_the_watch_told_of_is_not_asked_for(world: World) -> None:
    world.put_run({"phase": "Running", "attempt": 1})
    world.cache.pods.put(world.pod())

    assert (await world.observe()).pod == PodSeen(attempt=1)
    assert world.kube.asked == []


async def test_a_pod_that_seems_to_be_gone_is_asked_for_before_anything_is_decided(
    world: World,
) -> None:
    world.put_run({"phase": "Running", "attempt": 1})
    world.kube.objects[POD] = world.pod()

    assert (await world.observe()).pod == PodSeen(attempt=1)
    assert world.kube.asked == [POD]


async def test_what_ended_a_workspace_that_was_not_done_is_asked_for(world: World) -> None:
    world.put_run({"phase": "Running", "attempt": 1})
    world.cache.pods.put(world.pod())
    killed = {"name": "agent", "state": {"terminated": {"exitCode": 137, "reason": "Error"}}}
    world.kube.objects[POD] = world.pod() | {"status": {"containerStatuses": [killed]}}
    world.state.conversation.report = dataclasses.replace(DONE, outcome=Outcome.STOPPED)

    seen = await world.observe()

    assert seen.pod is not None
    assert seen.pod.killed is not None
    assert world.kube.asked == [POD]


async def test_a_pod_that_is_gone_is_gone(world: World) -> None:
    world.put_run({"phase": "Running", "attempt": 1})

    assert (await world.observe()).pod is None
    assert world.kube.asked == [POD]


async def test_a_pod_of_somebody_else_is_not_the_runs(world: World) -> None:
    world.put_run({"phase": "Running", "attempt": 1})
    foreign = world.pod(ownerReferences=[{"kind": "AgentRun", "uid": "uid-of-an-older-run"}])
    world.cache.pods.put(foreign)
    world.kube.objects[POD] = foreign

    assert (await world.observe()).pod is None


@pytest.mark.parametrize("status", [{}, {"startTime": "2026-11-21T10:00:00Z"}])
async def test_a_run_that_ends_before_its_pod_is_known_has_it_asked_for(
    world: World, status: dict[str, str]
) -> None:
    stop = {} if status else {"desiredState": "Stopped"}
    world.put_run({"phase": "Claimed", **status}, **stop)
    world.kube.objects[POD] = world.pod()

    assert (await world.observe()).pod == PodSeen(attempt=1)


@pytest.mark.parametrize("phase", ["Queued", "Claimed", "Succeeded"])
async def test_where_no_pod_has_to_be_none_is_asked_for(world: World, phase: str) -> None:
    world.put_run({"phase": phase})

    assert (await world.observe()).pod is None
    assert world.kube.asked == []


async def test_after_a_restart_the_older_pod_is_seen_until_it_is_gone(world: World) -> None:
    world.put_run({"phase": "Running", "attempt": 1})
    world.cache.pods.put(world.pod())
    world.put_run({"phase": "Running", "attempt": 1}, attempt=2)

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
    world.put_run({"inbox": {"deliveredThrough": status}}, inbox=[blank, MORE])
    world.state.conversation.delivered_through = conversation
    if report is not None:
        world.state.conversation.report = Finished(Outcome.FAILED, "", "", delivered_through=report)

    assert (await world.observe()).undelivered == expected


async def test_an_issue_that_may_not_be_worked_on_is_refused_once_it_was_read(
    world: World,
) -> None:
    world.put_run(linear=ISSUE)
    world.put_blueprint(linear=LINEAR)
    before = await world.observe()
    team, state = Team("team-1", "ENG", "Engineering"), WorkflowState("s-1", "Triage", "triage")
    world.state.issue = Issue("issue-1", "ENG-1", "Title", "", team, state=state)
    world.state.issue_read = True
    after = await world.observe()

    assert (before.issue_read, before.refusal) == (False, None)
    assert after.issue_read
    assert after.refusal is not None
    assert after.refusal.reason is RunReason.STATE_NOT_ALLOWED


async def test_a_session_that_joined_is_owed_its_first_word(world: World) -> None:
    world.put_run(linear=ISSUE)
    world.state.acknowledged = frozenset({"session-1"})
    alone = (await world.observe()).acknowledged
    joined = MORE | {"sessionId": "session-2"}
    world.put_run(linear=ISSUE, inbox=[joined])

    assert (alone, (await world.observe()).acknowledged) == (True, False)


async def test_a_new_leader_owes_the_first_word_that_an_earlier_one_may_not_have_got_out(
    world: World,
) -> None:
    world.put_run({"phase": "Running", "sessions": ["session-1"]}, linear=ISSUE)

    assert not (await world.observe()).acknowledged


# Whose issue it is


async def test_a_run_may_not_claim_an_issue_that_its_blueprint_does_not_take(world: World) -> None:
    world.put_run(linear=ISSUE)
    world.put_blueprint()

    assert (await world.observe()).foreign_to == "api"


async def test_a_run_of_a_blueprint_that_takes_issues_may_claim_one(world: World) -> None:
    world.put_run(linear=ISSUE)
    world.put_blueprint(linear=LINEAR)

    assert (await world.observe()).foreign_to == ""


async def test_an_issue_of_another_team_is_not_worked_on(world: World) -> None:
    world.put_run(linear=ISSUE)
    world.put_blueprint(linear=LINEAR)
    body = world.cache.blueprints.get("agents", "api")
    assert body is not None
    metadata = world.meta("api", "bp-1")
    spec = {"agent": AGENT, "linear": LINEAR}
    status = {"linear": {"teamId": "team-of-ours", "organizationId": "org-1"}}
    world.cache.blueprints.put({"metadata": metadata, "spec": spec, "status": status})
    state = WorkflowState("s", "Todo", "unstarted")
    team = Team("team-of-others", "OPS", "Operations")
    world.state.issue = Issue("issue-1", "OPS-1", "Title", "", team, state=state)
    world.state.issue_read = True

    refusal = (await world.observe()).refusal

    assert refusal is not None
    assert refusal.reason is RunReason.BLUEPRINT_NOT_FOUND
