"""An event loop on which waiting takes no time: a test marked `virtual_time` runs on it."""

import asyncio
import math
import selectors

from typing_extensions import override


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop whose time begins at 0, and jumps to the next timer once nobody has anything to do.

    For tests without sockets and threads. A test fails in which everybody waits for what no
    timer will bring.
    """

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Clockwork(self))

    @override
    def time(self) -> float:
        return self._now

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        # Never a trifle too little: who finds that it is not yet time would wait for nothing.
        self._now = math.nextafter(self._now + seconds, math.inf)


class _Clockwork(selectors.SelectSelector):
    """Lets the time of its loop pass instead of waiting."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everybody waits, and no timer is set that would wake anybody")
        if not ready and timeout:
            self._loop.pass_by(timeout)
        return ready
