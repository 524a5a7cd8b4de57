"""Copies of one event that are here at the same time share one answer.

Only a saving: what makes an event happen once is the write on the API server.
"""

import asyncio
import contextlib
import weakref
from typing import Protocol

from deputy.trackers import events


class EventIntake(Protocol):
    """What makes an event safe."""

    async def take(self, event: events.TrackerEvent) -> str:
        """Return, once the event is safe, one word for what became of it; see `Intake.take`."""


class SingleFlight:
    """Has each event taken once at a time, and answers its copies with what became of it."""

    def __init__(self, intake: EventIntake) -> None:
        self._intake = intake
        self._in_flight: dict[str, asyncio.Task[str]] = {}

    async def take(self, event: events.TrackerEvent) -> str:
        """Take an event, or wait for its copy; raises what taking it raises."""
        key = _key_of(event)
        task = self._in_flight.get(key)
        if task is not None:
            await asyncio.shield(task)
            return "known"
        task = asyncio.get_running_loop().create_task(self._intake.take(event))
        if key:
            self._in_flight[key] = task
            task.add_done_callback(lambda _: self._in_flight.pop(key))
        task.add_done_callback(_retrieve_error)
        # Whoever gives up waiting does not end the work: a write that has begun is finished.
        return await asyncio.shield(task)


def _key_of(event: events.TrackerEvent) -> str:
    match event:
        case events.SessionCreated():
            return f"created/{event.organization_id}/{event.session_id}"
        case events.SessionPrompted():
            return f"prompted/{event.organization_id}/{event.activity_id}"
        case _:
            return ""


def _retrieve_error(task: asyncio.Task[str]) -> None:
    """Look at the error of a task that nobody waits for any more; its event comes again."""
    if not task.cancelled():
        task.exception()


class IssueLocks:
    """Lets the events of one issue go one after the other within this process.

    Only a saving, too: without it many writes at once to one run would all find it changed.
    """

    def __init__(self) -> None:
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    def of(self, issue: str) -> contextlib.AbstractAsyncContextManager[None]:
        """Return the lock of an issue."""
        return self._locks.setdefault(issue, asyncio.Lock())
