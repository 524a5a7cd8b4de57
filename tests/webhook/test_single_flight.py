"""Facts of copies that are here at the same time."""

import asyncio

import pytest

from deputy.kube.errors import Unavailable
from deputy.trackers.events import Ignored, TrackerEvent
from deputy.webhook.single_flight import IssueLocks, SingleFlight
from tests.webhook.issue_events import created, prompted


class Gate:
    """Takes an event once it is opened."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.taken: list[TrackerEvent] = []
        self.error: Exception | None = None

    async def take(self, event: TrackerEvent) -> str:
        self.taken.append(event)
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return "created"


async def all_of(gate: Gate, *events: TrackerEvent) -> list[str | BaseException]:
    copies = SingleFlight(gate)
    tasks = [asyncio.ensure_future(copies.take(event)) for event in events]
    await asyncio.sleep(0)
    gate.open.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_copies_that_are_here_at_once_are_taken_once() -> None:
    gate = Gate()

    results = await all_of(gate, *[created("one")] * 3, prompted("one", "a"))

    assert gate.taken == [created("one"), prompted("one", "a")]
    assert results == ["created", "known", "known", "created"]


async def test_a_copy_that_comes_later_is_taken_again() -> None:
    gate = Gate()
    gate.open.set()
    copies = SingleFlight(gate)

    await copies.take(created("one"))
    await copies.take(created("one"))

    assert len(gate.taken) == 2


async def test_events_without_a_name_are_not_taken_for_copies() -> None:
    gate = Gate()

    assert await all_of(gate, Ignored("x"), Ignored("x")) == ["created", "created"]


async def test_what_goes_wrong_goes_wrong_for_every_copy() -> None:
    gate = Gate()
    gate.error = Unavailable(0, "away")

    results = await all_of(gate, created("one"), created("one"))

    assert results == [gate.error, gate.error]


async def test_who_gives_up_waiting_does_not_end_the_work() -> None:
    gate = Gate()
    copies = SingleFlight(gate)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await copies.take(created("one"))
    waiting = asyncio.ensure_future(copies.take(created("one")))
    await asyncio.sleep(0)
    gate.open.set()

    assert await waiting == "known"
    assert len(gate.taken) == 1


async def test_the_events_of_one_issue_take_turns_and_others_do_not_wait() -> None:
    turns = IssueLocks()
    order: list[str] = []

    async def go(issue: str, name: str) -> None:
        async with turns.of(issue):
            order.append(f"{name} begins")
            await asyncio.sleep(0.01)
            order.append(f"{name} ends")

    await asyncio.gather(go("x", "first"), go("x", "second"), go("y", "other"))

    assert order == [
        "first begins",
        "other begins",
        "first ends",
        "other ends",
        "second begins",
        "second ends",
    ]
