"""Facts of the endings: which phase a reason leads to, and whom it concerns."""

import pytest

from deputy.core.outcome import RunOutcome, phase_of_reason
from deputy.core.phase import TERMINAL, Phase
from deputy.core.reason import RunReason

PHASES = {
    RunReason.PULL_REQUEST_OPENED: Phase.SUCCEEDED,
    RunReason.NO_CHANGES: Phase.SUCCEEDED,
    RunReason.COMPLETED: Phase.SUCCEEDED,
    RunReason.STOPPED_BY_USER: Phase.STOPPED,
    RunReason.STATE_NOT_ALLOWED: Phase.STOPPED,
    RunReason.DELEGATOR_NOT_ALLOWED: Phase.STOPPED,
    RunReason.TASK_MISSING: Phase.STOPPED,
    RunReason.ISSUE_NOT_ALLOWED: Phase.STOPPED,
    RunReason.BLUEPRINT_NOT_READY: Phase.STOPPED,
    RunReason.BLUEPRINT_NOT_FOUND: Phase.STOPPED,
    RunReason.TIMED_OUT: Phase.TIMED_OUT,
}


@pytest.mark.parametrize("reason", RunReason)
def test_every_reason_leads_to_one_terminal_phase(reason: RunReason) -> None:
    assert phase_of_reason(reason) is PHASES.get(reason, Phase.FAILED)


@pytest.mark.parametrize("reason", RunReason)
def test_a_person_is_needed_where_a_run_failed_or_took_too_long(reason: RunReason) -> None:
    outcome = RunOutcome(reason, "a fact", "a text")

    assert outcome.phase in TERMINAL
    assert outcome.needs_human is (outcome.phase in (Phase.FAILED, Phase.TIMED_OUT))
