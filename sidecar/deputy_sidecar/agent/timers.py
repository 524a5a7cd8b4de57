"""The timers that a conversation waits for, on the event loop's clock."""

import asyncio
from collections.abc import Callable, Iterable

from deputy_sidecar.desired import Timer
from deputy_sidecar.journal import Elapsed


class Timers:
    """Runs the timers that are wanted; `take` is told of each that elapsed."""

    def __init__(self, take: Callable[[Elapsed], None]) -> None:
        self._take = take
        self._handles: dict[int, asyncio.TimerHandle] = {}

    def reconcile(self, wanted: Iterable[Timer]) -> None:
        """Start what is new among the timers that are wanted, and call off all others."""
        seconds = {timer.number: timer.seconds for timer in wanted}
        for number in [number for number in self._handles if number not in seconds]:
            self._handles.pop(number).cancel()
        loop = asyncio.get_running_loop()
        for number, delay in seconds.items():
            if number not in self._handles:
                self._handles[number] = loop.call_later(delay, self._take, Elapsed(number))

    def cancel(self) -> None:
        """Call off all of them."""
        for handle in self._handles.values():
            handle.cancel()
