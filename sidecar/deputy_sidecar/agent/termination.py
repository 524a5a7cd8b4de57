"""How an agent is ended: one rung after the other, each with its time."""

from __future__ import annotations

import enum


class Rung(enum.Enum):
    """One way of ending an agent, and how long it may take; signals have their own names."""

    CANCEL = ("cancel", 3.0)
    CLOSE = ("close", 1.5)
    TERM = ("term", 3.0)
    KILL = ("kill", 2.0)

    @property
    def seconds(self) -> float:
        """How long to wait before the next rung."""
        return self.value[1]

    @property
    def next(self) -> Rung | None:
        """The rung above; None at the top."""
        rungs = list(Rung)
        after = rungs.index(self) + 1
        return rungs[after] if after < len(rungs) else None


#: Where a stop begins.
LADDER = Rung.CANCEL
