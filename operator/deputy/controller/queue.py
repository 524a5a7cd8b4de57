"""A level-triggered work queue: keys, not events."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import structlog

from deputy.controller import metrics

Key = TypeVar("Key", bound=Hashable)

_LOG = structlog.stdlib.get_logger(__name__)

#: The first and the longest pause after a key failed, in seconds.
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 30.0


class WorkQueue(Generic[Key]):
    """Calls `work` for every key that was added, never twice at once for the same key.

    A key that is added while it is worked on is worked on again afterwards; one that is added
    several times before that is worked on once. A call that raises is repeated with back-off.
    """

    def __init__(self, work: Callable[[Key], Awaitable[float | None]], workers: int = 16) -> None:
        self._work = work
        self._workers = workers
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._waiting: set[Key] = set()
        self._running: set[Key] = set()
        self._again: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._later: list[tuple[float, int, Key]] = []
        self._due: dict[Key, float] = {}
        self._count = itertools.count()
        self._alarm = asyncio.Event()

    def add(self, key: Key) -> None:
        """Have `key` worked on as soon as a worker is free."""
        self._due.pop(key, None)
        if key in self._running:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.put_nowait(key)
            metrics.QUEUE_DEPTH.set(len(self._waiting))

    def add_later(self, key: Key, seconds: float) -> None:
        """Have `key` worked on in `seconds`, unless it is added before; the earliest time wins."""
        due = asyncio.get_running_loop().time() + seconds
        if key not in self._due or due < self._due[key]:
            self._due[key] = due
            heapq.heappush(self._later, (due, next(self._count), key))
            self._alarm.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._wake())
            for _ in range(self._workers):
                tasks.create_task(self._worker())

    async def _worker(self) -> None:
        while True:
            key = await self._ready.get()
            self._waiting.discard(key)
            self._running.add(key)
            metrics.QUEUE_DEPTH.set(len(self._waiting))
            with metrics.WORK_SECONDS.time():
                await self._try(key)
            self._running.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.add(key)

    async def _try(self, key: Key) -> None:
        try:
            pause = await self._work(key)
        except (Exception, asyncio.CancelledError) as error:  # one key must not end the others
            if _is_cancelled():
                raise
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            pause = min(_FIRST_PAUSE * 2 ** min(failures - 1, 12), _LONGEST_PAUSE)
            metrics.WORK_FAILURES.inc()
            _LOG.warning("will try again", key=str(key), seconds=pause, error=_named(error))
            self.add_later(key, pause)
            return
        self._failures.pop(key, None)
        if pause is not None:
            self.add_later(key, pause)

    async def _wake(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._alarm.clear()
            now = loop.time()
            while self._later and self._later[0][0] <= now:
                due, _, key = heapq.heappop(self._later)
                if self._due.get(key) == due:
                    self.add(key)
            left = self._later[0][0] - now if self._later else None
            try:
                await asyncio.wait_for(self._alarm.wait(), left)
            except TimeoutError:
                continue


def _is_cancelled() -> bool:
    """Say whether it is this very worker that is to end, and not something that it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
