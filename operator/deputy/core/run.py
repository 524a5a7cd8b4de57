"""Decide what one AgentRun needs next.

Pure by rule: no clock, no network, no randomness, no logging. Every fact comes in through
`Observed`, every effect leaves as an `Action`. The shell observes, decides, applies, and does so
again until nothing is left to do.
"""

import dataclasses
import datetime as dt
import enum

from deputy.core import messages
from deputy.core.action import (
    Acknowledge,
    Action,
    Admit,
    AskToStop,
    Conclude,
    CreatePod,
    DeletePod,
    DeleteRun,
    Finish,
    KeepAlive,
    MoveTo,
    NextActions,
    NotifyEnd,
    OpenPullRequest,
    ReadIssue,
    SaveLog,
    Wait,
)
from deputy.core.admission import NO_SLOT, Slot
from deputy.core.outcome import Problem, RunOutcome
from deputy.core.phase import TERMINAL, Phase
from deputy.core.reason import RunReason
from deputy.wire import Finished, Outcome

#: How long a sidecar may take to stop its agent and save the work before its pod is deleted.
STOP_GRACE = dt.timedelta(seconds=12)
#: How long a deleted pod may take to save what is left.
POD_GRACE = dt.timedelta(seconds=20)
#: Silence of a sidecar that means that its workspace is lost.
LOST_AFTER = dt.timedelta(minutes=5)
#: Silence after which a session is told that its run lives: Linear calls it stale after thirty.
KEEP_ALIVE_AFTER = dt.timedelta(minutes=20)
#: So many deliveries are worth a write: whoever adds to the inbox goes by what the status tells.
RECORD_DELIVERIES = 32
#: Until it is looked again whether an earlier run of the issue is over.
EARLIER_RUN_PAUSE = dt.timedelta(seconds=1)
#: The shortest life of a finished run: Linear repeats a webhook after six hours, and must find it.
KEEP_AT_LEAST = dt.timedelta(hours=7)


class BlueprintState(enum.Enum):
    """Whether a run's Blueprint can be used."""

    READY = enum.auto()
    UNKNOWN = enum.auto()
    """Not looked at yet, or what it names cannot be reached: wait."""
    NOT_READY = enum.auto()
    """Its user has to change it."""
    MISSING = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True)
class PodSeen:
    """What is seen of a run's pod."""

    attempt: int
    deleting: bool = False
    over: bool = False
    problem: Problem | None = None
    killed: Problem | None = None
    """Why the agent's container is gone though nobody took the pod away."""


@dataclasses.dataclass(frozen=True, slots=True)
class PullRequestSeen:
    """The pull request as the forge showed it."""

    url: str
    number: int
    head_sha: str
    complaints: tuple[str, ...] = ()
    """What the forge refused beside it, such as labels and reviewers."""


@dataclasses.dataclass(frozen=True, slots=True)
class Observed:
    """Everything that is known of one run at one moment."""

    now: dt.datetime
    phase: Phase
    created: dt.datetime
    attempt: int = 1
    """The attempt that is wanted."""
    status_attempt: int = 1
    """The attempt that the status tells of; older than the wanted one after a restart."""
    has_issue: bool = False
    has_repository: bool = False
    has_task: bool = True
    """Whether anybody has said what is to be done."""
    stop_wanted: bool = False
    timeout: dt.timedelta = dt.timedelta(hours=1)
    ttl: dt.timedelta = dt.timedelta(days=1)
    started: dt.datetime | None = None
    completed: dt.datetime | None = None
    blueprint: BlueprintState = BlueprintState.READY
    blueprint_message: str = ""
    foreign_to: str = ""
    """The Blueprint that takes no issues like the run's, though the run claims one."""
    acknowledged: bool = True
    """Whether the first word was handed to the tracker."""
    issue_read: bool = True
    """Whether the tracker was asked for the issue; true without one."""
    refusal: Problem | None = None
    """Why the issue may not be worked on, judged from what was read."""
    earlier_run: str = ""
    """A run of the same issue that has to be over, with its pod gone, before this one starts."""
    blocked: bool = False
    """Whether the status says that the run waits for an earlier one, which keeps it out of line."""
    slot: Slot = NO_SLOT
    pod: PodSeen | None = None
    last_contact: dt.datetime | None = None
    """When the sidecar was last heard; the leader's own start where it never was."""
    connected: bool = False
    awaiting: bool = False
    stop_asked: dt.datetime | None = None
    report: Finished | None = None
    unrecorded: int = 0
    """How many messages the agent was given of which the status does not tell yet."""
    undelivered: int = 0
    """How many messages of people the agent was not given."""
    pull_request: PullRequestSeen | None = None
    pull_request_problem: Problem | None = None
    outcome: RunOutcome | None = None
    """How the run ends, as its status has it."""
    log_saved: bool = False
    notified: bool = False
    """Whether the tracker has the end."""
    queue_noted: bool = False
    """Whether status and session tell that the run waits, and why."""
    silent: dt.timedelta = dt.timedelta()
    """How long nothing was shown in the run's session."""


def decide(seen: Observed) -> NextActions:
    """Plan the next step for a run.

    Deciding twice on the same facts gives the same plan, and carrying a plan out twice changes
    nothing the second time; retries after a crash are therefore safe.
    """
    plan = _decide(seen)
    if not plan.actions and _is_silent(seen):
        return dataclasses.replace(plan, actions=(KeepAlive(),))
    actions = tuple(_with_undelivered(action, seen.undelivered) for action in plan.actions)
    return dataclasses.replace(plan, actions=actions)


def _is_silent(seen: Observed) -> bool:
    """Say whether a session should be told that its run lives; a question stays the last word."""
    speaks = seen.has_issue and seen.outcome is None and seen.phase not in TERMINAL
    return speaks and not seen.awaiting and seen.silent >= KEEP_ALIVE_AFTER


def _with_undelivered(action: Action, undelivered: int) -> Action:
    """Return `action`; where it ends the run, people are told what the agent never heard."""
    if isinstance(action, Conclude) and undelivered:
        return Conclude(messages.with_undelivered(action.outcome, undelivered))
    return action


def _decide(seen: Observed) -> NextActions:
    if seen.phase in TERMINAL:
        return _after_the_end(seen)
    if seen.outcome is not None:
        return _close(seen, seen.outcome)
    # Before any word: the sessions that the run names are not its own.
    if seen.foreign_to and seen.phase is Phase.QUEUED:
        return NextActions((Conclude(messages.foreign_issue(seen.foreign_to)),))
    # Who stopped a run before it began wants no word but the last.
    if not seen.acknowledged and not (seen.stop_wanted and seen.phase is Phase.QUEUED):
        return NextActions((Acknowledge(),))
    if seen.stop_wanted:
        return _stop(seen, messages.stopped(seen.report))
    if seen.phase is Phase.QUEUED:
        return _queue(seen)
    return _work(seen)


def _queue(seen: Observed) -> NextActions:
    """A run without a slot: may it have one?"""
    if not seen.has_task:
        return NextActions((Conclude(messages.no_task()),))
    if seen.earlier_run:
        return _wait_for_earlier_run(seen)
    if seen.blocked:
        # From here on it is in line.
        return NextActions(
            (Wait(RunReason.WAITING_FOR_SLOT, messages.EARLIER_RUN_OVER, quiet=True),)
        )
    if seen.blueprint is BlueprintState.MISSING:
        return _wait(seen, RunReason.BLUEPRINT_NOT_FOUND)
    if seen.blueprint is BlueprintState.NOT_READY and seen.has_issue:
        reason = RunReason.BLUEPRINT_NOT_READY
        return NextActions((Conclude(messages.not_picked_up(reason, seen.blueprint_message)),))
    if seen.blueprint is not BlueprintState.READY:
        return _wait(seen, RunReason.BLUEPRINT_NOT_READY)
    if not seen.issue_read:
        return NextActions((ReadIssue(),))
    if seen.refusal is not None:
        outcome = messages.not_picked_up(seen.refusal.reason, seen.refusal.message)
        return NextActions((Conclude(outcome),))
    if seen.slot.granted:
        return NextActions((Admit(),))
    message = messages.position(seen.slot.position)
    return _wait(seen, RunReason.WAITING_FOR_SLOT, message, seen.slot.position)


def _wait_for_earlier_run(seen: Observed) -> NextActions:
    """Two agents must not work on one issue: look again soon, an end takes seconds."""
    if seen.blocked:
        return NextActions(requeue_after=EARLIER_RUN_PAUSE)
    message = messages.waits_for_run(seen.earlier_run)
    return NextActions((Wait(RunReason.WAITING_FOR_EARLIER_RUN, message, quiet=True),))


def _wait(seen: Observed, reason: RunReason, message: str = "", position: int = 0) -> NextActions:
    if seen.queue_noted:
        return NextActions(requeue_after=dt.timedelta(minutes=1))
    return NextActions((Wait(reason, message or seen.blueprint_message, position),))


def _work(seen: Observed) -> NextActions:
    """A run with a slot: start it, follow it, notice what went wrong."""
    left = (seen.started or seen.now) + seen.timeout - seen.now
    if left <= dt.timedelta():
        return _stop(seen, messages.timed_out(seen.timeout, seen.report))
    if seen.pod is not None and seen.pod.attempt != seen.attempt:
        return _replace(seen.pod, left)
    # Before any report counts: a run that was never seen to work cannot succeed.
    if seen.phase is Phase.CLAIMED or seen.status_attempt != seen.attempt:
        return _launch(seen)
    if seen.report is not None:
        return _reported(seen, seen.report)
    if problem := _problem(seen):
        return NextActions((Conclude(messages.failed(problem)),))
    return _follow(seen, left)


def _launch(seen: Observed) -> NextActions:
    """A run with a slot and without a pod of its attempt: its Blueprint may be gone by now."""
    if seen.blueprint is BlueprintState.MISSING:
        problem = Problem(RunReason.BLUEPRINT_NOT_FOUND, f"{seen.blueprint_message}.")
        return NextActions((Conclude(messages.failed(problem)),))
    return NextActions((CreatePod(),))


def _replace(old: PodSeen, left: dt.timedelta) -> NextActions:
    """A newer attempt is wanted: the pod of the older one goes first."""
    if old.deleting:
        return NextActions(requeue_after=min(left, POD_GRACE))
    return NextActions((SaveLog(), DeletePod(POD_GRACE)))


def _follow(seen: Observed, left: dt.timedelta) -> NextActions:
    """A run whose pod is there: bring its phase up to what the sidecar says."""
    if not seen.connected:
        return NextActions(requeue_after=min(left, dt.timedelta(seconds=30)))
    if seen.awaiting and seen.phase is not Phase.AWAITING_INPUT:
        reason = RunReason.AWAITING_ANSWER
        return NextActions((MoveTo(Phase.AWAITING_INPUT, reason, "the agent waits for an answer"),))
    if not seen.awaiting and (
        seen.phase is not Phase.RUNNING or seen.unrecorded >= RECORD_DELIVERIES
    ):
        return NextActions((MoveTo(Phase.RUNNING, RunReason.WORKING, "the agent works"),))
    return NextActions(requeue_after=min(left, dt.timedelta(minutes=1)))


def _problem(seen: Observed) -> Problem | None:
    """Return why a run that has said nothing of its end has to fail, if it has to."""
    if seen.pod is None:
        return messages.POD_DISAPPEARED
    if seen.pod.problem is not None:
        return seen.pod.problem
    if seen.pod.over:
        return messages.POD_ENDED
    silent = seen.now - (seen.last_contact or seen.now)
    if seen.connected and silent > LOST_AFTER:
        return messages.lost(silent)
    return None


def _reported(seen: Observed, report: Finished) -> NextActions:
    """The sidecar says that the work is over: believe failures, verify the rest."""
    if report.outcome is Outcome.FAILED:
        return NextActions((Conclude(messages.reported_failure(report)),))
    if report.outcome is Outcome.STOPPED:
        killed = seen.pod.killed if seen.pod is not None else None
        outcome = messages.failed(killed, report) if killed else messages.ended_from_outside(report)
        return NextActions((Conclude(outcome),))
    if not seen.has_repository:
        return NextActions((Conclude(messages.completed(report)),))
    if report.commits == 0:
        return NextActions((Conclude(messages.no_changes(report)),))
    if seen.pull_request_problem is not None:
        return NextActions((Conclude(messages.failed(seen.pull_request_problem, report)),))
    if seen.pull_request is None or seen.pull_request.head_sha != report.head_sha:
        return NextActions((OpenPullRequest(),))
    return NextActions(
        (Conclude(messages.opened(report, seen.pull_request.url, seen.pull_request.complaints)),)
    )


def _stop(seen: Observed, outcome: RunOutcome) -> NextActions:
    """The run has to end: let the sidecar stop the agent and save, but not for ever."""
    if seen.pod is None or seen.pod.over or seen.pod.deleting or seen.report is not None:
        return NextActions((Conclude(outcome),))
    if seen.stop_asked is None:
        return NextActions((AskToStop(),), requeue_after=STOP_GRACE)
    left = seen.stop_asked + STOP_GRACE - seen.now
    if left > dt.timedelta():
        return NextActions(requeue_after=left)
    # The pod goes first: a crash in between must not leave it running unseen.
    return NextActions((DeletePod(POD_GRACE), Conclude(outcome)))


def _close(seen: Observed, outcome: RunOutcome) -> NextActions:
    """How the run ends is recorded: tell everybody, clear up, then call it over.

    Telling comes first: a node that is gone keeps its logs, and must not keep the last word too.
    """
    untold = not seen.notified and outcome.reason is not RunReason.ISSUE_NOT_ALLOWED
    actions: list[Action] = [NotifyEnd(outcome)] if untold else []
    if seen.pod is not None and not seen.log_saved:
        actions.append(SaveLog())
    if seen.pod is not None and not seen.pod.deleting:
        actions.append(DeletePod(POD_GRACE))
    return NextActions(tuple(actions) or (Finish(outcome),))


def _after_the_end(seen: Observed) -> NextActions:
    """A run that is over is kept a while, and its pod is not."""
    if seen.pod is not None and not seen.pod.deleting:
        return NextActions((DeletePod(POD_GRACE),))
    keep = max(seen.ttl, KEEP_AT_LEAST) if seen.has_issue else seen.ttl
    left = (seen.completed or seen.created) + keep - seen.now
    if left <= dt.timedelta():
        return NextActions((DeleteRun(),))
    return NextActions(requeue_after=left)
