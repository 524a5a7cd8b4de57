"""Facts of the desk behind the relay: what is safe, what is refused, and who may speak for whom."""

import asyncio
import base64
import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest

from deputy.api.blueprint import BlueprintSpec
from deputy.controller import desk as desks
from deputy.controller.cluster import Cluster, Key
from deputy.controller.desk import RunDesk, prompts_of
from deputy.controller.memory import Memories
from deputy.core.phase import TERMINAL, Phase
from deputy.kube.errors import NotFound, Unavailable
from deputy.kube.workspace import WorkspaceSettings, build_pod
from deputy.relay.app import NoToken, NotYours
from deputy.relay.authentication import Caller
from deputy.relay.conversation import Conversation
from deputy.trackers.updates import PostActivity, SetPlan, Thought, Update
from deputy.wire import (
    Answered,
    Asked,
    Event,
    EventsAnswer,
    Finished,
    GitToken,
    Hello,
    Message,
    MessageKind,
    NumberedEvent,
    Outcome,
    PlanChanged,
    Step,
    StepStatus,
    TurnStarted,
    stable_id,
)
from deputy.wire import Thought as Said

if TYPE_CHECKING:
    from deputy.controller.tracker import Tracker
    from deputy.kube.client import Kube

SETTINGS = WorkspaceSettings("localhost/sidecar:1", "https://relay.deputy:8443", "PEM")
NAME = "linear-abc-1"
CALLER = Caller("agents", f"{NAME}-1", "pod-uid")
KEY = ("agents", NAME)
ISSUE = {"organizationId": "org-1", "issueId": "issue-1", "sessionId": "session-1"}
MORE = {"id": "m-1", "kind": "Prompt", "sessionId": "session-1", "from": "alice", "text": "More."}
DECIDED = {
    "type": "Succeeded",
    "status": "False",
    "lastTransitionTime": "2026-11-21T12:00:00Z",
    "reason": "StoppedByUser",
    "message": "stopped, as asked",
}


class FakeTracker:
    """Takes every update, and lets the test say when the tracker has it."""

    def __init__(self) -> None:
        self.sent: list[tuple[Update, asyncio.Future[str]]] = []
        self.at_once = True
        self.refuses = ""

    def submit(self, update: Update) -> asyncio.Future[str]:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.sent.append((update, future))
        if self.at_once:
            future.set_result(self.refuses)
        return future

    @property
    def updates(self) -> list[Update]:
        return [update for update, _ in self.sent]

    @property
    def ids(self) -> list[str]:
        return [one.activity_id for one in self.updates if isinstance(one, PostActivity)]


class FakeKube:
    """The objects that the API server has."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}

    async def get(self, path: str) -> Any:
        if path not in self.objects:
            raise NotFound(404, "no such thing")
        return copy.deepcopy(self.objects[path])


class World:
    """A cluster with one run and its pod, and the leader's desk."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.kube = FakeKube()
        self.tracker = FakeTracker()
        self.looked_at: list[Key] = []
        self.version = 0
        self.desk = self.new_leader()
        self.put_run()
        self.put_pod()

    def new_leader(self) -> RunDesk:
        self.desk = RunDesk(
            kube=cast("Kube", self.kube),
            cluster=self.cluster,
            memories=Memories(),
            tracker=cast("Tracker", self.tracker),
            look_at=self.looked_at.append,
        )
        return self.desk

    def run_body(
        self, status: dict[str, Any] | None = None, metadata: Any = None, **spec: Any
    ) -> dict[str, Any]:
        self.version += 1
        return {
            "metadata": {
                "name": NAME,
                "namespace": "agents",
                "uid": "uid-1",
                "creationTimestamp": "2026-11-21T12:00:00Z",
                "resourceVersion": str(self.version),
            }
            | (metadata or {}),
            "spec": {"blueprintRef": {"name": "api"}, "prompt": "Fix it.", "linear": ISSUE} | spec,
            "status": {"phase": "Running", "attempt": 1} | (status or {}),
        }

    def put_run(self, status: dict[str, Any] | None = None, **spec: Any) -> None:
        self.cluster.runs.put(self.run_body(status, **spec))

    @property
    def run(self) -> Any:
        return self.cluster.runs.get(*KEY)

    def pod_body(self, spec: BlueprintSpec | None = None, **metadata: Any) -> dict[str, Any]:
        agent = {"image": "localhost/agent:1", "command": ["agent"]}
        found = build_pod(
            self.run, spec or BlueprintSpec.model_validate({"agent": agent}), "", SETTINGS
        )
        self.version += 1
        found["metadata"] |= {"uid": "pod-uid", "resourceVersion": str(self.version)} | metadata
        return found

    def put_pod(self, **metadata: Any) -> None:
        self.cluster.pods.put(self.pod_body(**metadata))

    def put_blueprint(self, repository: dict[str, Any] | None) -> None:
        self.version += 1
        agent = {"image": "localhost/agent:1", "command": ["agent"]}
        metadata = {"name": "api", "namespace": "agents", "uid": "bp-1"}
        metadata["resourceVersion"] = str(self.version)
        spec = {"agent": agent} | ({"repository": repository} if repository else {})
        self.cluster.blueprints.put({"metadata": metadata, "spec": spec})

    @property
    def talk(self) -> Conversation:
        return self.desk.memory_of(self.run).talk

    async def take(self, *events: Event, start: int = 1) -> EventsAnswer:
        batch = [NumberedEvent(seq, event) for seq, event in enumerate(events, start)]
        return await self.desk.take(self.talk, batch)

    async def until(self, fact: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not fact():  # noqa: ASYNC110  what is waited for tells nobody
                await asyncio.sleep(0)


@pytest.fixture
async def world() -> World:
    return World()


def done(through: str = "task-1", outcome: Outcome = Outcome.COMPLETED) -> Finished:
    return Finished(outcome, "", "Done.", delivered_through=through)


def event_id(seq: int, attempt: int = 1) -> str:
    return stable_id(f"uid-1/{attempt}", f"event/{seq}")


# Who speaks for whom


async def test_a_pod_speaks_for_its_run(world: World) -> None:
    assert (await world.desk.conversation(CALLER)).run_uid == "uid-1"


async def test_a_pod_that_the_watch_has_not_told_of_is_read_directly(world: World) -> None:
    body = world.pod_body()
    world.cluster.pods.remove(body)
    world.kube.objects["/api/v1/namespaces/agents/pods/linear-abc-1-1"] = body

    assert (await world.desk.conversation(CALLER)).run_uid == "uid-1"


async def test_a_pod_that_was_made_anew_under_its_name_is_read_directly(world: World) -> None:
    newer = world.pod_body(uid="newer")
    world.kube.objects["/api/v1/namespaces/agents/pods/linear-abc-1-1"] = newer

    found = await world.desk.conversation(Caller("agents", CALLER.pod, "newer"))

    assert found.run_uid == "uid-1"


async def test_the_token_of_a_pod_that_is_gone_speaks_for_nobody(world: World) -> None:
    body = world.pod_body(uid="newer")
    world.kube.objects["/api/v1/namespaces/agents/pods/linear-abc-1-1"] = body

    with pytest.raises(NotYours, match="of an older pod"):
        await world.desk.conversation(Caller("agents", CALLER.pod, "oldest"))


async def test_a_pod_that_nobody_knows_speaks_for_nobody(world: World) -> None:
    with pytest.raises(NotYours, match="there is no pod agents/stranger"):
        await world.desk.conversation(Caller("agents", "stranger", "x"))


LABELS = {"deputy.dev/run": "uid-1"}


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {}, "ownerReferences": []},
        {"labels": None},
        {"labels": LABELS, "ownerReferences": []},
        {"labels": LABELS, "ownerReferences": [{"kind": "AgentRun", "uid": "uid-2"}]},
    ],
    ids=["no label", "no labels", "no owner", "another owner"],
)
async def test_a_label_alone_makes_no_pod_speak_for_a_run(
    world: World, metadata: dict[str, Any]
) -> None:
    world.put_pod(**metadata)

    with pytest.raises(NotYours):
        await world.desk.conversation(CALLER)


async def test_no_pod_speaks_for_a_run_of_another_namespace(world: World) -> None:
    world.put_pod(namespace="evil")

    with pytest.raises(NotYours, match="was not made for its AgentRun"):
        await world.desk.conversation(Caller("evil", CALLER.pod, "pod-uid"))


async def test_a_second_pod_of_the_same_owner_does_not_speak_for_it(world: World) -> None:
    world.put_pod(name="forged")

    with pytest.raises(NotYours, match="another attempt"):
        await world.desk.conversation(Caller("agents", "forged", "pod-uid"))


async def test_the_pod_of_an_older_attempt_does_not_speak_any_more(world: World) -> None:
    world.put_run({"attempt": 2}, attempt=2)

    with pytest.raises(NotYours, match="another attempt"):
        await world.desk.conversation(CALLER)


async def test_the_pod_of_a_new_attempt_is_asked_to_wait_until_it_is_noted(world: World) -> None:
    world.put_run({"attempt": 1}, attempt=2)
    world.put_pod(name=f"{NAME}-2")

    with pytest.raises(Unavailable):
        await world.desk.conversation(Caller("agents", f"{NAME}-2", "pod-uid"))


# What the agent is told


async def test_the_task_comes_first_then_what_people_said_in_order(world: World) -> None:
    stop = MORE | {"id": "m-2", "kind": "Stop", "text": ""}
    blank = MORE | {"id": "m-3", "text": " \n"}
    world.put_run(inbox=[MORE, stop, blank, MORE | {"id": "m-4", "text": "Again."}])

    assert prompts_of(world.run) == (
        Message("task-1", MessageKind.PROMPT, "Fix it."),
        Message("m-1", MessageKind.PROMPT, "More.", "alice"),
        Message("m-4", MessageKind.PROMPT, "Again.", "alice"),
    )


async def test_a_new_prompt_wakes_the_poll(world: World) -> None:
    waiting = world.talk.changed
    world.put_run(inbox=[MORE])

    world.desk.refresh(world.run)

    assert waiting.is_set()
    assert [message.id for message in world.talk.messages_after("task-1")] == ["m-1"]


@pytest.mark.parametrize(
    "status",
    [{"conditions": [DECIDED]}, *({"phase": phase} for phase in sorted(TERMINAL))],
    ids=["decided", *sorted(TERMINAL)],
)
async def test_the_end_of_a_run_wakes_the_poll(world: World, status: dict[str, Any]) -> None:
    waiting = world.talk.changed
    world.put_run(status)

    world.desk.refresh(world.run)

    assert waiting.is_set()
    assert [message.kind for message in world.talk.messages_after("task-1")] == [MessageKind.FINISH]


async def test_a_new_attempt_begins_a_new_talk(world: World) -> None:
    await world.take(Said("I see."), done())
    world.put_run({"attempt": 2, "phase": "Launching"}, attempt=2)

    assert world.talk == Conversation(
        "uid-1",
        2,
        prompts=(Message("task-2", MessageKind.PROMPT, "Fix it."),),
        arrived=world.talk.arrived,
        changed=world.talk.changed,
    )


# What is safe


async def test_an_event_is_shown_under_an_id_of_its_own_and_then_safe(world: World) -> None:
    answer = await world.take(Said("I see."), Said("I go on."))

    assert answer == EventsAnswer(2)
    assert world.tracker.updates == [
        PostActivity("session-1", event_id(1), Thought("I see.")),
        PostActivity("session-1", event_id(2), Thought("I go on.")),
    ]
    assert KEY in world.looked_at


async def test_nothing_is_safe_before_the_tracker_has_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "_PATIENCE", 0.01)
    world.tracker.at_once = False

    assert await world.take(Hello(), Said("I see."), Said("More.")) == EventsAnswer(1)


async def test_only_what_comes_before_the_first_gap_is_safe(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "_PATIENCE", 0.01)
    world.tracker.at_once = False
    taking = asyncio.create_task(world.take(Said("a"), Said("b"), Said("c")))
    await world.until(lambda: len(world.tracker.sent) == 3)
    world.tracker.sent[0][1].set_result("")
    world.tracker.sent[2][1].set_result("")

    assert await taking == EventsAnswer(1)


async def test_an_event_is_answered_as_soon_as_the_tracker_has_it(world: World) -> None:
    world.tracker.at_once = False
    taking = asyncio.create_task(world.take(Said("I see.")))
    await world.until(lambda: len(world.tracker.sent) == 1)
    assert not taking.done()

    world.tracker.sent[0][1].set_result("")

    async with asyncio.timeout(5):
        assert await taking == EventsAnswer(1)


async def test_what_the_tracker_refuses_is_not_sent_again(world: World) -> None:
    world.tracker.refuses = "the session is gone"

    assert await world.take(Said("I see.")) == EventsAnswer(1, {1: "the session is gone"})


async def test_what_is_safe_is_not_shown_again(world: World) -> None:
    await world.take(Said("I see."))

    assert await world.take(Said("I see."), Said("More.")) == EventsAnswer(2)
    assert world.tracker.ids == [event_id(1), event_id(2)]


async def test_a_run_made_by_hand_tells_no_tracker(world: World) -> None:
    world.put_run(linear=None)

    assert await world.take(Said("I see."), PlanChanged(())) == EventsAnswer(2)
    assert world.tracker.sent == []


async def test_the_agents_plan_is_shown_between_our_steps(world: World) -> None:
    await world.take(PlanChanged((Step("Fix it", StepStatus.IN_PROGRESS),)))

    (update,) = world.tracker.updates
    assert isinstance(update, SetPlan)
    assert Step("Fix it", StepStatus.IN_PROGRESS) in update.steps


@pytest.mark.parametrize("status", [{"conditions": [DECIDED]}, {"phase": "Stopped"}])
async def test_after_the_end_everything_is_refused_and_nothing_shown(
    world: World, status: dict[str, Any]
) -> None:
    talk = world.talk
    world.put_run(status)

    answer = await world.desk.take(
        talk, [NumberedEvent(7, Said("Wait!")), NumberedEvent(8, done())]
    )

    assert answer == EventsAnswer(8, {7: "the run is over", 8: "the run is over"})
    assert (world.tracker.sent, talk.finished, talk.report) == ([], True, None)


# Questions


async def test_a_question_is_awaited_until_it_is_answered(world: World) -> None:
    await world.take(TurnStarted("task-1"), Asked("Which one?", ("a", "b")))
    asked = (world.talk.connected, world.talk.awaiting)
    await world.take(Answered("m-1"), start=3)

    assert asked == (True, True)
    assert (world.talk.awaiting, world.talk.delivered_through) == (False, "m-1")


# Reports


async def test_a_report_counts_at_once_but_is_safe_only_when_the_end_is_recorded(
    world: World,
) -> None:
    answer = await world.take(Said("I see."), done())

    assert answer == EventsAnswer(1)
    assert world.talk.standing_report == done()


async def test_a_report_counts_only_once_everything_before_it_is_shown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "_PATIENCE", 0.01)
    world.tracker.at_once = False
    first = await world.take(Said("I see."), done())
    before = world.talk.report
    for _, future in world.tracker.sent:
        future.set_result("")
    world.tracker.at_once = True
    second = await world.take(Said("I see."), done())

    assert (first, before) == (EventsAnswer(0), None)
    assert (second, world.talk.report) == (EventsAnswer(1), done())
    assert set(world.tracker.ids) == {event_id(1)}


async def test_a_report_is_stale_and_may_be_forgotten_while_a_newer_prompt_waits(
    world: World,
) -> None:
    world.put_run(inbox=[MORE])

    answer = await world.take(done("task-1"))

    assert answer == EventsAnswer(1)
    assert world.talk.report is None


async def test_a_prompt_that_comes_after_the_report_makes_it_stale(world: World) -> None:
    await world.take(done("task-1"))
    world.put_run(inbox=[MORE])

    assert world.talk.standing_report is None
    assert await world.take(done("task-1")) == EventsAnswer(1)


async def test_a_report_through_the_newest_prompt_stands(world: World) -> None:
    world.put_run(inbox=[MORE])
    await world.take(done("task-1"), TurnStarted("m-1"), done("m-1"))

    assert world.talk.standing_report == done("m-1")


async def test_a_failure_stands_though_a_prompt_waits(world: World) -> None:
    world.put_run(inbox=[MORE])
    failed = done("", Outcome.FAILED)
    await world.take(failed)

    assert world.talk.standing_report == failed


async def test_a_failed_turn_is_overtaken_by_the_next_one(world: World) -> None:
    world.put_run(inbox=[MORE])

    answer = await world.take(done("task-1", Outcome.FAILED), TurnStarted("m-1"))

    assert answer == EventsAnswer(2)
    assert world.talk.report is None


async def test_what_follows_a_report_that_stands_is_not_safe_before_it(world: World) -> None:
    assert await world.take(done(), Hello()) == EventsAnswer(0)


async def test_a_new_turn_asks_for_the_pull_request_anew(world: World) -> None:
    memory = world.desk.memory_of(world.run)
    memory.pull_request_problem = cast("Any", "it was refused")

    await world.take(TurnStarted("task-1"))

    assert memory.pull_request_problem is None


# The next leader


async def test_the_next_leader_takes_what_was_not_safe_and_shows_it_under_the_same_ids(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "_PATIENCE", 0.01)
    events = (Said("a"), Said("b"), Said("c"), done())
    world.tracker.at_once = False
    taking = asyncio.create_task(world.take(*events))
    await world.until(lambda: len(world.tracker.sent) == 3)
    world.tracker.sent[0][1].set_result("")
    first = await taking
    world.new_leader()
    world.tracker.at_once = True

    second = await world.take(*events[first.acked :], start=first.acked + 1)

    assert (first, second) == (EventsAnswer(1), EventsAnswer(3))
    assert world.tracker.ids == [event_id(n) for n in (1, 2, 3, 2, 3)]
    assert world.talk.standing_report == done()


async def test_the_next_leader_hears_an_unsafe_report_again(world: World) -> None:
    await world.take(Said("I see."), done())
    world.new_leader()
    assert world.talk.report is None

    assert await world.take(done(), start=2) == EventsAnswer(0)
    assert world.talk.standing_report == done()


@pytest.mark.parametrize(
    ("phase", "awaiting"), [(Phase.RUNNING, False), (Phase.AWAITING_INPUT, True)]
)
async def test_the_next_leader_begins_where_the_status_says(
    world: World,
    phase: Phase,
    awaiting: bool,  # noqa: FBT001  a column
) -> None:
    world.put_run({"phase": phase, "inbox": {"deliveredThrough": "m-1"}}, inbox=[MORE])

    talk = world.new_leader().memory_of(world.run).talk

    assert (talk.connected, talk.awaiting, talk.delivered_through) == (True, awaiting, "m-1")
    assert talk.last_contact is not None


async def test_nobody_is_taken_for_connected_before_the_first_word(world: World) -> None:
    world.put_run({"phase": "Launching"})

    assert not world.talk.connected


async def test_a_question_that_is_open_stays_open_for_the_next_leader(world: World) -> None:
    world.put_run({"phase": "AwaitingInput"})
    world.new_leader()

    await world.take(Said("still here", ephemeral=True))

    assert world.talk.awaiting


# Tokens


REPOSITORY = {"url": "https://github.com/acme/api.git", "credentialsSecretRef": {"name": "forge"}}
SECRET = "/api/v1/namespaces/agents/secrets/forge"


async def test_the_token_is_the_blueprints(world: World) -> None:
    world.put_blueprint(REPOSITORY)
    token = base64.b64encode(b"secret\n").decode()
    world.kube.objects[SECRET] = {"data": {"token": token}}

    found = await world.desk.git_token(world.talk)

    assert found == GitToken("x-access-token", "secret", 3600)


@pytest.mark.parametrize(
    ("repository", "secret", "message"),
    [
        (None, None, "the run has no repository"),
        ({"url": "https://github.com/acme/api.git"}, None, "credentialsSecretRef"),
        (REPOSITORY, None, '"forge" does not exist in namespace agents; create it'),
        (REPOSITORY, {"data": {"password": "eA=="}}, "has no key `token`; add it"),
        (REPOSITORY, {}, "has no key `token`; add it"),
    ],
    ids=["no repository", "no reference", "no secret", "another key", "empty"],
)
async def test_a_token_that_is_not_there_is_named_with_what_to_do(
    world: World, repository: Any, secret: Any, message: str
) -> None:
    world.put_blueprint(repository)
    if secret is not None:
        world.kube.objects[SECRET] = secret

    with pytest.raises(NoToken, match=message):
        await world.desk.git_token(world.talk)
