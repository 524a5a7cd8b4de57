"""Decide what is sent to Linear next: order, batches, what is dropped by now.

Pure: times come in as seconds on one scale; nothing is sent here. What holds, whatever happens:

- within a lane (a session, or an issue for what belongs to none) the order is kept;
- what is urgent lends its urgency to everything ahead of it in its lane;
- only ephemerals, and plans that a newer plan replaces, are ever dropped; in a lane that is
  closed, all but the terminal;
- at most one ephemeral of a lane waits.
"""

import dataclasses
from collections.abc import Sequence
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

#: So many closed lanes are remembered.
_MEMORY = 10_000


@dataclasses.dataclass(slots=True, eq=False)
class QueuedUpdate:
    """An update that waits; `number` is its place in the order of all."""

    number: int
    update: Update
    since: float
    attempts: int = 0
    failing_since: float | None = None
    alone: bool = False
    """It was in a request that failed: it travels alone, so that nobody suffers for another."""
    flying: bool = False
    """It is on its way."""

    @property
    def priority(self) -> Priority:
        """How urgent it is by itself."""
        return priority_of(self.update)


@dataclasses.dataclass(slots=True, eq=False)
class _Lane:
    """What waits for one session, oldest first."""

    entries: list[QueuedUpdate] = dataclasses.field(default_factory=list)
    replaceable: list[QueuedUpdate] = dataclasses.field(default_factory=list)
    """The few of them that a newer one may replace, so that nobody has to look for them."""
    not_before: float = 0.0

    @property
    def waiting(self) -> list[QueuedUpdate]:
        return [entry for entry in self.entries if not entry.flying]

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
    """SendBatch these in one request now."""

    entries: tuple[QueuedUpdate, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for so many seconds, or until something new comes; None: only the latter."""

    seconds: float | None


NextSend: TypeAlias = SendBatch | Pause


@dataclasses.dataclass(frozen=True, slots=True)
class SendState:
    """How it stands with Linear: its budget, the last request, and until when it wants peace."""

    budget: Budget = dataclasses.field(default_factory=Budget)
    last: float = 0.0
    hold_until: float = 0.0


def lane_of(update: Update) -> str:
    """Return the key of the lane whose order an update keeps."""
    if isinstance(update, ChangeIssue | PostComment):
        return update.session_id or f"issue/{update.issue_id}"
    return update.session_id


class Schedule:
    """Everything that waits, by lane."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}
        self._closed: dict[str, None] = {}
        self._count = 0

    def __len__(self) -> int:
        return sum(len(lane.entries) for lane in self._lanes.values())

    def oldest(self) -> float | None:
        """Return since when the oldest entry waits."""
        return min((lane.entries[0].since for lane in self._lanes.values()), default=None)

    def is_closed_to(self, update: Update) -> bool:
        """Say whether an update comes too late for its session."""
        return lane_of(update) in self._closed and priority_of(update) is not Priority.TERMINAL

    def add(self, update: Update, now: float) -> tuple[QueuedUpdate, list[DroppedUpdate]]:
        """Append an update; return its entry, and those that it makes dropped."""
        lane = self._lanes.setdefault(lane_of(update), _Lane())
        replaced = [one for one in lane.replaceable if _is_replaced(one.update, update)]
        dropped = _drop(lane, replaced, SUPERSEDED)
        self._count += 1
        entry = QueuedUpdate(self._count, update, now)
        lane.append(entry)
        return entry, dropped

    def close(self, key: str) -> list[DroppedUpdate]:
        """Take only what is terminal in a lane from now on, and drop the rest of what waits."""
        self._closed[key] = None
        while len(self._closed) > _MEMORY:
            del self._closed[next(iter(self._closed))]
        lane = self._lanes.get(key, _Lane())
        late = [entry for entry in lane.entries if self.is_closed_to(entry.update)]
        return self._tidied(_drop(lane, late, CLOSED))

    def open(self, key: str) -> None:
        """Take everything again in a lane that was closed."""
        self._closed.pop(key, None)

    def relieve(self) -> list[DroppedUpdate]:
        """Drop every ephemeral: they are the first to go when the budget is short."""
        gone: list[DroppedUpdate] = []
        for lane in self._lanes.values():
            passing = [entry for entry in lane.replaceable if is_ephemeral(entry.update)]
            gone += _drop(lane, passing, PRESSURE)
        return self._tidied(gone)

    def next(self, now: float, state: SendState, pacing: Pacing) -> NextSend:
        """Return what to do now; what is to be sent counts as on its way."""
        if not (waiting := [lane for lane in self._lanes.values() if lane.waiting]):
            return Pause(None)
        ready = [lane for lane in waiting if max(lane.not_before, state.hold_until) <= now]
        if not ready:
            return Pause(max(min(lane.not_before for lane in waiting), state.hold_until) - now)
        urgent = any(lane.is_urgent for lane in ready)
        seconds = pause(state.budget, pacing, now=now, last=state.last, is_urgent=urgent)
        if seconds > 0:
            later = [lane.not_before - now for lane in waiting if lane.not_before > now]
            return Pause(min(seconds, *later)) if later else Pause(seconds)
        chosen = _batch(ready, pacing.batch)
        for entry in chosen:
            entry.flying = True
        return SendBatch(chosen)

    def settled(self, entry: QueuedUpdate) -> None:
        """Take out an entry that was on its way and is done with."""
        self._lanes[lane_of(entry.update)].remove(entry)
        self._tidied([])

    def again(self, entry: QueuedUpdate, not_before: float) -> DroppedUpdate | None:
        """Let an entry that was on its way wait again, in its old place.

        It is dropped instead where its session was closed or something newer replaced it since.
        """
        lane = self._lanes[lane_of(entry.update)]
        entry.flying = False
        behind = lane.entries[lane.entries.index(entry) + 1 :]
        if self.is_closed_to(entry.update):
            reason = CLOSED
        elif any(_is_replaced(entry.update, later.update) for later in behind):
            reason = SUPERSEDED
        else:
            lane.not_before = max(lane.not_before, not_before)
            return None
        self.settled(entry)
        return DroppedUpdate(entry, reason)

    def _tidied(self, dropped: list[DroppedUpdate]) -> list[DroppedUpdate]:
        self._lanes = {key: lane for key, lane in self._lanes.items() if lane.entries}
        return dropped


def _drop(lane: _Lane, unwanted: Sequence[QueuedUpdate], reason: str) -> list[DroppedUpdate]:
    """Take out what is unwanted, unless it is on its way."""
    waiting = [entry for entry in unwanted if not entry.flying]
    for entry in waiting:
        lane.remove(entry)
    return [DroppedUpdate(entry, reason) for entry in waiting]


def _batch(ready: Sequence[_Lane], most: int) -> tuple[QueuedUpdate, ...]:
    """Choose what travels together: of each lane its head, and as much behind it as fits."""
    lanes = sorted(ready, key=lambda lane: lane.rank)
    if lanes[0].waiting[0].alone:
        return (lanes[0].waiting[0],)
    chosen: list[QueuedUpdate] = []
    for lane in lanes:
        for entry in lane.waiting[: most - len(chosen)]:
            if entry.alone:
                break
            chosen.append(entry)
    return tuple(chosen)


def _is_replaced(older: Update, newer: Update) -> bool:
    """Say whether `newer` makes `older` dropped, both of one lane."""
    if isinstance(older, SetPlan):
        return isinstance(newer, SetPlan)
    return is_ephemeral(older) and isinstance(newer, PostActivity)
