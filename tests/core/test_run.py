"""Facts of the decision: what a run needs next."""

import dataclasses
import datetime as dt
from typing import Any

import pytest

from deputy.core import messages
from deputy.core.action import (
    Acknowledge,
    Admit,
    AskToStop,
    Conclude,
    CreatePod,
    DeletePod,
    DeleteRun,
    Finish,
    MoveTo,
    NextActions,
    NoteDelay,
    NotifyEnd,
    OpenPullRequest,
    ReadIssue,
    SaveLog,
    Wait,
)
from deputy.core.admission import Slot
from deputy.core.observed import BlueprintState, Observed, PodSeen, PullRequestSeen
from deputy.core.outcome import Problem, RunOutcome
from deputy.core.phase import ACTIVE, TERMINAL, Phase
from deputy.core.pod_delay import NOTE_AFTER, PodDelay, PodObstacle, delayed
from deputy.core.reason import RunReason
from deputy.core.run import (
    KEEP_AT_LEAST,
    LOST_AFTER,
    POD_GRACE,
    RECORD_DELIVERIES,
    SAVED_GRACE,
    STOP_GRACE,
    decide,
)
from deputy.wire import Finished, Outcome

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
SECOND, MINUTE, HOUR = dt.timedelta(seconds=1), dt.timedelta(minutes=1), dt.timedelta(hours=1)
POD = PodSeen(attempt=1)
ENDING = RunOutcome(RunReason.COMPLETED, "the agent finished", "Done.")
GRANTED = Slot(granted=True)
PROBLEM = Problem(RunReason.OOM_KILLED, "it needed more memory than it may have.")


def seen(phase: Phase = Phase.RUNNING, **facts: object) -> Observed:
    """A run that is as it should be in `phase`, but for `facts`."""
    base: dict[str, object] = {"now": NOW, "phase": phase, "created": NOW - MINUTE}
    if phase in ACTIVE:
        base |= {"started": NOW - MINUTE}
    if phase in (Phase.LAUNCHING, Phase.RUNNING, Phase.AWAITING_INPUT):
        base |= {"pod": POD}
    if phase in (Phase.RUNNING, Phase.AWAITING_INPUT):
        base |= {"connected": True, "last_contact": NOW - SECOND}
    base |= {"awaiting": phase is Phase.AWAITING_INPUT}
    return Observed(**(base | facts))  # type: ignore[arg-type]


def report(outcome: Outcome = Outcome.COMPLETED, **facts: object) -> Finished:
    base: dict[str, object] = {
        "outcome": outcome,
        "reason": "",
        "text": "Fixed it.",
        "branch": "eng-42",
        "head_sha": "0123456789abcdef",
        "commits": 1,
    }
    return Finished(**(base | facts))  # type: ignore[arg-type]


# Queued


def test_the_first_word_goes_before_everything_else() -> None:
    assert decide(seen(Phase.QUEUED, acknowledged=False)) == NextActions((Acknowledge(),))


def test_a_run_whose_blueprint_is_missing_waits_for_it_and_says_so() -> None:
    facts = seen(Phase.QUEUED, blueprint=BlueprintState.MISSING, blueprint_message="create it")

    assert decide(facts) == NextActions((Wait(RunReason.BLUEPRINT_NOT_FOUND, "create it"),))


def test_a_run_whose_blueprint_is_not_judged_yet_waits() -> None:
    facts = seen(Phase.QUEUED, blueprint=BlueprintState.UNKNOWN, blueprint_message="a moment")

    assert decide(facts) == NextActions((Wait(RunReason.BLUEPRINT_NOT_READY, "a moment"),))


def test_an_issue_whose_blueprint_has_to_be_changed_is_not_picked_up_and_says_why() -> None:
    facts = seen(
        Phase.QUEUED,
        blueprint=BlueprintState.NOT_READY,
        blueprint_message="no state",
        has_issue=True,
    )

    outcome = messages.not_picked_up(RunReason.BLUEPRINT_NOT_READY, "no state")
    assert decide(facts) == NextActions((Conclude(outcome),))


def test_a_run_made_by_hand_waits_for_its_blueprint_to_be_changed() -> None:
    facts = seen(Phase.QUEUED, blueprint=BlueprintState.NOT_READY, blueprint_message="no state")

    assert decide(facts) == NextActions((Wait(RunReason.BLUEPRINT_NOT_READY, "no state"),))


def test_the_issue_is_read_before_it_is_judged() -> None:
    facts = seen(Phase.QUEUED, has_issue=True, issue_read=False, slot=GRANTED)

    assert decide(facts) == NextActions((ReadIssue(),))


def test_an_issue_that_may_not_be_worked_on_gets_no_slot_and_a_reason() -> None:
    refusal = Problem(RunReason.STATE_NOT_ALLOWED, "it is in triage.")
    facts = seen(Phase.QUEUED, has_issue=True, refusal=refusal, slot=GRANTED)

    outcome = messages.not_picked_up(RunReason.STATE_NOT_ALLOWED, "it is in triage.")
    assert decide(facts) == NextActions((Conclude(outcome),))


def test_a_run_with_a_slot_is_admitted() -> None:
    assert decide(seen(Phase.QUEUED, slot=GRANTED)) == NextActions((Admit(),))


def test_a_run_without_a_slot_is_told_its_place() -> None:
    facts = seen(Phase.QUEUED, slot=Slot(granted=False, position=2))

    message = "waiting for a slot, number 2 in the queue"
    assert decide(facts) == NextActions((Wait(RunReason.WAITING_FOR_SLOT, message, 2),))


def test_a_wait_that_was_told_is_looked_at_again_and_not_told_again() -> None:
    facts = seen(Phase.QUEUED, slot=Slot(granted=False, position=2), queue_noted=True)

    assert decide(facts) == NextActions(requeue_after=MINUTE)


def test_a_stop_in_the_queue_ends_the_run_before_it_begins() -> None:
    facts = seen(Phase.QUEUED, slot=GRANTED, stop_wanted=True)

    assert decide(facts) == NextActions((Conclude(messages.stopped(None)),))


# From the slot to the work


def test_a_run_with_a_slot_gets_its_pod() -> None:
    assert decide(seen(Phase.CLAIMED)) == NextActions((CreatePod(),))


def test_a_pod_that_was_not_noted_is_launched_again_even_if_it_has_reported() -> None:
    facts = seen(Phase.CLAIMED, pod=POD, connected=True, report=report())

    assert decide(facts) == NextActions((CreatePod(),))


def test_a_pod_that_starts_is_looked_at_twice_a_minute() -> None:
    assert decide(seen(Phase.LAUNCHING)) == NextActions(requeue_after=30 * SECOND)


def test_the_first_sign_of_life_makes_a_run_running() -> None:
    facts = seen(Phase.LAUNCHING, connected=True)

    assert decide(facts) == NextActions(
        (MoveTo(Phase.RUNNING, RunReason.WORKING, "the agent works"),)
    )


def test_a_question_makes_a_run_await_input() -> None:
    moved = MoveTo(Phase.AWAITING_INPUT, RunReason.AWAITING_ANSWER, "the agent waits for an answer")

    assert decide(seen(Phase.RUNNING, awaiting=True)) == NextActions((moved,))
    assert decide(seen(Phase.LAUNCHING, connected=True, awaiting=True)) == NextActions((moved,))


def test_an_answer_makes_it_run_again() -> None:
    facts = seen(Phase.AWAITING_INPUT, awaiting=False)

    assert decide(facts) == NextActions(
        (MoveTo(Phase.RUNNING, RunReason.WORKING, "the agent works"),)
    )


def test_a_run_that_works_is_looked_at_once_a_minute() -> None:
    assert decide(seen(Phase.RUNNING)) == NextActions(requeue_after=MINUTE)
    assert decide(seen(Phase.AWAITING_INPUT)) == NextActions(requeue_after=MINUTE)


def test_a_run_is_looked_at_when_its_time_is_up() -> None:
    assert decide(seen(Phase.RUNNING, timeout=MINUTE + SECOND)) == NextActions(requeue_after=SECOND)


# A pod that cannot be created yet


QUOTA = PodObstacle(RunReason.QUOTA_EXCEEDED, "no room")


def delay(since: dt.timedelta, retry_in: dt.timedelta) -> PodDelay:
    return PodDelay(QUOTA, NOW - since, NOW + retry_in)


def test_a_pod_that_is_not_taken_is_tried_again_later_in_the_same_phase() -> None:
    facts = seen(Phase.CLAIMED, pod_delay=delay(SECOND, 2 * SECOND))

    assert decide(facts) == NextActions(requeue_after=2 * SECOND)
    due = seen(Phase.CLAIMED, pod_delay=delay(3 * SECOND, 0 * SECOND))
    assert decide(due) == NextActions((CreatePod(),))


def test_a_delay_that_lasts_is_said_once() -> None:
    lasting = delay(NOTE_AFTER, 2 * SECOND)

    assert decide(seen(Phase.CLAIMED, pod_delay=lasting)) == NextActions((NoteDelay(QUOTA),))
    noted = seen(Phase.CLAIMED, pod_delay=lasting, delay_noted=True)
    assert decide(noted) == NextActions(requeue_after=2 * SECOND)


def test_a_run_that_waited_for_its_pod_until_its_time_was_up_tells_for_what() -> None:
    facts = seen(Phase.CLAIMED, started=NOW - HOUR, timeout=HOUR, pod_delay=delay(HOUR, SECOND))

    assert decide(facts) == NextActions((Conclude(messages.timed_out(HOUR, None, "no room")),))
    assert "It never began: no room." in messages.timed_out(HOUR, None, "no room").text


def test_a_stop_wins_over_the_wait_for_a_pod() -> None:
    facts = seen(Phase.CLAIMED, stop_wanted=True, pod_delay=delay(SECOND, SECOND))

    assert decide(facts) == NextActions((Conclude(messages.stopped(None)),))


def test_the_pauses_grow_to_a_minute_and_the_time_counts_from_the_first_try() -> None:
    pauses, before = [], None
    for _ in range(9):
        before = delayed(before, QUOTA, NOW)
        pauses.append((before.retry_at - NOW) // SECOND)

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert before is not None
    assert delayed(before, QUOTA, NOW + HOUR).since == NOW


# What goes wrong


@pytest.mark.parametrize("phase", [Phase.LAUNCHING, Phase.RUNNING, Phase.AWAITING_INPUT])
def test_a_run_whose_pod_disappeared_fails(phase: Phase) -> None:
    assert decide(seen(phase, pod=None)) == NextActions(
        (Conclude(messages.failed(messages.POD_DISAPPEARED)),)
    )


def test_a_run_fails_of_what_is_wrong_with_its_pod() -> None:
    pod = PodSeen(attempt=1, over=True, problem=PROBLEM)

    assert decide(seen(pod=pod)) == NextActions((Conclude(messages.failed(PROBLEM)),))


def test_a_pod_that_ends_without_a_word_fails_the_run() -> None:
    facts = seen(pod=PodSeen(attempt=1, over=True))

    assert decide(facts) == NextActions((Conclude(messages.failed(messages.POD_ENDED)),))


def test_a_silent_workspace_is_given_up_after_five_minutes() -> None:
    just = seen(last_contact=NOW - LOST_AFTER)
    longer = seen(last_contact=NOW - LOST_AFTER - SECOND)

    assert decide(just) == NextActions(requeue_after=MINUTE)
    assert decide(longer) == NextActions(
        (Conclude(messages.failed(messages.lost(LOST_AFTER + SECOND))),)
    )


BEGUN_LONG_AGO = PodSeen(attempt=1, serving_since=NOW - HOUR)


def test_a_workspace_that_never_answered_though_it_runs_is_given_up_too() -> None:
    lost = seen(Phase.LAUNCHING, pod=BEGUN_LONG_AGO, last_contact=NOW - LOST_AFTER - SECOND)
    just_begun = PodSeen(attempt=1, serving_since=NOW - MINUTE)

    assert decide(lost) == NextActions(
        (Conclude(messages.failed(messages.lost(LOST_AFTER + SECOND))),)
    )
    fresh = dataclasses.replace(lost, pod=just_begun)
    assert decide(fresh) == NextActions(requeue_after=30 * SECOND)


def test_a_new_leader_counts_the_silence_from_its_own_first_look() -> None:
    facts = seen(Phase.LAUNCHING, pod=BEGUN_LONG_AGO, last_contact=NOW - SECOND)

    assert decide(facts) == NextActions(requeue_after=30 * SECOND)


def test_a_workspace_that_is_still_being_prepared_may_take_its_time() -> None:
    facts = seen(Phase.LAUNCHING, last_contact=NOW - 2 * LOST_AFTER, started=NOW - MINUTE)

    assert decide(facts) == NextActions(requeue_after=30 * SECOND)


@pytest.mark.parametrize("phase", [Phase.LAUNCHING, Phase.RUNNING, Phase.AWAITING_INPUT])
def test_a_pod_that_its_node_does_not_end_is_lost(phase: Phase) -> None:
    facts = seen(phase, pod=PodSeen(attempt=1, deleting=True, overdue=True))

    assert decide(facts) == NextActions((Conclude(messages.failed(messages.NODE_LOST)),))


def test_a_restart_does_not_wait_for_a_pod_that_its_node_does_not_end() -> None:
    old = PodSeen(attempt=1, deleting=True, overdue=True)

    assert decide(seen(attempt=2, pod=old)) == NextActions((CreatePod(),))


def test_a_pod_that_is_being_deleted_is_waited_for() -> None:
    facts = seen(pod=PodSeen(attempt=1, deleting=True))

    assert decide(facts) == NextActions(requeue_after=MINUTE)


# A restart


def test_a_restart_saves_and_removes_the_older_pod_first() -> None:
    facts = seen(attempt=2)

    assert decide(facts) == NextActions((SaveLog(), DeletePod(POD_GRACE)))


def test_a_restart_waits_until_the_older_pod_is_gone() -> None:
    facts = seen(attempt=2, pod=PodSeen(attempt=1, deleting=True))

    assert decide(facts) == NextActions(requeue_after=POD_GRACE)


def test_a_restart_launches_the_new_pod_once_the_older_one_is_gone() -> None:
    assert decide(seen(attempt=2, pod=None)) == NextActions((CreatePod(),))


def test_a_restart_overrules_what_the_older_attempt_reported() -> None:
    facts = seen(attempt=2, report=report())

    assert decide(facts) == NextActions((SaveLog(), DeletePod(POD_GRACE)))


def test_a_restart_that_is_noted_goes_on_like_any_run() -> None:
    facts = seen(Phase.LAUNCHING, attempt=2, status_attempt=2, pod=PodSeen(attempt=2))

    assert decide(facts) == NextActions(requeue_after=30 * SECOND)


# The report


def test_a_reported_failure_is_believed() -> None:
    failed = report(Outcome.FAILED, reason="AgentFailed", text="exit code 3")

    assert decide(seen(report=failed)) == NextActions(
        (Conclude(messages.reported_failure(failed)),)
    )


def test_a_workspace_that_was_taken_away_fails_with_its_work_saved() -> None:
    stopped = report(Outcome.STOPPED)

    assert decide(seen(report=stopped)) == NextActions(
        (Conclude(messages.ended_from_outside(stopped)),)
    )


def test_an_agent_whose_container_was_killed_fails_with_the_reason_and_its_work_saved() -> None:
    stopped = report(Outcome.STOPPED)
    facts = seen(report=stopped, pod=PodSeen(attempt=1, killed=PROBLEM))

    assert decide(facts) == NextActions((Conclude(messages.failed(PROBLEM, stopped)),))


def test_a_run_without_a_repository_ends_with_the_agents_answer() -> None:
    assert decide(seen(report=report())) == NextActions((Conclude(messages.completed(report())),))


def test_a_run_without_commits_ends_well_without_a_pull_request() -> None:
    nothing = report(commits=0, head_sha="")
    facts = seen(has_repository=True, report=nothing)

    assert decide(facts) == NextActions((Conclude(messages.no_changes(nothing)),))


def test_commits_are_verified_before_a_run_is_called_done() -> None:
    facts = seen(has_repository=True, report=report())

    assert decide(facts) == NextActions((OpenPullRequest(),))


def test_a_pull_request_that_was_seen_ends_the_run_well() -> None:
    pull_request = PullRequestSeen("https://forge/pr/1", 1, report().head_sha)
    facts = seen(has_repository=True, report=report(), pull_request=pull_request)

    assert decide(facts) == NextActions(
        (Conclude(messages.opened(report(), "https://forge/pr/1")),)
    )


def test_a_pull_request_that_shows_other_commits_is_looked_at_again() -> None:
    pull_request = PullRequestSeen("https://forge/pr/1", 1, "of the turn before")
    facts = seen(has_repository=True, report=report(), pull_request=pull_request)

    assert decide(facts) == NextActions((OpenPullRequest(),))


def test_a_pull_request_that_cannot_be_had_fails_the_run_and_names_the_branch() -> None:
    problem = Problem(RunReason.PULL_REQUEST_REFUSED, "the token may not open one.")
    facts = seen(has_repository=True, report=report(), pull_request_problem=problem)

    assert decide(facts) == NextActions((Conclude(messages.failed(problem, report())),))


# Stop and time limit


@pytest.mark.parametrize("phase", [Phase.LAUNCHING, Phase.RUNNING, Phase.AWAITING_INPUT])
def test_a_stop_first_asks_the_workspace_to_save(phase: Phase) -> None:
    facts = seen(phase, stop_wanted=True)

    assert decide(facts) == NextActions((AskToStop(),), requeue_after=STOP_GRACE)


def test_a_stop_waits_for_the_workspace_but_not_for_ever() -> None:
    facts = seen(stop_wanted=True, stop_asked=NOW - 5 * SECOND)

    assert decide(facts) == NextActions(requeue_after=STOP_GRACE - 5 * SECOND)


def test_a_stop_that_is_not_answered_takes_the_pod_and_waits_for_what_it_saves() -> None:
    facts = seen(stop_wanted=True, stop_asked=NOW - STOP_GRACE)

    assert decide(facts) == NextActions((DeletePod(POD_GRACE),), requeue_after=POD_GRACE)


@pytest.mark.parametrize("asked", [STOP_GRACE, MINUTE])
def test_a_stop_is_not_over_while_the_deleted_pod_may_still_save(asked: dt.timedelta) -> None:
    pod = PodSeen(1, deleting=True)
    facts = seen(stop_wanted=True, stop_asked=NOW - asked, pod=pod)

    assert decide(facts) == NextActions(requeue_after=POD_GRACE)


def test_a_stop_while_a_node_is_drained_waits_for_what_is_saved() -> None:
    facts = seen(stop_wanted=True, pod=PodSeen(1, deleting=True))

    assert decide(facts) == NextActions((AskToStop(),), requeue_after=STOP_GRACE)


def test_a_save_that_took_longer_than_the_grace_is_named_in_the_end() -> None:
    saved = report(Outcome.STOPPED)
    pod = PodSeen(1, deleting=True)
    facts = seen(stop_wanted=True, stop_asked=NOW - MINUTE, pod=pod, report=saved)

    assert decide(facts) == NextActions((Conclude(messages.stopped(saved)),))


def test_a_stop_that_is_answered_names_the_saved_work() -> None:
    saved = report(Outcome.STOPPED)
    facts = seen(stop_wanted=True, stop_asked=NOW - SECOND, report=saved)

    assert decide(facts) == NextActions((Conclude(messages.stopped(saved)),))


@pytest.mark.parametrize(
    "pod",
    [None, PodSeen(1, deleting=True, overdue=True), PodSeen(1, over=True)],
    ids=["no", "overdue", "over"],
)
def test_a_stop_ends_a_run_at_once_whose_pod_can_say_nothing_more(pod: PodSeen | None) -> None:
    facts = seen(stop_wanted=True, pod=pod)

    assert decide(facts) == NextActions((Conclude(messages.stopped(None)),))


def test_a_stop_wins_over_a_report_that_needs_a_pull_request() -> None:
    facts = seen(stop_wanted=True, has_repository=True, report=report())

    assert decide(facts) == NextActions((Conclude(messages.stopped(report())),))


def test_a_run_past_its_deadline_is_asked_to_save_before_it_ends() -> None:
    late: dict[str, Any] = {"started": NOW - HOUR, "timeout": HOUR}

    assert decide(seen(**late)) == NextActions((AskToStop(),), requeue_after=STOP_GRACE)
    assert decide(seen(**late, stop_asked=NOW - STOP_GRACE)) == NextActions(
        (DeletePod(POD_GRACE),), requeue_after=POD_GRACE
    )
    assert decide(seen(**late, stop_asked=NOW - STOP_GRACE, pod=None)) == NextActions(
        (Conclude(messages.timed_out(HOUR, None)),)
    )


def test_a_run_that_never_got_its_pod_times_out_too() -> None:
    facts = seen(Phase.CLAIMED, started=NOW - HOUR, timeout=HOUR)

    assert decide(facts) == NextActions((Conclude(messages.timed_out(HOUR, None)),))


@pytest.mark.parametrize(
    "facts", [seen(Phase.CLAIMED), seen(Phase.RUNNING, attempt=2, status_attempt=1, pod=None)]
)
def test_a_run_whose_blueprint_went_before_its_pod_came_ends_with_a_word(facts: Observed) -> None:
    gone = dataclasses.replace(
        facts, blueprint=BlueprintState.MISSING, blueprint_message="create it"
    )

    problem = Problem(RunReason.BLUEPRINT_NOT_FOUND, "create it.")
    assert decide(gone) == NextActions((Conclude(messages.failed(problem)),))


# The end


def test_a_decided_end_is_told_whatever_keeps_the_clearing_up() -> None:
    facts = seen(outcome=ENDING)

    assert decide(facts) == NextActions((NotifyEnd(ENDING), SaveLog(), DeletePod(POD_GRACE)))


def test_once_the_work_is_saved_the_pod_has_a_second_left() -> None:
    facts = seen(outcome=ENDING, notified=True, log_saved=True, report=report())

    assert decide(facts) == NextActions((DeletePod(SAVED_GRACE),))


@pytest.mark.parametrize("grace", [20, 30])
def test_a_pod_that_was_given_longer_is_hurried_once_its_work_is_saved(grace: int) -> None:
    pod = PodSeen(1, deleting=True, grace=grace * SECOND)
    facts = seen(outcome=ENDING, notified=True, log_saved=True, pod=pod)

    assert decide(facts) == NextActions((Finish(ENDING),))
    saved = dataclasses.replace(facts, report=report())
    assert decide(saved) == NextActions((DeletePod(SAVED_GRACE),))
    hurried = dataclasses.replace(pod, grace=SAVED_GRACE)
    assert decide(dataclasses.replace(saved, pod=hurried)) == NextActions((Finish(ENDING),))


def test_a_log_is_saved_once() -> None:
    facts = seen(outcome=ENDING, log_saved=True, pod=PodSeen(1, deleting=True))

    assert decide(facts) == NextActions((NotifyEnd(ENDING),))


def test_a_run_is_over_once_everybody_was_told() -> None:
    assert decide(seen(outcome=ENDING, notified=True, pod=None)) == NextActions((Finish(ENDING),))


def test_a_decided_end_is_not_changed_by_anything_that_comes_later() -> None:
    facts = seen(
        outcome=ENDING, notified=True, pod=None, stop_wanted=True, attempt=2, report=report()
    )

    assert decide(facts) == NextActions((Finish(ENDING),))


@pytest.mark.parametrize("phase", sorted(TERMINAL))
def test_a_pod_that_outlived_its_run_goes(phase: Phase) -> None:
    assert decide(seen(phase, pod=POD)) == NextActions((DeletePod(POD_GRACE),))


def test_a_finished_run_is_deleted_when_its_time_is_over() -> None:
    facts = seen(Phase.SUCCEEDED, completed=NOW - HOUR, ttl=HOUR)

    assert decide(facts) == NextActions((DeleteRun(),))


def test_a_finished_run_of_an_issue_is_kept_for_the_trackers_last_redelivery() -> None:
    facts = seen(Phase.SUCCEEDED, completed=NOW - HOUR, ttl=dt.timedelta(), has_issue=True)

    assert decide(facts) == NextActions(requeue_after=KEEP_AT_LEAST - HOUR)


def test_a_run_waits_for_an_earlier_one_of_its_issue_out_of_line() -> None:
    queued = seen(Phase.QUEUED, slot=GRANTED, earlier_run="linear-abc-1")

    message = "waiting for run linear-abc-1 of the same issue to end"
    wait = Wait(RunReason.WAITING_FOR_EARLIER_RUN, message, quiet=True)
    assert decide(queued) == NextActions((wait,))
    noted = dataclasses.replace(queued, blocked=True)
    assert decide(noted) == NextActions(requeue_after=SECOND)


def test_once_the_earlier_run_is_over_a_run_is_in_line() -> None:
    queued = seen(Phase.QUEUED, slot=GRANTED, blocked=True)

    wait = Wait(RunReason.WAITING_FOR_SLOT, messages.EARLIER_RUN_OVER, quiet=True)
    assert decide(queued) == NextActions((wait,))
    assert decide(dataclasses.replace(queued, blocked=False)) == NextActions((Admit(),))


def test_a_run_with_a_blank_task_is_refused_with_a_word() -> None:
    queued = seen(Phase.QUEUED, slot=GRANTED, has_task=False)

    assert decide(queued) == NextActions((Conclude(messages.no_task()),))
    assert messages.no_task().phase is Phase.STOPPED
    assert "blank" in messages.no_task().text


def test_what_the_agent_was_given_is_recorded_once_it_is_much() -> None:
    record = MoveTo(Phase.RUNNING, RunReason.WORKING, "the agent works")

    assert decide(seen(unrecorded=RECORD_DELIVERIES)) == NextActions((record,))
    assert decide(seen(unrecorded=RECORD_DELIVERIES - 1)).actions == ()


def test_a_run_that_may_not_have_its_issue_ends_without_a_word_to_anybody() -> None:
    queued = seen(Phase.QUEUED, slot=GRANTED, has_issue=True, foreign_to="api", acknowledged=False)
    outcome = messages.foreign_issue("api")

    assert decide(queued) == NextActions((Conclude(outcome),))
    concluded = dataclasses.replace(queued, outcome=outcome)
    assert decide(concluded) == NextActions((Finish(outcome),))
