"""Wait for a fact, with an end."""

import asyncio
from collections.abc import Callable


async def until(fact: Callable[[], bool], seconds: float = 5.0) -> None:
    """Return once `fact` holds; raise `TimeoutError` where it does not in time."""
    async with asyncio.timeout(seconds):
        while not fact():  # noqa: ASYNC110  what is waited for tells nobody
            await asyncio.sleep(0.001)


async def a_while() -> None:
    """Let everybody have more turns of the loop than a request needs."""
    for _ in range(20):
        await asyncio.sleep(0)
