"""Facts of virtual time."""

import asyncio
import time

import pytest

from tests.support.virtual_time import VirtualTimeLoop
from tests.support.waiting import until


@pytest.mark.virtual_time
async def test_waiting_takes_no_time_and_things_happen_in_the_order_of_their_time() -> None:
    began, happened = time.monotonic(), list[float]()
    loop = asyncio.get_running_loop()

    async def later(seconds: float) -> None:
        await asyncio.sleep(seconds)
        happened.append(loop.time())

    async with asyncio.timeout(7200):
        await asyncio.gather(later(3600), later(60), later(0.1))

    assert happened == pytest.approx([0.1, 60, 3600])
    assert time.monotonic() - began < 60


@pytest.mark.virtual_time
async def test_what_never_happens_is_given_up_in_its_time() -> None:
    with pytest.raises(TimeoutError):
        await until(lambda: False, 3)

    assert asyncio.get_running_loop().time() == pytest.approx(3)


async def test_everybody_else_has_real_time() -> None:
    assert not isinstance(asyncio.get_running_loop(), VirtualTimeLoop)


def test_nobody_waits_for_ever() -> None:
    with (
        pytest.raises(RuntimeError, match="no timer is set"),
        asyncio.Runner(loop_factory=VirtualTimeLoop) as runner,
    ):
        runner.run(asyncio.Event().wait())
