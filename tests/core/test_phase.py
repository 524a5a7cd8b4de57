"""Facts of the phases: which moves are legal, and where nothing leads on."""

import itertools

import pytest

from deputy.core.phase import ACTIVE, TERMINAL, TRANSITIONS, IllegalMove, Phase, move

LEGAL = {
    "Queued": "Claimed Failed TimedOut Stopped",
    "Claimed": "Launching Running Failed TimedOut Stopped",
    "Launching": "Running AwaitingInput Succeeded Failed TimedOut Stopped",
    "Running": "AwaitingInput Launching Succeeded Failed TimedOut Stopped",
    "AwaitingInput": "Running Launching Succeeded Failed TimedOut Stopped",
    "Succeeded": "",
    "Failed": "",
    "TimedOut": "",
    "Stopped": "",
}
PAIRS = list(itertools.product(Phase, Phase))


def is_legal(old: Phase, new: Phase) -> bool:
    return new in LEGAL[old].split() or new is old


@pytest.mark.parametrize(("old", "new"), [pair for pair in PAIRS if is_legal(*pair)])
def test_a_legal_move_leads_to_the_new_phase(old: Phase, new: Phase) -> None:
    assert move(old, new) is new


@pytest.mark.parametrize(("old", "new"), [pair for pair in PAIRS if not is_legal(*pair)])
def test_an_illegal_move_is_refused_and_names_both_phases(old: Phase, new: Phase) -> None:
    with pytest.raises(IllegalMove, match=f"phase {old} cannot become {new}") as refused:
        move(old, new)

    assert (refused.value.old, refused.value.new) == (old, new)


def test_the_table_knows_every_phase() -> None:
    assert set(TRANSITIONS) == set(Phase)


def test_nothing_leaves_the_four_terminal_phases() -> None:
    assert {Phase.SUCCEEDED, Phase.FAILED, Phase.TIMED_OUT, Phase.STOPPED} == TERMINAL


def test_every_phase_is_queued_active_or_terminal_and_no_two_of_them() -> None:
    assert ACTIVE | TERMINAL | {Phase.QUEUED} == set(Phase)
    assert not ACTIVE & TERMINAL


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in TERMINAL])
def test_a_run_can_be_stopped_fail_and_time_out_wherever_it_is(phase: Phase) -> None:
    assert {Phase.STOPPED, Phase.FAILED, Phase.TIMED_OUT} <= TRANSITIONS[phase]


@pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.CLAIMED])
def test_a_run_that_never_worked_cannot_succeed(phase: Phase) -> None:
    assert Phase.SUCCEEDED not in TRANSITIONS[phase]
