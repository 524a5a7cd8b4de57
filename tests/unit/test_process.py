"""Who leads: nobody without the lease, and nobody who was asked to end."""

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from deputy.controller import process

if TYPE_CHECKING:
    from deputy.controller.leader import Leadership


class Broken:
    """A struggle for the lease that ends in a mistake of ours."""

    async def acquire(self) -> None:
        raise ValueError("what the lease says is no time")


class Waiting:
    """A struggle for the lease that somebody else has won."""

    async def acquire(self) -> None:
        await asyncio.Event().wait()


async def test_who_fails_to_ask_for_the_lease_does_not_lead() -> None:
    with pytest.raises(ValueError, match="is no time"):
        await process._acquired(cast("Leadership", Broken()), asyncio.Event())


async def test_who_is_asked_to_end_waits_for_the_lease_no_longer() -> None:
    stop = asyncio.Event()
    stop.set()

    assert not await process._acquired(cast("Leadership", Waiting()), stop)
