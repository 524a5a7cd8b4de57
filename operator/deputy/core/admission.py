"""Who may start: strict order, never over the cap."""

import dataclasses
import datetime as dt
from collections.abc import Collection, Iterable

from deputy.core.phase import ACTIVE, Phase

#: Linear's 0 means «no priority» and comes after 4, which means «low».
_NO_PRIORITY = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Contender:
    """What admission must know of a run."""

    uid: str
    name: str
    phase: Phase
    priority: int
    created: dt.datetime
    ended: bool
    """Whether the outcome is decided; such a run holds no slot, though people may wait for word."""


@dataclasses.dataclass(frozen=True, slots=True)
class Slot:
    """Whether a run may start, else its place in the queue, from 1."""

    granted: bool
    position: int = 0


NO_SLOT = Slot(granted=False)


def holds_slot(run: Contender) -> bool:
    """Whether `run` is counted against the cap."""
    return run.phase in ACTIVE and not run.ended


def _waits(run: Contender) -> bool:
    return run.phase is Phase.QUEUED and not run.ended


def order(run: Contender) -> tuple[int, dt.datetime, str]:
    """Return the sort key of the queue: priority, then age, then name so that ties are settled."""
    return (run.priority or _NO_PRIORITY, run.created, run.name)


def in_line(runs: Iterable[Contender]) -> list[Contender]:
    """Return the runs that wait for a slot, the next one first."""
    return sorted((run for run in runs if run.phase is Phase.QUEUED and not run.ended), key=order)


def slot_of(uid: str, runs: Iterable[Contender], assumed: Collection[str], cap: int) -> Slot:
    """Say whether the run `uid` may start now.

    `runs` are all runs of one Blueprint; `assumed` are the uids that were granted a slot and
    whose own word of it has not come back yet; once it has, `assumed` says nothing more of them,
    so that one left in it leaks no slot. Granting every run that this grants, one after the other
    and each added to `assumed`, never exceeds `cap` and keeps the order.
    """
    everyone = list(runs)
    taken = {run.uid for run in everyone if holds_slot(run) or (_waits(run) and run.uid in assumed)}
    if uid in taken:
        return Slot(granted=True)
    waiting = sorted(
        (run for run in everyone if _waits(run) and run.uid not in taken),
        key=order,
    )
    position = next((at for at, run in enumerate(waiting, 1) if run.uid == uid), 0)
    granted = 0 < position <= cap - len(taken)
    return Slot(granted=granted, position=0 if granted else position)
