"""Real time for stamps, time that tests can drive for waiting.

A receiver judges a webhook's time stamp by its own clock, so stamps are never simulated. What
is simulated is how long something takes: retries, silence, expiry, a bucket that leaks.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time


class Clock:
    """A clock whose waiting can be cut short with `advance`."""

    def __init__(self) -> None:
        self._skipped = 0.0
        self._advanced = asyncio.Event()

    @property
    def skipped(self) -> float:
        """Seconds skipped so far."""
        return self._skipped

    def stamp(self) -> dt.datetime:
        """Return the real time, to the millisecond."""
        now = dt.datetime.now(dt.UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def elapsed(self) -> float:
        """Return seconds on a scale that never goes back: real ones and skipped ones."""
        return time.monotonic() + self._skipped

    def advance(self, seconds: float) -> None:
        """Skip `seconds`; whoever sleeps past them wakes up."""
        self._skipped += seconds
        advanced, self._advanced = self._advanced, asyncio.Event()
        advanced.set()

    async def sleep(self, seconds: float) -> None:
        """Sleep until `seconds` have elapsed, in reality or by `advance`."""
        until = self.elapsed() + seconds
        while (left := until - self.elapsed()) > 0:
            try:
                await asyncio.wait_for(self._advanced.wait(), left)
            except TimeoutError:
                return


def iso(moment: dt.datetime) -> str:
    """Write `moment` as Linear does: UTC, three decimals, `Z`."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_ms(moment: dt.datetime) -> int:
    """Return `moment` in milliseconds since 1970."""
    return round(moment.timestamp() * 1000)
