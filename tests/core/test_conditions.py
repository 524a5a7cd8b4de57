"""Facts of a run's conditions: they say everything, and its phase follows from them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deputy.core.conditions import ConditionType, Truth, WantedCondition, conditions_of, phase_of
from deputy.core.outcome import phase_of_reason
from deputy.core.phase import TERMINAL, TRANSITIONS, Phase
from deputy.core.reason import RunReason

BEFORE = [phase for phase in Phase if phase not in TERMINAL]
#: The reason with which a run is in a phase before the end.
REASONS = {
    Phase.QUEUED: RunReason.WAITING_FOR_SLOT,
    Phase.CLAIMED: RunReason.ADMITTED,
    Phase.LAUNCHING: RunReason.POD_CREATED,
    Phase.RUNNING: RunReason.WORKING,
    Phase.AWAITING_INPUT: RunReason.AWAITING_ANSWER,
}
#: Reasons that a run goes on for; none of them ends it.
NO_ENDS = {*REASONS.values(), RunReason.WORKSPACE_READY}
ENDS = [
    (last, reason)
    for last in BEFORE
    for reason in RunReason
    if reason not in NO_ENDS and phase_of_reason(reason) in TRANSITIONS[last]
]


@pytest.mark.parametrize("phase", BEFORE)
def test_the_phase_of_a_run_that_goes_on_follows_from_its_conditions(phase: Phase) -> None:
    conditions = conditions_of(phase, REASONS[phase], "why", last=phase, concluded=False)

    assert phase_of(conditions) is phase


@given(end=st.sampled_from(ENDS), message=st.text())
def test_the_phase_of_a_run_that_is_over_follows_from_its_conditions(
    end: tuple[Phase, RunReason], message: str
) -> None:
    last, reason = end
    phase = phase_of_reason(reason)

    assert phase_of(conditions_of(phase, reason, message, last=last, concluded=True)) is phase


@given(end=st.sampled_from(ENDS), message=st.text())
def test_a_run_whose_end_is_decided_stays_in_its_phase_until_it_is_told(
    end: tuple[Phase, RunReason], message: str
) -> None:
    last, reason = end
    conditions = conditions_of(last, reason, message, last=last, concluded=True)

    # It awaits no answer any more: that is over with the decision.
    assert phase_of(conditions) is (Phase.RUNNING if last is Phase.AWAITING_INPUT else last)


@given(end=st.sampled_from(ENDS))
def test_the_end_leaves_it_visible_how_far_a_run_had_come(end: tuple[Phase, RunReason]) -> None:
    last, reason = end
    before = conditions_of(last, reason, "why", last=last, concluded=True)
    after = conditions_of(phase_of_reason(reason), reason, "why", last=last, concluded=True)

    assert [(c.type, c.status) for c in before[:3]] == [(c.type, c.status) for c in after[:3]]


@given(phase=st.sampled_from(BEFORE), reason=st.sampled_from(RunReason), concluded=st.booleans())
def test_all_four_conditions_are_there_from_the_start(
    phase: Phase,
    reason: RunReason,
    concluded: bool,  # noqa: FBT001  hypothesis draws it
) -> None:
    conditions = conditions_of(phase, reason, "why", last=phase, concluded=concluded)

    assert [condition.type for condition in conditions] == list(ConditionType)
    assert all(condition.reason and condition.message for condition in conditions)


def test_a_run_without_conditions_is_queued() -> None:
    assert phase_of(()) is Phase.QUEUED


def test_a_queued_run_says_why_it_waits() -> None:
    conditions = conditions_of(
        Phase.QUEUED, RunReason.WAITING_FOR_SLOT, "number 2", last=Phase.QUEUED, concluded=False
    )

    assert conditions == (
        WantedCondition(ConditionType.ADMITTED, Truth.FALSE, "WaitingForSlot", "number 2"),
        WantedCondition(
            ConditionType.WORKSPACE_READY,
            Truth.UNKNOWN,
            "WaitingForSlot",
            "the workspace does not answer yet",
        ),
        WantedCondition(ConditionType.SUCCEEDED, Truth.UNKNOWN, "WaitingForSlot", "number 2"),
        WantedCondition(ConditionType.FINISHED, Truth.FALSE, "WaitingForSlot", "not over"),
    )


def test_a_run_that_went_well_has_four_true_conditions() -> None:
    conditions = conditions_of(
        Phase.SUCCEEDED,
        RunReason.PULL_REQUEST_OPENED,
        "pull request https://forge/pr/1",
        last=Phase.RUNNING,
        concluded=True,
    )

    assert {condition.status for condition in conditions} == {Truth.TRUE}
    assert conditions[2].message == "pull request https://forge/pr/1"
