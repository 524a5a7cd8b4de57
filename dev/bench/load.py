"""Load: at a fixed rate whatever happens, or as fast as the answers come."""

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


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
    items: Sequence[Item], rate: float, send: Callable[[Item], Awaitable[bool]]
) -> Load:
    """Send items at a fixed rate.

    A latency counts from the moment when an item was due: what waits behind something slow
    counts as slow too.
    """
    began = time.perf_counter()

    async def one(number: int, item: Item) -> float | None:
        due = began + number / rate
        accepted = await send(item)
        return time.perf_counter() - due if accepted else None

    tasks = []
    for number, item in enumerate(items):
        await asyncio.sleep(began + number / rate - time.perf_counter())
        tasks.append(asyncio.create_task(one(number, item)))
    return _load(await asyncio.gather(*tasks), time.perf_counter() - began)


async def closed_loop(
    items: Iterable[Item],
    at_once: int,
    seconds: float,
    send: Callable[[Item], Awaitable[bool]],
) -> Load:
    """Keep `at_once` items under way until the time, or the items, are over."""
    began = time.perf_counter()
    waiting, latencies = iter(items), list[float | None]()

    async def work() -> None:
        for item in waiting:
            start = time.perf_counter()
            latencies.append(time.perf_counter() - start if await send(item) else None)
            if time.perf_counter() - began > seconds:
                return

    await asyncio.gather(*(work() for _ in range(at_once)))
    return _load(latencies, time.perf_counter() - began)


def _load(latencies: Sequence[float | None], seconds: float) -> Load:
    good = tuple(one for one in latencies if one is not None)
    return Load(good, len(latencies) - len(good), seconds)
