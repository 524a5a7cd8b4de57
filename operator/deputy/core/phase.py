"""The phases of an AgentRun and the moves between them.

The table is the whole truth: code asks it, docs are drawn from it, tests walk it.
"""

import enum

from deputy.errors import DeputyError


class Phase(enum.StrEnum):
    """Where a run is in its life; derived from its conditions, for people to read."""

    QUEUED = "Queued"
    """Claimed on the API server, waiting for a slot of its Blueprint."""
    CLAIMED = "Claimed"
    """Has a slot; nothing is created yet."""
    LAUNCHING = "Launching"
    """Its pod is created and not heard from yet."""
    RUNNING = "Running"
    """The agent works."""
    AWAITING_INPUT = "AwaitingInput"
    """The agent asked a person and waits for the answer."""
    SUCCEEDED = "Succeeded"
    """Over: the agent finished and what it said was verified."""
    FAILED = "Failed"
    """Over: it could not be done; the reason says why."""
    TIMED_OUT = "TimedOut"
    """Over: it took longer than the Blueprint allows."""
    STOPPED = "Stopped"
    """Over: somebody stopped it, or it was never picked up."""


_OVER = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.TIMED_OUT, Phase.STOPPED})
_CUT_SHORT = _OVER - {Phase.SUCCEEDED}

#: Legal moves. A run never leaves a phase that maps to the empty set. A run that works may end
#: in any way; one that never worked cannot succeed. `Claimed` and `Launching` reach `Running`
#: directly because the first sign of life may overtake our own status writes.
TRANSITIONS: dict[Phase, frozenset[Phase]] = {
    Phase.QUEUED: frozenset({Phase.CLAIMED}) | _CUT_SHORT,
    Phase.CLAIMED: frozenset({Phase.LAUNCHING, Phase.RUNNING}) | _CUT_SHORT,
    Phase.LAUNCHING: frozenset({Phase.RUNNING, Phase.AWAITING_INPUT}) | _OVER,
    Phase.RUNNING: frozenset({Phase.AWAITING_INPUT, Phase.LAUNCHING}) | _OVER,
    Phase.AWAITING_INPUT: frozenset({Phase.RUNNING, Phase.LAUNCHING}) | _OVER,
    Phase.SUCCEEDED: frozenset(),
    Phase.FAILED: frozenset(),
    Phase.TIMED_OUT: frozenset(),
    Phase.STOPPED: frozenset(),
}

#: The phases that hold one of the Blueprint's slots.
ACTIVE = frozenset({Phase.CLAIMED, Phase.LAUNCHING, Phase.RUNNING, Phase.AWAITING_INPUT})

#: The phases that nothing leaves.
TERMINAL = frozenset(phase for phase, moves in TRANSITIONS.items() if not moves)


class IllegalMove(DeputyError):
    """A run was asked to go where the table does not lead."""

    def __init__(self, old: Phase, new: Phase) -> None:
        super().__init__(f"a run in phase {old} cannot become {new}")
        self.old = old
        self.new = new


def move(old: Phase, new: Phase) -> Phase:
    """Return `new`; raise `IllegalMove` unless it is `old` or the table leads there."""
    if new is not old and new not in TRANSITIONS[old]:
        raise IllegalMove(old, new)
    return new
