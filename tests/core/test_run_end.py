"""Facts of the decision: what a run needs next, from the report to the end."""

import dataclasses
import datetime as dt
from typing import Any

import pytest

from deputy.core import messages
from deputy.core.action import (
    AskToStop,
    Conclude,
    DeletePod,
    DeleteRun,
    Finish,
    NextActions,
    NotifyEnd,
    OpenPullRequest,
    SaveLog,
)
from deputy.core.observed import BlueprintState, Observed, PodSeen, PullRequestSeen
from deputy.core.outcome import Problem, RunOutcome
from deputy.core.phase import TERMINAL, Phase
from deputy.core.reason import RunReason
from deputy.core.run import (
    KEEP_AT_LEAST,
    POD_GRACE,
    SAVED_GRACE,
    STOP_GRACE,
    decide,
)
from deputy.wire import Outcome
from tests.core.observed import (
    ENDING,
    HOUR,
    MINUTE,
    NOW,
    POD,
    PROBLEM,
    SECOND,
    report,
    seen,
)

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


def outcome_with(*, undelivered: int) -> RunOutcome:
    """Return how a run ends that so many messages did not reach."""
    killed = report(Outcome.FAILED, reason="AgentKilled", text="the agent was killed by signal 9.")
    (action,) = decide(seen(has_issue=True, report=killed, undelivered=undelivered)).actions
    assert isinstance(action, Conclude)
    return action.outcome


def test_an_end_that_overtook_messages_says_how_many() -> None:
    outcome = outcome_with(undelivered=2)

    assert outcome.reason is RunReason.AGENT_KILLED
    assert outcome.text.endswith(
        "2 messages did not reach the agent any more; send again what still counts."
    )


def test_an_end_after_which_nothing_was_left_says_nothing_of_it() -> None:
    assert "did not reach" not in outcome_with(undelivered=0).text


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
