"""The plan that a session shows: four steps of ours, the agent's own between them."""

from deputy.core.phase import TERMINAL, Phase
from deputy.wire import Step, StepStatus

ANALYSE = "Read the issue"
SET_UP = "Set up the workspace"
WORK = "Run the agent"
DELIVER = "Open the pull request"
ANSWER = "Answer"

#: Linear shows a plan as a list; a longer one helps nobody.
MAX_STEPS = 30

#: How many of our steps are done in a phase before the end.
_DONE = {
    Phase.QUEUED: 0,
    Phase.CLAIMED: 1,
    Phase.LAUNCHING: 1,
    Phase.RUNNING: 2,
    Phase.AWAITING_INPUT: 2,
}


def plan_of(
    phase: Phase,
    agent_steps: tuple[Step, ...] = (),
    *,
    has_repository: bool,
    delivering: bool = False,
) -> tuple[Step, ...]:
    """Return the whole plan of a run in `phase`.

    `agent_steps` are the agent's own; they stand in place of the one that says that it works.
    A run that ends well has every step completed; one that does not has the open ones canceled.
    """
    last = DELIVER if has_repository else ANSWER
    names = (ANALYSE, SET_UP, WORK, last)
    if phase is Phase.SUCCEEDED:
        ours = tuple(Step(name, StepStatus.COMPLETED) for name in names)
        return _with(ours, tuple(Step(step.content, StepStatus.COMPLETED) for step in agent_steps))
    done = 3 if delivering else _DONE.get(phase, 0)
    ours = tuple(Step(name, _status(at, done)) for at, name in enumerate(names))
    return _with(ours, agent_steps)


def canceled(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return `steps` with what is not completed canceled: Linear has no word for failed."""
    return tuple(
        step if step.status is StepStatus.COMPLETED else Step(step.content, StepStatus.CANCELED)
        for step in steps
    )


def _status(at: int, done: int) -> StepStatus:
    if at < done:
        return StepStatus.COMPLETED
    return StepStatus.IN_PROGRESS if at == done else StepStatus.PENDING


def _with(ours: tuple[Step, ...], agent_steps: tuple[Step, ...]) -> tuple[Step, ...]:
    if not agent_steps:
        return ours
    most = MAX_STEPS - len(ours) + 1
    return (*ours[:2], *agent_steps[:most], *ours[3:])


def plan_at_end(
    last: Phase, end: Phase, agent_steps: tuple[Step, ...] = (), *, has_repository: bool
) -> tuple[Step, ...]:
    """Return the plan of a run that ended in `end` and was in `last` before."""
    if end not in TERMINAL:
        raise ValueError(f"{end} is not the end of a run")
    if end is Phase.SUCCEEDED:
        return plan_of(end, agent_steps, has_repository=has_repository)
    return canceled(plan_of(last, agent_steps, has_repository=has_repository))
