"""Facts of the decision: what a run needs next, from the queue to the work."""

import dataclasses
import datetime as dt
from typing import Any

import pytest

from deputy.core import messages
from deputy.core.action import (
    Acknowledge,
    Admit,
    Conclude,
    CreatePod,
    DeletePod,
    Finish,
    KeepAlive,
    MoveTo,
    NextActions,
    NoteDelay,
    ReadIssue,
    SaveLog,
    Wait,
)
from deputy.core.admission import Slot
from deputy.core.observed import BlueprintState, PodSeen
from deputy.core.outcome import Problem
from deputy.core.phase import Phase
from deputy.core.pod_delay import NOTE_AFTER, PodDelay, PodObstacle, delayed
from deputy.core.reason import RunReason
from deputy.core.run import (
    KEEP_ALIVE_AFTER,
    LOST_AFTER,
    POD_GRACE,
    RECORD_DELIVERIES,
    decide,
)
from tests.core.observed import (
    GRANTED,
    HOUR,
    MINUTE,
    NOW,
    POD,
    PROBLEM,
    SECOND,
    report,
    seen,
)

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


def test_a_run_that_was_stopped_before_it_began_gets_its_last_word_alone() -> None:
    facts = seen(Phase.QUEUED, has_issue=True, acknowledged=False, stop_wanted=True)

    assert decide(facts).actions == (Conclude(messages.stopped(None)),)


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


# What would be silence


SILENT: dict[str, Any] = {"has_issue": True, "silent": KEEP_ALIVE_AFTER}


def test_a_silent_run_is_shown_to_live() -> None:
    assert decide(seen(**SILENT)).actions == (KeepAlive(),)


@pytest.mark.parametrize(
    "otherwise",
    [
        {"silent": KEEP_ALIVE_AFTER - SECOND},
        {"has_issue": False},
        # The question has to stay the last word, or the session would not wait any more.
        {"phase": Phase.AWAITING_INPUT},
    ],
    ids=["spoke lately", "made by hand", "asked a person"],
)
def test_nothing_is_said_where_nobody_would_miss_it(otherwise: dict[str, Any]) -> None:
    assert decide(seen(**(SILENT | otherwise))).actions == ()


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
    overdue = PodSeen(attempt=1, deleting=True, overdue=True)
    abandoned = dataclasses.replace(overdue, abandoned=True)

    assert decide(seen(phase, pod=overdue)).actions == ()
    problem = Conclude(messages.failed(messages.NODE_LOST))
    assert decide(seen(phase, pod=abandoned)) == NextActions((problem,))


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
