"""A level-triggered work queue: keys, not events."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import structlog

from deputy.controller import metrics
from deputy.log import described

AnyKey = TypeVar("AnyKey", bound=Hashable)

_LOG = structlog.stdlib.get_logger(__name__)

#: The first and the longest pause after a key failed, in seconds.
_FIRST_BACKOFF = 0.2
_MAX_BACKOFF = 30.0


class WorkQueue(Generic[AnyKey]):
    """Calls `work` for every key that was added, never twice at once for the same key.

    A key that is added while it is worked on is worked on again afterwards; one that is added
    several times before that is worked on once. A call that raises is repeated with back-off, which
    nothing shortens but a change of what the key stands for.
    """

    def __init__(
        self, work: Callable[[AnyKey], Awaitable[float | None]], workers: int = 16
    ) -> None:
        self._work = work
        self._workers = workers
        self._ready: asyncio.Queue[AnyKey] = asyncio.Queue()
        self._queued: set[AnyKey] = set()
        self._processing: set[AnyKey] = set()
        self._dirty: dict[AnyKey, bool] = {}
        self._backing_off: set[AnyKey] = set()
        self._failures: dict[AnyKey, int] = {}
        self._delayed: list[tuple[float, int, AnyKey]] = []
        self._due: dict[AnyKey, float] = {}
        self._count = itertools.count()
        self._delayed_added = asyncio.Event()

    def add(self, key: AnyKey, *, changed: bool = False) -> None:
        """Have `key` worked on as soon as a worker is free, if it has not failed just now.

        With `changed` it is worked on though it has: somebody has changed what it stands for.
        """
        if key in self._backing_off and not changed:
            return
        self._backing_off.discard(key)
        self._due.pop(key, None)
        if key in self._processing:
            self._dirty[key] = changed or self._dirty.get(key, False)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.put_nowait(key)
            metrics.QUEUE_DEPTH.set(len(self._queued))

    def add_later(self, key: AnyKey, seconds: float) -> None:
        """Have `key` worked on in `seconds`, unless it is added before; the earliest time wins."""
        if key in self._backing_off:
            return
        due = asyncio.get_running_loop().time() + seconds
        if key not in self._due or due < self._due[key]:
            self._due[key] = due
            heapq.heappush(self._delayed, (due, next(self._count), key))
            self._delayed_added.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._release_delayed())
            for _ in range(self._workers):
                tasks.create_task(self._worker())

    async def _worker(self) -> None:
        while True:
            key = await self._ready.get()
            self._queued.discard(key)
            self._processing.add(key)
            metrics.QUEUE_DEPTH.set(len(self._queued))
            with metrics.WORK_SECONDS.time():
                await self._try(key)
            self._processing.discard(key)
            if key in self._dirty:
                self.add(key, changed=self._dirty.pop(key))

    async def _try(self, key: AnyKey) -> None:
        try:
            pause = await self._work(key)
        except (Exception, asyncio.CancelledError) as error:  # one key must not end the others
            if _is_cancelled():
                raise
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            pause = min(_FIRST_BACKOFF * 2 ** min(failures - 1, 12), _MAX_BACKOFF)
            metrics.WORK_FAILURES.inc()
            _LOG.warning("will try again", key=str(key), seconds=pause, error=described(error))
            self.add_later(key, pause)
            self._backing_off.add(key)
            return
        self._failures.pop(key, None)
        if pause is not None:
            self.add_later(key, pause)

    async def _release_delayed(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._delayed_added.clear()
            now = loop.time()
            while self._delayed and self._delayed[0][0] <= now:
                due, _, key = heapq.heappop(self._delayed)
                if self._due.get(key) == due:
                    self._backing_off.discard(key)
                    self.add(key)
            left = self._delayed[0][0] - now if self._delayed else None
            try:
                await asyncio.wait_for(self._delayed_added.wait(), left)
            except TimeoutError:
                continue


def _is_cancelled() -> bool:
    """Say whether it is this very worker that is to end, and not something that it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
