"""A small pure world around one run, in which decisions are carried out and leaders die.

It keeps apart what outlives a leader (the API server's objects, the tracker, the forge) and what
does not (its state), so that a crash between any two actions can be played.
"""

import dataclasses
import datetime as dt
from collections.abc import Callable

from deputy.core.action import (
    Acknowledge,
    Action,
    Admit,
    AskToStop,
    Conclude,
    DeletePod,
    DeleteRun,
    Finish,
    Launch,
    MoveTo,
    NotifyEnd,
    OpenPullRequest,
    ReadIssue,
    SaveLog,
    Wait,
)
from deputy.core.admission import NO_SLOT, Slot
from deputy.core.outcome import Problem, RunOutcome
from deputy.core.phase import ACTIVE, TERMINAL, Phase, move
from deputy.core.reason import RunReason
from deputy.core.run import (
    BlueprintState,
    Observed,
    PodSeen,
    PullRequestSeen,
    decide,
)
from deputy.wire import Finished, Outcome

START = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
#: More rounds than any run needs to settle or to end.
SETTLED, ENDED = 12, 300


class Crash(Exception):
    """The leader dies here."""


@dataclasses.dataclass
class RunState:
    """What dies with the leader."""

    issue_read: bool = False
    noted: bool = False
    connected: bool = False
    awaiting: bool = False
    last_contact: dt.datetime | None = None
    stop_asked: dt.datetime | None = None
    report: Finished | None = None
    pull_request: PullRequestSeen | None = None
    log_saved: bool = False
    notified: bool = False


class World:
    """One run and everything around it."""

    def __init__(self, crash_after: int = -1) -> None:
        self.now = START
        self.crash_after = crash_after
        self.done = 0
        # On the API server.
        self.phase, self.outcome = Phase.QUEUED, None
        self.attempt = self.begun = 1
        self.stop_wanted = False
        self.started: dt.datetime | None = None
        self.completed: dt.datetime | None = None
        self.pods: dict[int, PodSeen] = {}
        self.launched_without_slot = self.deleted = False
        # With the tracker and the forge.
        self.acknowledged = False
        self.ends_told: dict[str, RunOutcome] = {}
        self.pull_requests: set[str] = set()
        # Around.
        self.slot = NO_SLOT
        self.blueprint = BlueprintState.READY
        self.refusal: Problem | None = None
        self.unacknowledged: dict[int, Finished] = {}
        self.asks: set[int] = set()
        self.state = RunState()

    outcome: RunOutcome | None

    # What the leader does

    def facts(self) -> Observed:
        state = self.state
        return Observed(
            now=self.now,
            phase=self.phase,
            created=START,
            attempt=self.attempt,
            begun=self.begun,
            has_issue=True,
            has_repository=True,
            stop_wanted=self.stop_wanted,
            started=self.started,
            completed=self.completed,
            blueprint=self.blueprint,
            acknowledged=self.acknowledged,
            issue_read=state.issue_read,
            refusal=self.refusal if state.issue_read else None,
            slot=self.slot if self.phase is Phase.QUEUED else NO_SLOT,
            pod=self.pods.get(self.begun),
            last_contact=state.last_contact,
            connected=state.connected,
            awaiting=state.awaiting,
            stop_asked=state.stop_asked,
            report=state.report,
            pull_request=state.pull_request,
            outcome=self.outcome,
            log_saved=state.log_saved,
            notified=state.notified,
            queue_noted=state.noted,
        )

    def act(self, action: Action) -> None:  # noqa: C901, PLR0912  one branch for each action
        if self.done == self.crash_after:
            self.crash_after = -1
            raise Crash
        self.done += 1
        match action:
            case Acknowledge():
                self.acknowledged = True
            case ReadIssue():
                self.state.issue_read = True
            case Wait():
                assert self.phase is Phase.QUEUED
                self.state.noted = True
            case Admit():
                self.phase, self.started = move(self.phase, Phase.CLAIMED), self.now
            case Launch():
                self.launch()
            case MoveTo(phase):
                self.phase = move(self.phase, phase)
            case AskToStop():
                self.state.stop_asked = self.now
            case OpenPullRequest():
                self.open_pull_request()
            case Conclude(outcome):
                self.conclude(outcome)
            case SaveLog():
                self.state.log_saved = True
            case DeletePod():
                pod = self.pods[self.begun]
                self.pods[self.begun] = dataclasses.replace(pod, deleting=True)
            case NotifyEnd(outcome):
                assert self.ends_told.setdefault("end/session", outcome) == outcome
                self.state.notified = True
            case Finish(outcome):
                assert self.ends_told == {"end/session": outcome}
                self.phase, self.completed = move(self.phase, outcome.phase), self.now
            case DeleteRun():
                assert self.completed is not None
                self.deleted = True

    def launch(self) -> None:
        assert self.phase in ACTIVE, "a pod was made for a run without a slot"
        self.pods.setdefault(self.attempt, PodSeen(self.attempt))
        self.phase = move(self.phase, Phase.LAUNCHING)
        if self.begun != self.attempt:
            self.begun = self.attempt
            self.state = RunState(issue_read=True)

    def open_pull_request(self) -> None:
        assert not self.stop_wanted, "a pull request was opened though a stop was wanted"
        report = self.state.report
        assert report is not None
        self.pull_requests.add(report.branch)
        self.state.pull_request = PullRequestSeen("https://forge/pr/1", 1, report.head_sha)

    def conclude(self, outcome: RunOutcome) -> None:
        assert self.outcome is None, "an end was decided twice"
        move(self.phase, outcome.phase)
        self.outcome = outcome
        if self.phase is Phase.AWAITING_INPUT:
            self.phase = Phase.RUNNING

    def settle(self) -> dt.timedelta | None:
        """Decide and act until nothing is left to do; a crash starts a new leader."""
        for _ in range(SETTLED):
            plan = decide(self.facts())
            assert plan.actions or plan.look_again, "the run hangs"
            try:
                for action in plan.actions:
                    self.act(action)
            except Crash:
                self.take_over()
                continue
            if self.deleted or not plan.actions or plan.look_again is not None:
                return plan.look_again
        raise AssertionError("the run does not settle")

    def take_over(self) -> None:
        """A new leader knows what the status tells, and the sidecar repeats the rest."""
        self.state = RunState()
        self.begun_pod_speaks()

    def begun_pod_speaks(self) -> None:
        if self.phase in (Phase.RUNNING, Phase.AWAITING_INPUT):
            self.state.connected, self.state.last_contact = True, self.now
            self.state.awaiting = self.phase is Phase.AWAITING_INPUT
        if self.begun in self.asks:
            self.state.connected = self.state.awaiting = True
            self.state.last_contact = self.now
        if self.begun in self.unacknowledged and self.outcome is None:
            self.state.connected, self.state.last_contact = True, self.now
            self.state.report = self.unacknowledged[self.begun]

    # What happens around it

    def alive(self) -> bool:
        pod = self.pods.get(self.begun)
        return pod is not None and not pod.over and self.begun not in self.unacknowledged

    def sidecar_connects(self) -> None:
        if self.alive():
            self.state.connected, self.state.last_contact = True, self.now

    def agent_asks(self) -> None:
        if self.alive():
            self.sidecar_connects()
            self.asks.add(self.begun)
            self.state.awaiting = True

    def person_answers(self) -> None:
        if self.alive() and self.begun in self.asks:
            self.sidecar_connects()
            self.asks.discard(self.begun)
            self.state.awaiting = False

    def reports(self, outcome: Outcome, commits: int) -> None:
        if not self.alive() or self.outcome is not None:
            return
        self.sidecar_connects()
        self.asks.discard(self.begun)
        self.state.awaiting = False
        head = f"head-{self.begun}" if commits else ""
        found = Finished(outcome, "", "words", branch="eng-42", head_sha=head, commits=commits)
        self.state.report = self.unacknowledged[self.begun] = found

    def agent_finishes(self) -> None:
        self.reports(Outcome.COMPLETED, 1)

    def agent_finishes_without_commits(self) -> None:
        self.reports(Outcome.COMPLETED, 0)

    def agent_fails(self) -> None:
        self.reports(Outcome.FAILED, 0)

    def sidecar_obeys_the_stop(self) -> None:
        pod = self.pods.get(self.begun)
        if self.state.stop_asked is not None or (pod is not None and pod.deleting):
            self.reports(Outcome.STOPPED, 1)

    def pod_fails(self) -> None:
        if (pod := self.pods.get(self.begun)) is not None:
            problem = Problem(RunReason.OOM_KILLED, "too little state.")
            self.pods[self.begun] = dataclasses.replace(pod, over=True, problem=problem)

    def node_is_drained(self) -> None:
        if (pod := self.pods.get(self.begun)) is not None:
            self.pods[self.begun] = dataclasses.replace(pod, deleting=True)

    def deleted_pods_go(self) -> None:
        self.pods = {n: pod for n, pod in self.pods.items() if not pod.deleting}

    def pod_vanishes(self) -> None:
        self.pods.pop(self.begun, None)

    def person_stops(self) -> None:
        self.stop_wanted = True

    def person_restarts(self) -> None:
        if self.phase not in TERMINAL:
            self.attempt += 1

    def slot_is_free(self) -> None:
        self.slot = Slot(granted=True)

    def issue_is_refused(self) -> None:
        self.refusal = Problem(RunReason.STATE_NOT_ALLOWED, "it is in triage.")

    def blueprint_is_broken(self) -> None:
        self.blueprint = BlueprintState.NOT_READY

    def blueprint_goes(self) -> None:
        self.blueprint = BlueprintState.MISSING

    def minute_passes(self) -> None:
        self.now += dt.timedelta(minutes=1)

    def hour_passes(self) -> None:
        self.now += dt.timedelta(hours=1)

    def leader_dies(self) -> None:
        self.take_over()

    # The end of all

    def drain(self) -> None:
        """Let the world go on without any more news until the run is over."""
        self.slot_is_free()
        self.blueprint = BlueprintState.READY
        for _ in range(ENDED):
            again = self.settle()
            if self.phase in TERMINAL and not self.pods:
                return
            self.deleted_pods_go()
            self.now += min(again or dt.timedelta(), dt.timedelta(minutes=10))
        raise AssertionError(f"the run does not end: {self.facts()}")

    def end(self) -> object:
        return self.phase, self.outcome, self.ends_told, self.pull_requests, self.pods


Event = Callable[[World], None]
EVENTS: tuple[Event, ...] = (
    World.sidecar_connects,
    World.agent_asks,
    World.person_answers,
    World.agent_finishes,
    World.agent_finishes_without_commits,
    World.agent_fails,
    World.sidecar_obeys_the_stop,
    World.pod_fails,
    World.node_is_drained,
    World.deleted_pods_go,
    World.pod_vanishes,
    World.person_stops,
    World.person_restarts,
    World.slot_is_free,
    World.issue_is_refused,
    World.blueprint_is_broken,
    World.blueprint_goes,
    World.minute_passes,
    World.hour_passes,
    World.leader_dies,
)
FIRST = (World.slot_is_free, World.sidecar_connects)
