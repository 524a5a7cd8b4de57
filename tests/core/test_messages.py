"""Facts of the closing words: they name the fact and the next step, and fit everywhere."""

import datetime as dt
from collections.abc import Callable

import pytest

from deputy.core import messages
from deputy.core.outcome import Problem, RunOutcome, phase_of_reason
from deputy.core.phase import Phase
from deputy.core.reason import RunReason
from deputy.wire import Finished, Outcome


def report(outcome: Outcome = Outcome.COMPLETED, **facts: object) -> Finished:
    base: dict[str, object] = {"outcome": outcome, "reason": "", "text": "Fixed it.", "commits": 1}
    return Finished(**(base | facts))  # type: ignore[arg-type]


def test_a_stop_names_the_branch_that_holds_the_work() -> None:
    saved = report(Outcome.STOPPED, branch="eng-42", head_sha="0123456789abcdef")

    outcome = messages.stopped(saved)

    assert outcome == RunOutcome(
        RunReason.STOPPED_BY_USER,
        "stopped, as asked",
        "Stopped, as asked. The work so far is on branch `eng-42` (`0123456789`). "
        "To try again, reply here or delegate the issue anew.",
    )


def test_a_problem_in_another_systems_words_ends_before_ours_begin() -> None:
    outcome = messages.failed(Problem(RunReason.PULL_REQUEST_REFUSED, "403; give it the right (x)"))

    assert outcome.text == (
        "This did not work: 403; give it the right (x). "
        "To try again, reply here or delegate the issue anew."
    )


def test_a_stop_without_work_promises_none() -> None:
    assert "branch" not in messages.stopped(None).text
    assert "branch" not in messages.stopped(report(head_sha="")).text


def test_a_timeout_names_the_limit_and_how_to_raise_it() -> None:
    outcome = messages.timed_out(dt.timedelta(minutes=1), None)

    assert outcome.reason is RunReason.TIMED_OUT
    assert "60 seconds" in outcome.text
    assert "spec.timeoutSeconds" in outcome.message


@pytest.mark.parametrize("known", [r for r in RunReason if phase_of_reason(r) is Phase.FAILED])
def test_a_reported_failure_keeps_the_reason_that_the_sidecar_names(known: RunReason) -> None:
    outcome = messages.reported_failure(report(Outcome.FAILED, reason=known.value))

    assert outcome.reason is known


@pytest.mark.parametrize(
    "claimed", ["", "Whatever", *(r for r in RunReason if phase_of_reason(r) is not Phase.FAILED)]
)
def test_a_reported_failure_is_a_failure_whatever_reason_it_claims(claimed: str) -> None:
    outcome = messages.reported_failure(report(Outcome.FAILED, reason=claimed))

    assert outcome.reason is RunReason.AGENT_FAILED


def test_a_failure_without_words_says_so() -> None:
    outcome = messages.reported_failure(report(Outcome.FAILED, text=" \n "))

    assert outcome.message == "the agent failed and gave no reason"


def test_a_stop_names_the_branch_that_was_pushed_or_says_why_none_was() -> None:
    pushed = report(Outcome.STOPPED, branch="eng-42", head_sha="0123456789abcdef")
    words = "Stopped, as asked.\n\nThe forge rejects the push to branch `eng-42`: no."
    rejected = report(Outcome.STOPPED, text=words, branch="", head_sha="", commits=0)
    nothing = report(Outcome.STOPPED, text="Stopped, as asked.", branch="", head_sha="", commits=0)

    retry = "To try again, reply here or delegate the issue anew."
    assert messages.stopped(pushed).text == (
        f"Stopped, as asked. The work so far is on branch `eng-42` (`0123456789`). {retry}"
    )
    assert messages.stopped(rejected).text == (
        f"Stopped, as asked. The forge rejects the push to branch `eng-42`: no. {retry}"
    )
    assert messages.stopped(nothing).text == f"Stopped, as asked. {retry}"


def test_an_agent_that_left_no_message_is_still_told_of() -> None:
    assert messages.completed(report(text="")).text == "Done. The agent left no message."


def test_no_commits_are_no_failure_and_no_pull_request() -> None:
    outcome = messages.no_changes(report(text="Nothing to do.", commits=0))

    assert outcome.phase is Phase.SUCCEEDED
    assert outcome.text == ("Nothing to do.\n\nNo commits were made, so there is no pull request.")


def test_a_pull_request_is_linked_after_the_agents_words() -> None:
    outcome = messages.opened(report(), "https://forge/pr/1")

    assert outcome.text == "Fixed it.\n\nPull request: https://forge/pr/1"


def test_the_address_stays_however_much_the_agent_had_to_say() -> None:
    text = messages.opened(report(text="word " * 10_000), "https://forge/pr/1").text

    assert text.endswith("Pull request: https://forge/pr/1")
    assert len(text) <= messages.MAX_TEXT


def test_what_the_forge_refused_beside_it_is_noted() -> None:
    refused = ("reviewer jane is no collaborator",)
    text = messages.opened(report(), "https://forge/pr/1", refused).text

    assert text == (
        "Fixed it.\n\nPull request: https://forge/pr/1\n\nNote: reviewer jane is no collaborator"
    )


@pytest.mark.parametrize(
    "say",
    [
        messages.completed,
        messages.no_changes,
        messages.reported_failure,
        messages.ended_from_outside,
    ],
)
def test_the_longest_report_fits_into_an_activity_and_a_status(
    say: Callable[[Finished], RunOutcome],
) -> None:
    outcome = say(report(Outcome.FAILED, text="x" * 100_000))

    assert len(outcome.text) <= messages.MAX_TEXT
    assert len(outcome.message) <= messages.MAX_MESSAGE


@pytest.mark.parametrize(
    "outcome",
    [
        messages.stopped(None),
        messages.timed_out(dt.timedelta(hours=1), None),
        messages.failed(Problem(RunReason.UNSCHEDULABLE, "no node takes it.")),
        messages.ended_from_outside(report(Outcome.STOPPED)),
        messages.deleted("linear-abc-1"),
        messages.pod_refused("linear-abc-1-1", "exceeded quota."),
    ],
)
def test_whoever_got_nothing_is_told_how_to_try_again(outcome: RunOutcome) -> None:
    assert outcome.text.endswith("To try again, reply here or delegate the issue anew.")
