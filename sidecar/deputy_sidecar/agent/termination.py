"""How an agent is ended: one step after the other, each with its time."""

from __future__ import annotations

import enum


class TerminationStep(enum.Enum):
    """One way of ending an agent, and how long it may take; signals have their own names."""

    CANCEL = ("cancel", 3.0)
    CLOSE_STDIN = ("close stdin", 1.5)
    TERM = ("term", 3.0)
    KILL = ("kill", 2.0)

    @property
    def seconds(self) -> float:
        """How long to wait before the next step."""
        return self.value[1]

    @property
    def next(self) -> TerminationStep | None:
        """The step after this one; None after the last."""
        steps = list(TerminationStep)
        after = steps.index(self) + 1
        return steps[after] if after < len(steps) else None


#: Where a stop begins.
FIRST_STEP = TerminationStep.CANCEL
