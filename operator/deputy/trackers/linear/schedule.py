"""Decide what is sent to Linear next: order, batches, what is dropped.

Pure: times come in as seconds on one scale; nothing is sent here. What holds, whatever happens:

- among the updates of one ordering key (a session, or an issue for what belongs to none) the
  order is kept: each key has a queue;
- what is urgent lends its urgency to everything ahead of it in its queue;
- only ephemerals, and plans that a newer plan replaces, are ever dropped; from the queue of a
  session that is closed, all but the terminal;
- at most one ephemeral of a queue waits.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from deputy.trackers.linear.budget import Budget
from deputy.trackers.linear.pacing import Pacing, pause
from deputy.trackers.updates import (
    ChangeIssue,
    PostActivity,
    PostComment,
    Priority,
    SetPlan,
    Update,
    is_ephemeral,
    priority_of,
)

#: Why something was not sent.
SUPERSEDED = "superseded by something newer"
CLOSED = "session closed"
PRESSURE = "the budget is short"

#: So many closed sessions are remembered.
_MAX_CLOSED = 10_000


@dataclasses.dataclass(slots=True, eq=False)
class QueuedUpdate:
    """An update that waits; `number` is its place in the order of all."""

    number: int
    update: Update
    since: float
    attempts: int = 0
    failing_since: float | None = None
    failed_at: float | None = None
    """When it failed last, and why."""
    error: str = ""
    alone: bool = False
    """It was in a request that failed: it is sent alone, so that no other update fails with it."""
    in_flight: bool = False
    """Its request has begun and has no answer yet."""

    @property
    def priority(self) -> Priority:
        """How urgent it is by itself."""
        return priority_of(self.update)


@dataclasses.dataclass(slots=True, eq=False)
class _Queue:
    """The updates of one ordering key, oldest first."""

    entries: list[QueuedUpdate] = dataclasses.field(default_factory=list)
    replaceable: list[QueuedUpdate] = dataclasses.field(default_factory=list)
    """The few of them that a newer one may replace, so that nobody has to look for them."""
    not_before: float = 0.0

    @property
    def waiting(self) -> list[QueuedUpdate]:
        return [entry for entry in self.entries if not entry.in_flight]

    @property
    def is_urgent(self) -> bool:
        return any(entry.priority.is_urgent for entry in self.waiting)

    def append(self, entry: QueuedUpdate) -> None:
        self.entries.append(entry)
        if isinstance(entry.update, SetPlan) or is_ephemeral(entry.update):
            self.replaceable.append(entry)

    def remove(self, entry: QueuedUpdate) -> None:
        self.entries.remove(entry)
        if entry in self.replaceable:
            self.replaceable.remove(entry)

    @property
    def rank(self) -> tuple[int, int]:
        """What goes first: the urgent, then what stays, then what passes; each by age."""
        waiting = self.waiting
        passing = all(is_ephemeral(entry.update) for entry in waiting)
        return 0 if self.is_urgent else 1 + passing, waiting[0].number


@dataclasses.dataclass(frozen=True, slots=True)
class DroppedUpdate:
    """An entry that is not sent, and why."""

    entry: QueuedUpdate
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class SendBatch:
    """Send these in one request now."""

    entries: tuple[QueuedUpdate, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for so many seconds, or until something new comes; None: only the latter."""

    seconds: float | None


NextSend: TypeAlias = SendBatch | Pause


@dataclasses.dataclass(frozen=True, slots=True)
class SendState:
    """What the next request depends on: the budget, the last request, and the end of a back-off."""

    budget: Budget = dataclasses.field(default_factory=Budget)
    last_request: float = 0.0
    backoff_until: float = 0.0


def ordering_key(update: Update) -> str:
    """Return the key among whose updates this one keeps its place."""
    if isinstance(update, ChangeIssue | PostComment):
        return update.session_id or f"issue/{update.issue_id}"
    return update.session_id


class Schedule:
    """Everything that waits, in a queue for each ordering key."""

    def __init__(self) -> None:
        self._queues: dict[str, _Queue] = {}
        self._closed: dict[str, None] = {}
        self._count = 0

    def __len__(self) -> int:
        return sum(len(queue.entries) for queue in self._queues.values())

    def oldest(self) -> float | None:
        """Return since when the oldest entry waits."""
        return min((queue.entries[0].since for queue in self._queues.values()), default=None)

    def is_closed_to(self, update: Update) -> bool:
        """Say whether an update comes too late for its session."""
        return ordering_key(update) in self._closed and priority_of(update) is not Priority.TERMINAL

    def queues(self) -> Iterator[Sequence[QueuedUpdate]]:
        """Yield what waits or is in flight, by ordering key, the oldest first."""
        return (tuple(queue.entries) for queue in self._queues.values())

    def send_next(self, entry: QueuedUpdate) -> None:
        """Let an entry, alone, be what its queue sends next, without waiting any longer."""
        entry.alone = True
        self._queues[ordering_key(entry.update)].not_before = 0.0

    def add(self, update: Update, now: float) -> tuple[QueuedUpdate, list[DroppedUpdate]]:
        """Append an update; return its entry, and those that are dropped because of it."""
        queue = self._queues.setdefault(ordering_key(update), _Queue())
        replaced = [one for one in queue.replaceable if _is_replaced(one.update, update)]
        dropped = _drop(queue, replaced, SUPERSEDED)
        self._count += 1
        entry = QueuedUpdate(self._count, update, now)
        queue.append(entry)
        return entry, dropped

    def close(self, key: str) -> list[DroppedUpdate]:
        """Take only what is terminal for a key from now on, and drop the rest of what waits."""
        self._closed[key] = None
        while len(self._closed) > _MAX_CLOSED:
            del self._closed[next(iter(self._closed))]
        queue = self._queues.get(key, _Queue())
        late = [entry for entry in queue.entries if self.is_closed_to(entry.update)]
        return self._without_empty(_drop(queue, late, CLOSED))

    def open(self, key: str) -> None:
        """Take everything again for a key that was closed."""
        self._closed.pop(key, None)

    def drop_ephemerals(self) -> list[DroppedUpdate]:
        """Drop every ephemeral that waits: they are the first to go when the budget is short."""
        dropped: list[DroppedUpdate] = []
        for queue in self._queues.values():
            passing = [entry for entry in queue.replaceable if is_ephemeral(entry.update)]
            dropped += _drop(queue, passing, PRESSURE)
        return self._without_empty(dropped)

    def next(self, now: float, state: SendState, pacing: Pacing) -> NextSend:
        """Return what to do now; what is to be sent counts as in flight."""
        if not (waiting := [queue for queue in self._queues.values() if queue.waiting]):
            return Pause(None)
        ready = [queue for queue in waiting if max(queue.not_before, state.backoff_until) <= now]
        if not ready:
            return Pause(max(min(queue.not_before for queue in waiting), state.backoff_until) - now)
        urgent = any(queue.is_urgent for queue in ready)
        seconds = pause(state.budget, pacing, now=now, last=state.last_request, is_urgent=urgent)
        if seconds > 0:
            later = [queue.not_before - now for queue in waiting if queue.not_before > now]
            return Pause(min(seconds, *later)) if later else Pause(seconds)
        chosen = _batch(ready, pacing.batch)
        for entry in chosen:
            entry.in_flight = True
        return SendBatch(chosen)

    def remove(self, entry: QueuedUpdate) -> None:
        """Take out an entry that is done with; what waited for its repetition waits no longer."""
        queue = self._queues[ordering_key(entry.update)]
        queue.remove(entry)
        queue.not_before = 0.0
        self._without_empty([])

    def requeue(self, entry: QueuedUpdate, not_before: float) -> DroppedUpdate | None:
        """Let an entry that was in flight wait again, in its old place.

        It is dropped instead where its session was closed or something newer replaced it since.
        """
        queue = self._queues[ordering_key(entry.update)]
        entry.in_flight = False
        behind = queue.entries[queue.entries.index(entry) + 1 :]
        if self.is_closed_to(entry.update):
            reason = CLOSED
        elif any(_is_replaced(entry.update, later.update) for later in behind):
            reason = SUPERSEDED
        else:
            queue.not_before = max(queue.not_before, not_before)
            return None
        self.remove(entry)
        return DroppedUpdate(entry, reason)

    def _without_empty(self, dropped: list[DroppedUpdate]) -> list[DroppedUpdate]:
        self._queues = {key: queue for key, queue in self._queues.items() if queue.entries}
        return dropped


def _drop(queue: _Queue, unwanted: Sequence[QueuedUpdate], reason: str) -> list[DroppedUpdate]:
    """Take out what is unwanted, unless it is in flight."""
    waiting = [entry for entry in unwanted if not entry.in_flight]
    for entry in waiting:
        queue.remove(entry)
    return [DroppedUpdate(entry, reason) for entry in waiting]


def _batch(ready: Sequence[_Queue], most: int) -> tuple[QueuedUpdate, ...]:
    """Choose what is sent together: of each queue its head, and as much behind it as fits."""
    queues = sorted(ready, key=lambda queue: queue.rank)
    if queues[0].waiting[0].alone:
        return (queues[0].waiting[0],)
    chosen: list[QueuedUpdate] = []
    for queue in queues:
        for entry in queue.waiting[: most - len(chosen)]:
            if entry.alone:
                break
            chosen.append(entry)
    return tuple(chosen)


def _is_replaced(older: Update, newer: Update) -> bool:
    """Say whether `newer` makes `older` superfluous, both of one queue."""
    if isinstance(older, SetPlan):
        return isinstance(newer, SetPlan)
    return is_ephemeral(older) and isinstance(newer, PostActivity)
