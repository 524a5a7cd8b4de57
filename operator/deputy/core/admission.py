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
    """Whether the outcome is decided; such a run needs no slot, though people may wait for word."""
    has_pod: bool = False
    """Whether a pod of it is there, which takes its room until it is gone."""
    deleting: bool = False
    """Whether its object is being deleted: it never goes on, whatever keeps it there."""
    blocked: bool = False
    """Whether an earlier run of its issue has to end first; nobody waits for it meanwhile."""


@dataclasses.dataclass(frozen=True, slots=True)
class Slot:
    """Whether a run may start, else its place in the queue, from 1."""

    granted: bool
    position: int = 0


NO_SLOT = Slot(granted=False)


def holds_slot(run: Contender) -> bool:
    """Whether `run` is counted against the cap."""
    return run.has_pod or (run.phase in ACTIVE and not _is_leaving(run))


def is_queued(run: Contender) -> bool:
    """Whether `run` waits for a slot."""
    return run.phase is Phase.QUEUED and not _is_leaving(run) and not run.blocked


def _is_leaving(run: Contender) -> bool:
    return run.ended or run.deleting


def queue_key(run: Contender) -> tuple[int, dt.datetime, str]:
    """Return the sort key of the queue: priority, then age, then name so that ties are settled."""
    return (run.priority or _NO_PRIORITY, run.created, run.name)


def queue(runs: Iterable[Contender]) -> list[Contender]:
    """Return the runs that wait for a slot, the next one first."""
    return sorted(filter(is_queued, runs), key=queue_key)


def slot_of(uid: str, runs: Iterable[Contender], assumed: Collection[str], cap: int) -> Slot:
    """Say whether the run `uid` may start now.

    `runs` are all runs of one Blueprint; `assumed` are the uids that were granted a slot and
    whose status does not show it yet; once it does, `assumed` says nothing more of them, so that
    one left in it leaks no slot. Granting every run that this grants, one after the other and each
    added to `assumed`, never exceeds `cap` and keeps the order.
    """
    known = list(runs)
    waiting = queue(known)
    taken = {run.uid for run in known if holds_slot(run)}
    taken |= {run.uid for run in waiting if run.uid in assumed}
    if uid in taken:
        return Slot(granted=True)
    rest = (run.uid for run in waiting if run.uid not in taken)
    position = next((at for at, other in enumerate(rest, 1) if other == uid), 0)
    granted = 0 < position <= cap - len(taken)
    return Slot(granted=granted, position=0 if granted else position)
