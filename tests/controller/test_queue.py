"""Facts of the work queue: every key is worked on, none twice at once, failures with back-off."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from deputy.controller.queue import WorkQueue

#: How long anything here may take before the test fails.
DEADLINE = 5.0


class Work:
    """Notes what is worked on, and how much at once."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.times: list[float] = []
        """When each piece of work began."""
        self.running: set[str] = set()
        self.most_at_once = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.answers: dict[str, list[float | Exception | None]] = {}
        self.changed = asyncio.Condition()

    async def __call__(self, key: str) -> float | None:
        assert key not in self.running, f"{key} is worked on twice at once"
        self.running.add(key)
        self.times.append(asyncio.get_running_loop().time())
        self.most_at_once = max(self.most_at_once, len(self.running))
        await self.tell()
        try:
            await self.gate.wait()
            answer = self.answers[key].pop(0) if self.answers.get(key) else None
        finally:
            self.running.discard(key)
            self.done.append(key)
        await self.tell()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, fact: Callable[[], bool], seconds: float = DEADLINE) -> None:
        async with asyncio.timeout(seconds), self.changed:
            await self.changed.wait_for(fact)


@pytest.fixture
def work() -> Work:
    return Work()


@contextlib.asynccontextmanager
async def running(
    work: Callable[[str], Awaitable[float | None]], workers: int = 4
) -> AsyncIterator[WorkQueue[str]]:
    queue: WorkQueue[str] = WorkQueue(work, workers)
    task = asyncio.create_task(queue.run())
    try:
        yield queue
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_every_key_that_is_added_is_worked_on(work: Work) -> None:
    async with running(work) as queue:
        for key in "abc":
            queue.add(key)
        await work.until(lambda: len(work.done) == 3)

    assert sorted(work.done) == ["a", "b", "c"]


async def test_a_key_that_is_added_often_before_its_turn_is_worked_on_once(work: Work) -> None:
    work.gate.clear()
    async with running(work, workers=1) as queue:
        queue.add("a")
        await work.until(lambda: work.running == {"a"})
        for _ in range(5):
            queue.add("b")
        work.gate.set()
        queue.add("c")
        await work.until(lambda: "c" in work.done)

    assert work.done == ["a", "b", "c"]


async def test_a_key_that_is_added_while_it_is_worked_on_is_worked_on_again(work: Work) -> None:
    work.gate.clear()
    async with running(work) as queue:
        queue.add("a")
        await work.until(lambda: work.running == {"a"})
        queue.add("a")
        queue.add("a")
        work.gate.set()
        await work.until(lambda: len(work.done) == 2)
        queue.add("z")
        await work.until(lambda: "z" in work.done)

    assert work.done == ["a", "a", "z"]


async def test_different_keys_are_worked_on_at_once(work: Work) -> None:
    work.gate.clear()
    async with running(work, workers=3) as queue:
        for key in "abcd":
            queue.add(key)
        await work.until(lambda: len(work.running) == 3)
        work.gate.set()
        await work.until(lambda: len(work.done) == 4)

    assert work.most_at_once == 3


@pytest.mark.parametrize("seed", range(5))
async def test_no_key_is_ever_worked_on_twice_at_once_and_none_is_forgotten(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311  a test that can be repeated
    seen: dict[str, int] = dict.fromkeys("abcde", 0)
    wanted = dict(seen)
    busy: set[str] = set()

    async def work(key: str) -> float | None:
        assert key not in busy
        busy.add(key)
        told = wanted[key]
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)
        busy.discard(key)
        if dice.random() < 0.1:
            queue.add(key)
        seen[key] = max(seen[key], told)
        return None

    async with running(work) as queue, asyncio.timeout(DEADLINE):
        for _ in range(300):
            key = dice.choice("abcde")
            wanted[key] += 1
            queue.add(key)
            if dice.random() < 0.5:
                await asyncio.sleep(0)
        while seen != wanted:  # noqa: ASYNC110  what is waited for is in the queue's hands
            await asyncio.sleep(0)


async def test_work_that_fails_is_repeated_and_the_other_keys_go_on(work: Work) -> None:
    work.answers["a"] = [RuntimeError("no"), RuntimeError("no")]
    async with running(work, workers=1) as queue:
        queue.add("a")
        queue.add("b")
        await work.until(lambda: work.done.count("a") == 3)

    assert work.done == ["a", "b", "a", "a"]


async def test_work_that_waited_for_something_cancelled_ends_no_worker(work: Work) -> None:
    async def unlucky(key: str) -> float | None:
        await work(key)
        if work.done.count("a") == 1:
            raise asyncio.CancelledError
        return None

    async with running(unlucky, workers=1) as queue:
        queue.add("a")
        await work.until(lambda: work.done == ["a", "a"])


async def pauses_between(work: Work, tries: int) -> list[float]:
    """Return the seconds between so many tries of one key."""
    async with running(work) as queue:
        queue.add("a")
        await work.until(lambda: len(work.done) == tries, 3600)
    return [round(late - early, 6) for early, late in itertools.pairwise(work.times)]


@pytest.mark.virtual_time
async def test_the_pause_doubles_with_every_failure_and_has_an_end(work: Work) -> None:
    work.answers["a"] = [RuntimeError("no")] * 10

    pauses = await pauses_between(work, 11)

    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


@pytest.mark.virtual_time
async def test_a_success_starts_the_pauses_anew(work: Work) -> None:
    work.answers["a"] = [RuntimeError("no"), RuntimeError("no"), 0.0, RuntimeError("no")]

    assert await pauses_between(work, 5) == [0.2, 0.4, 0.0, 0.2]


async def test_a_key_is_worked_on_again_when_its_work_asks_for_it(work: Work) -> None:
    work.answers["a"] = [0.01, None]
    async with running(work) as queue:
        queue.add("a")
        await work.until(lambda: len(work.done) == 2)

    assert work.done == ["a", "a"]


@pytest.mark.parametrize("pauses", [(0.01, 1000.0), (1000.0, 0.01)], ids=["first", "last"])
async def test_of_two_later_times_the_earlier_one_wins(
    work: Work, pauses: tuple[float, float]
) -> None:
    async with running(work) as queue:
        for pause in pauses:
            queue.add_later("a", pause)
        await work.until(lambda: work.done == ["a"])


async def test_a_key_that_is_added_now_is_not_worked_on_later_as_well(work: Work) -> None:
    async with running(work, workers=1) as queue:
        queue.add_later("a", 0.01)
        queue.add("a")
        queue.add_later("b", 0.05)
        await work.until(lambda: "b" in work.done)

    assert work.done == ["a", "b"]


async def test_nothing_shortens_a_back_off_but_a_change_of_the_object_itself(work: Work) -> None:
    async with running(work, workers=1) as queue:
        queue._failures["a"] = 10
        work.answers["a"] = [RuntimeError("no")]
        queue.add("a")
        await work.until(lambda: work.done == ["a"])
        await asyncio.sleep(0)
        for _ in range(10):
            queue.add("a")
            queue.add_later("a", 0.0)
        queue.add("z")
        await work.until(lambda: "z" in work.done)
        before = list(work.done)
        queue.add("a", changed=True)
        await work.until(lambda: work.done.count("a") == 2)

    assert before == ["a", "z"]


@pytest.mark.parametrize(("changed", "times"), [(False, 1), (True, 2)])
async def test_what_is_added_while_its_work_fails_waits_unless_it_has_changed(
    work: Work, *, changed: bool, times: int
) -> None:
    work.gate.clear()
    async with running(work, workers=1) as queue:
        queue._failures["a"] = 10
        work.answers["a"] = [RuntimeError("no")]
        queue.add("a")
        await work.until(lambda: work.running == {"a"})
        queue.add("a", changed=changed)
        queue.add("a")
        work.gate.set()
        await work.until(lambda: work.done.count("a") == times)
        queue.add("z")
        await work.until(lambda: "z" in work.done)

    assert work.done.count("a") == times
