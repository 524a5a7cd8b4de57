"""Load: at a fixed rate whatever happens, or as fast as the answers come."""

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

Thing = TypeVar("Thing")


@dataclasses.dataclass(frozen=True, slots=True)
class Load:
    """What came of a load; times in seconds."""

    latencies: tuple[float, ...]
    """Of what was accepted."""
    failures: int
    seconds: float

    @property
    def rate(self) -> float:
        """How much was accepted each second."""
        return len(self.latencies) / self.seconds


async def open_loop(
    things: Sequence[Thing], rate: float, send: Callable[[Thing], Awaitable[bool]]
) -> Load:
    """Send things at a fixed rate.

    A latency counts from the moment when a thing was due: what waits behind something slow
    counts as slow too.
    """
    began = time.perf_counter()

    async def one(number: int, thing: Thing) -> float | None:
        due = began + number / rate
        accepted = await send(thing)
        return time.perf_counter() - due if accepted else None

    tasks = []
    for number, thing in enumerate(things):
        await asyncio.sleep(began + number / rate - time.perf_counter())
        tasks.append(asyncio.create_task(one(number, thing)))
    return _load(await asyncio.gather(*tasks), time.perf_counter() - began)


async def closed_loop(
    things: Iterable[Thing],
    at_once: int,
    seconds: float,
    send: Callable[[Thing], Awaitable[bool]],
) -> Load:
    """Keep `at_once` things under way until the time, or the things, are over."""
    began = time.perf_counter()
    waiting, found = iter(things), list[float | None]()

    async def work() -> None:
        for thing in waiting:
            start = time.perf_counter()
            found.append(time.perf_counter() - start if await send(thing) else None)
            if time.perf_counter() - began > seconds:
                return

    await asyncio.gather(*(work() for _ in range(at_once)))
    return _load(found, time.perf_counter() - began)


def _load(found: Sequence[float | None], seconds: float) -> Load:
    good = tuple(one for one in found if one is not None)
    return Load(good, len(found) - len(good), seconds)
