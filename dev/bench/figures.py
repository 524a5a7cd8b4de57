"""Figures: what was measured, what a bare client needs for the same, and what was aimed at."""

import dataclasses
import enum
import math
from collections.abc import Sequence


class Unit(enum.Enum):
    """What a figure counts, and how a person reads it."""

    MILLISECONDS = "ms"
    PER_SECOND = "/s"
    COUNT = ""
    MEGABYTES = "MB"
    CORE_PERCENT = "% of a core"


@dataclasses.dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; None is something that was not, or cannot be, measured."""

    what: str
    unit: Unit
    deputy: float | None
    bare: float | None = None
    aim: float | None = None
    """Deputy's figure shall be at most this."""

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None where there is none, or no figure to judge."""
        if self.aim is None or self.deputy is None:
            return None
        return self.deputy <= self.aim


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """The figures of one measurement."""

    name: str
    title: str
    beside: str
    """What the bare client did, in a sentence."""
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that `percent` of all values do not exceed.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("nothing was measured")
    rank = math.ceil(len(values) * percent / 100)
    return sorted(values)[max(rank, 1) - 1]


def latencies(
    what: str,
    deputy: Sequence[float],
    bare: Sequence[float] = (),
    *,
    percents: Sequence[int] = (50, 99),
    aims: dict[int, float] | None = None,
) -> list[Figure]:
    """Return a figure in milliseconds for each percentile of times in seconds."""
    return [
        Figure(
            f"{what}, p{percent}",
            Unit.MILLISECONDS,
            _milliseconds(deputy, percent),
            _milliseconds(bare, percent),
            (aims or {}).get(percent),
        )
        for percent in percents
    ]


def _milliseconds(values: Sequence[float], percent: int) -> float | None:
    return percentile(values, percent) * 1000 if values else None
