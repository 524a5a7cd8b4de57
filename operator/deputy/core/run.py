"""Decide what one AgentRun needs next.

Pure by rule: no clock, no network, no randomness, no logging. Every fact comes in through
`Observed`, every effect leaves as an `Action`. The shell observes, decides, applies, and does so
again until nothing is left to do.
"""

import dataclasses
import datetime as dt

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
    NoteDelay,
    NotifyEnd,
    OpenPullRequest,
    ReadIssue,
    SaveLog,
    Wait,
)
from deputy.core.observed import BlueprintState, Observed, PodSeen
from deputy.core.outcome import Problem, RunOutcome
from deputy.core.phase import TERMINAL, Phase
from deputy.core.pod_delay import NOTE_AFTER
from deputy.core.reason import RunReason
from deputy.wire import Finished, Outcome

#: How long a sidecar may take to stop its agent and save the work before its pod is deleted, and
#: is given `POD_GRACE` to save what is left.
STOP_GRACE = dt.timedelta(seconds=12)
#: How long a deleted pod may take to save what is left.
POD_GRACE = dt.timedelta(seconds=20)
#: How long it may take once the work is saved: an agent that does not end by itself is killed then.
SAVED_GRACE = dt.timedelta(seconds=1)
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
        obstacle = seen.pod_delay.obstacle.message if seen.pod_delay is not None else ""
        return _stop(seen, messages.timed_out(seen.timeout, seen.report, obstacle))
    older = seen.pod is not None and seen.pod.attempt != seen.attempt
    # One that no node clears up keeps nobody from beginning again: its successor has another name.
    if seen.pod is not None and older and not seen.pod.overdue:
        return _replace(seen, seen.pod, left)
    # Before any report counts: a run that was never seen to work cannot succeed.
    if seen.phase is Phase.CLAIMED or seen.status_attempt != seen.attempt:
        return _launch(seen, left)
    if seen.report is not None:
        return _reported(seen, seen.report)
    if problem := _problem(seen):
        return NextActions((Conclude(messages.failed(problem)),))
    return _follow(seen, left)


def _launch(seen: Observed, left: dt.timedelta) -> NextActions:
    """A run with a slot and without a pod of its attempt: its Blueprint may be gone by now.

    What Kubernetes does not take today it may take later: the run keeps its slot and waits.
    """
    if seen.blueprint is BlueprintState.MISSING:
        problem = Problem(RunReason.BLUEPRINT_NOT_FOUND, f"{seen.blueprint_message}.")
        return NextActions((Conclude(messages.failed(problem)),))
    delay = seen.pod_delay
    if delay is not None and not seen.delay_noted and seen.now - delay.since >= NOTE_AFTER:
        return NextActions((NoteDelay(delay.obstacle),))
    if delay is not None and seen.now < delay.retry_at:
        return NextActions(requeue_after=min(left, delay.retry_at - seen.now))
    return NextActions((CreatePod(),))


def _replace(seen: Observed, old: PodSeen, left: dt.timedelta) -> NextActions:
    """A newer attempt is wanted: the pod of the older one goes first."""
    if old.deleting:
        return NextActions(requeue_after=min(left, POD_GRACE))
    keep_log = () if seen.log_saved else (SaveLog(),)
    return NextActions((*keep_log, DeletePod(POD_GRACE)))


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
    if seen.pod.abandoned:
        return messages.NODE_LOST
    silent = _silence(seen, seen.pod)
    return messages.lost(silent) if silent > LOST_AFTER else None


def _silence(seen: Observed, pod: PodSeen) -> dt.timedelta:
    """Return for how long nothing was heard of a sidecar that should be heard."""
    if not seen.connected and pod.serving_since is None:
        # Images are pulled and clones made: the pod's own status tells what goes wrong there.
        return dt.timedelta()
    last = seen.last_contact or seen.now
    return seen.now - max(last, pod.serving_since or last)


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
    """The run has to end: its sidecar stops the agent, saves the work, and reports.

    Its report is waited for as long as it may come. A pod that takes too long is deleted, at which
    its sidecar saves as well: the end is recorded with what was saved, or once the pod is gone.
    """
    if seen.pod is None or seen.pod.is_silenced or seen.report is not None:
        return NextActions((Conclude(outcome),))
    if seen.stop_asked is None:
        return NextActions((AskToStop(),), requeue_after=STOP_GRACE)
    if seen.pod.deleting:
        return NextActions(requeue_after=POD_GRACE)
    left = seen.stop_asked + STOP_GRACE - seen.now
    if left > dt.timedelta():
        return NextActions(requeue_after=left)
    return NextActions((DeletePod(POD_GRACE),), requeue_after=POD_GRACE)


def _close(seen: Observed, outcome: RunOutcome) -> NextActions:
    """How the run ends is recorded: tell everybody, clear up, then call it over.

    Telling comes first: a node that is gone keeps its logs, and must not keep the last word too.
    """
    untold = not seen.notified and outcome.reason is not RunReason.ISSUE_NOT_ALLOWED
    actions: list[Action] = [NotifyEnd(outcome)] if untold else []
    if seen.pod is not None and not seen.log_saved:
        actions.append(SaveLog())
    if seen.pod is not None:
        actions.extend(_deletion(seen.pod, saved=seen.report is not None))
    return NextActions(tuple(actions) or (Finish(outcome),))


def _deletion(pod: PodSeen, *, saved: bool) -> tuple[DeletePod, ...]:
    """Take the pod away; once its work is saved, whoever ignores that is killed."""
    if not pod.deleting:
        return (DeletePod(SAVED_GRACE if saved else POD_GRACE),)
    hurried = pod.grace is None or pod.grace <= SAVED_GRACE
    return (DeletePod(SAVED_GRACE),) if saved and not hurried else ()


def _after_the_end(seen: Observed) -> NextActions:
    """A run that is over is kept a while, and its pod is not."""
    if seen.pod is not None and not seen.pod.deleting:
        return NextActions((DeletePod(POD_GRACE),))
    keep = max(seen.ttl, KEEP_AT_LEAST) if seen.has_issue else seen.ttl
    left = (seen.completed or seen.created) + keep - seen.now
    if left <= dt.timedelta():
        return NextActions((DeleteRun(),))
    return NextActions(requeue_after=left)
