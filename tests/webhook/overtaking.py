"""Have tasks overtake one another at every step, in an order that the test chooses."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

#: More turns of the loop than any task needs from one step to the next.
_MOST_IDLE = 1000


class NoLocks:
    """Lets everybody go at once."""

    def of(self, _issue: str) -> contextlib.AbstractAsyncContextManager[None]:
        return contextlib.nullcontext()


class Turns:
    """Lets one of those who wait for a turn go on at a time, once all others have come to rest."""

    def __init__(self, choose: Callable[[int], int]) -> None:
        self._choose = choose
        self._waiting: list[asyncio.Event] = []

    async def turn(self, _seconds: float = 0.0) -> None:
        """Wait for a turn: anybody else may go first, as often as there are steps to take."""
        mine = asyncio.Event()
        self._waiting.append(mine)
        await mine.wait()

    async def play(
        self, work: Sequence[Coroutine[Any, Any, Any]], between: Callable[[], None]
    ) -> list[Any]:
        """Return what comes of each piece of work; `between` is called before every step."""
        tasks = [asyncio.create_task(one) for one in work]
        while await self._all_rest(tasks):
            between()
            self._waiting.pop(self._choose(len(self._waiting))).set()
        between()
        return [task.result() for task in tasks]

    async def _all_rest(self, tasks: Sequence["asyncio.Task[Any]"]) -> bool:
        """Return once every task waits for its turn or is done; say whether any waits."""
        for _ in range(_MOST_IDLE):
            if len(self._waiting) == sum(not task.done() for task in tasks):
                return bool(self._waiting)
            await asyncio.sleep(0)
        raise AssertionError("a task waits for something else than its turn")
