"""Timers elapse once, unless they are called off."""

import asyncio

from deputy_sidecar.agent.timers import Timers
from deputy_sidecar.desired import Timer
from deputy_sidecar.journal import Elapsed


async def test_a_timer_that_is_wanted_elapses_once_and_one_that_is_called_off_never() -> None:
    elapsed: list[Elapsed] = []
    done = asyncio.Event()

    def take(item: Elapsed) -> None:
        elapsed.append(item)
        if item.timer == 3:
            done.set()

    timers = Timers(take)
    timers.reconcile([Timer(1, 0.0), Timer(2, 0.01), Timer(3, 0.02)])
    timers.reconcile([Timer(1, 0.0), Timer(3, 0.02)])

    async with asyncio.timeout(5):
        await done.wait()

    assert elapsed == [Elapsed(1), Elapsed(3)]
    timers.cancel()
