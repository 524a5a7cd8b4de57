"""Facts of the plan that a session shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deputy.core.phase import TERMINAL, Phase
from deputy.core.plan import MAX_STEPS, canceled, plan_at_end, plan_of
from deputy.wire import Step, StepStatus

BEFORE = [phase for phase in Phase if phase not in TERMINAL]
DONE, NOW, LATER, NEVER = (
    StepStatus.COMPLETED,
    StepStatus.IN_PROGRESS,
    StepStatus.PENDING,
    StepStatus.CANCELED,
)
steps = st.lists(
    st.builds(Step, st.text(min_size=1), st.sampled_from(StepStatus)), max_size=60
).map(tuple)


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        (Phase.QUEUED, [NOW, LATER, LATER, LATER]),
        (Phase.CLAIMED, [DONE, NOW, LATER, LATER]),
        (Phase.LAUNCHING, [DONE, NOW, LATER, LATER]),
        (Phase.RUNNING, [DONE, DONE, NOW, LATER]),
        (Phase.AWAITING_INPUT, [DONE, DONE, NOW, LATER]),
        (Phase.SUCCEEDED, [DONE, DONE, DONE, DONE]),
    ],
)
def test_the_plan_moves_with_the_phase(phase: Phase, expected: list[StepStatus]) -> None:
    steps = plan_of(phase, has_repository=True)

    assert [step.content for step in steps] == [
        "Read the issue",
        "Set up the workspace",
        "Run the agent",
        "Open the pull request",
    ]
    assert [step.status for step in steps] == expected


def test_a_run_without_a_repository_ends_with_an_answer() -> None:
    assert plan_of(Phase.QUEUED, has_repository=False)[-1] == Step("Answer", LATER)


def test_the_last_step_goes_on_while_the_pull_request_is_opened() -> None:
    steps = plan_of(Phase.RUNNING, has_repository=True, delivering=True)

    assert [step.status for step in steps] == [DONE, DONE, DONE, NOW]


def test_the_agents_steps_stand_in_place_of_the_one_that_says_that_it_works() -> None:
    agents = (Step("Find the bug", DONE), Step("Fix it", NOW))

    assert plan_of(Phase.RUNNING, agents, has_repository=True) == (
        Step("Read the issue", DONE),
        Step("Set up the workspace", DONE),
        *agents,
        Step("Open the pull request", LATER),
    )


def test_a_run_that_went_well_leaves_no_step_open_not_even_the_agents() -> None:
    steps = plan_of(Phase.SUCCEEDED, (Step("Fix it", NOW),), has_repository=True)

    assert {step.status for step in steps} == {DONE}


@given(st.sampled_from([*BEFORE, Phase.SUCCEEDED]), steps, st.booleans())
def test_a_plan_is_never_longer_than_a_session_shows_and_never_loses_our_last_step(
    phase: Phase,
    agents: tuple[Step, ...],
    delivering: bool,  # noqa: FBT001  hypothesis draws it
) -> None:
    steps = plan_of(phase, agents, has_repository=True, delivering=delivering)

    assert len(steps) <= MAX_STEPS
    assert steps[-1].content == "Open the pull request"


@given(steps)
def test_what_is_completed_stays_completed_and_the_rest_is_canceled(
    shown: tuple[Step, ...],
) -> None:
    assert canceled(shown) == tuple(
        Step(step.content, DONE if step.status is DONE else NEVER) for step in shown
    )


@pytest.mark.parametrize("end", [Phase.FAILED, Phase.TIMED_OUT, Phase.STOPPED])
def test_a_run_that_did_not_go_well_has_its_open_steps_canceled(end: Phase) -> None:
    steps = plan_at_end(Phase.RUNNING, end, has_repository=True)

    assert [step.status for step in steps] == [DONE, DONE, NEVER, NEVER]


@given(st.sampled_from(BEFORE), st.sampled_from(sorted(TERMINAL)), steps)
def test_no_step_is_open_once_a_run_is_over(
    last: Phase, end: Phase, agents: tuple[Step, ...]
) -> None:
    steps = plan_at_end(last, end, agents, has_repository=True)

    assert {step.status for step in steps} <= {DONE, NEVER}


@pytest.mark.parametrize("phase", BEFORE)
def test_a_phase_before_the_end_has_no_plan_of_the_end(phase: Phase) -> None:
    with pytest.raises(ValueError, match="is not the end of a run"):
        plan_at_end(Phase.RUNNING, phase, has_repository=True)
