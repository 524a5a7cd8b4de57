"""Who watches the organisation, and what they are told when it changes."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from deputy_simulator.linear.entities import Json

T = TypeVar("T")

#: Changes that a slow watcher may lag behind; beyond that it has to load everything anew.
LAG = 2_000

_RELOAD = json.dumps({"kind": "reset", "data": {}})


class ChangeStream:
    """Tells watchers of changes, and wakes whoever waits for a condition."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[str | None]] = set()
        self._changed = asyncio.Event()
        self.closing = asyncio.Event()

    def has_subscribers(self) -> bool:
        """Say whether anybody listens: if not, there is no need to describe a change."""
        return bool(self._queues)

    def subscribe(self) -> asyncio.Queue[str | None]:
        """Return a queue of messages; None means the end."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(LAG)
        self._queues.add(queue)
        return queue

    def unsubscribe(self, queue: asyncio.Queue[str | None]) -> None:
        """Stop filling a queue."""
        self._queues.discard(queue)

    def publish(self, kind: str, data: Json) -> None:
        """Tell every watcher of a change; one that lags too far behind is told to reload."""
        message = json.dumps({"kind": kind, "data": data})
        for queue in self._queues:
            if queue.full():
                _empty(queue)
                queue.put_nowait(_RELOAD)
            else:
                queue.put_nowait(message)

    def notify(self) -> None:
        """Let everybody who waits look again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def until(self, look: Callable[[], T], good: Callable[[T], bool], wait: float) -> T:
        """Return what `look` sees as soon as it is `good`, and after `wait` seconds anyway."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while not good(seen := look()) and (left := deadline - loop.time()) > 0:
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                break
        return seen if good(seen) else look()

    def close(self) -> None:
        """End all watching."""
        self.closing.set()
        self.notify()
        for queue in self._queues:
            _empty(queue)
            queue.put_nowait(None)


def _empty(queue: asyncio.Queue[str | None]) -> None:
    while not queue.empty():
        queue.get_nowait()
