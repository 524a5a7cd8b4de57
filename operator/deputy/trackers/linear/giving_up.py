"""Decide when an update on which only Linear fails has kept the others waiting for long enough.

Pure: times come in as seconds on one scale. An outage is no reason to give anything up: whoever
gives up has seen Linear work, and the update fail again after that.
"""

from collections.abc import Iterator, Sequence

from deputy.trackers.linear.pacing import Pacing
from deputy.trackers.linear.schedule import QueuedUpdate
from deputy.trackers.updates import Priority

#: Seconds within which Linear, which worked just now, is taken to work still.
_JUST = 10.0

_SOON = frozenset({Priority.ACKNOWLEDGEMENT, Priority.TERMINAL})


def overdue(queue: Sequence[QueuedUpdate], now: float, pacing: Pacing) -> Iterator[QueuedUpdate]:
    """Yield those of a queue that have failed for too long, the newest first."""
    end_since: float | None = None
    for entry in reversed(queue):
        if is_overdue(entry, end_since, now, pacing):
            yield entry
        if entry.priority is Priority.TERMINAL:
            end_since = entry.since


def is_overdue(entry: QueuedUpdate, end_since: float | None, now: float, pacing: Pacing) -> bool:
    """Say whether an update has failed for too long; `end_since` is since when an end waits."""
    if entry.failing_since is None:
        return False
    if end_since is not None and now - end_since >= pacing.end_waits:
        return True
    soon = entry.priority in _SOON
    most = pacing.give_up_urgent_after if soon else pacing.give_up_after
    return now - entry.failing_since > most


def is_at_fault(entry: QueuedUpdate, linear_worked_at: float) -> bool:
    """Say whether Linear worked while an update failed on its own."""
    began, last = entry.failing_since, entry.failed_at
    if began is None or last is None or not entry.alone:
        return False
    worked_just_then = last - linear_worked_at < _JUST
    return linear_worked_at <= last and (began < linear_worked_at or worked_just_then)
