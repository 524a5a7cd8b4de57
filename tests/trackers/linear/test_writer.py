"""The writer, against the simulated Linear and its faults."""

import asyncio
import contextlib
import dataclasses
import itertools
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import pytest
from typing_extensions import override

from deputy.trackers.linear.budget import Budget
from deputy.trackers.linear.client import ApplyResult, Indeterminate
from deputy.trackers.linear.errors import (
    CredentialsMissing,
    LinearError,
    LinearUnavailable,
    RateLimited,
    Rejected,
    Unauthenticated,
)
from deputy.trackers.linear.pacing import Pacing
from deputy.trackers.linear.pending import WriterStopped
from deputy.trackers.linear.schedule import CLOSED, PRESSURE, SUPERSEDED
from deputy.trackers.linear.writer import Writer, WriterClient
from deputy.trackers.updates import (
    ChangeIssue,
    Dropped,
    PostActivity,
    PostComment,
    Priority,
    Refused,
    Response,
    Sent,
    SetPlan,
    Update,
    UpdateResult,
)
from deputy.wire import Step, StepStatus, Thought, stable_id
from tests.trackers.linear.simulated import Linear, eventually

QUICK = Pacing(spacing=0.0, first_backoff=0.01, max_backoff=0.05, answer_timeout=1.0)


def says(session: str, words: str, priority: Priority = Priority.NORMAL) -> PostActivity:
    return PostActivity(session, stable_id(session, words), Thought(words), priority)


def passing(session: str, words: str) -> PostActivity:
    thought = Thought(words, ephemeral=True)
    return PostActivity(session, stable_id(session, words), thought, Priority.EPHEMERAL)


def ends(session: str, words: str = "Done.") -> PostActivity:
    return PostActivity(session, stable_id(session, words), Response(words), Priority.TERMINAL)


def plan(session: str, words: str) -> SetPlan:
    return SetPlan(session, (Step(words, StepStatus.PENDING),))


@contextlib.asynccontextmanager
async def writing(client: WriterClient, pacing: Pacing = QUICK) -> AsyncIterator[Writer]:
    """Run a writer; it is stopped at the end, and must not have failed before."""
    writer = Writer(client, pacing=pacing)
    task = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        assert not task.done()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def results(futures: Sequence[asyncio.Future[UpdateResult]]) -> list[UpdateResult]:
    async with asyncio.timeout(10):
        return list(await asyncio.gather(*futures))


class Script:
    """A Linear that answers as it is told, and remembers what it was asked."""

    def __init__(self, *answers: list[ApplyResult] | LinearError | Exception) -> None:
        self.budget = Budget()
        self.asked: list[list[Update]] = []
        self.down = False
        self.gate = asyncio.Event()
        self.gate.set()
        self._answers: Iterator[list[ApplyResult] | Exception] = iter(answers)

    async def probe(self) -> None:
        if self.down:
            raise LinearUnavailable("down")

    async def apply(self, updates: Sequence[Update]) -> list[ApplyResult]:
        self.asked.append(list(updates))
        await self.gate.wait()
        answer = next(self._answers, None)
        if isinstance(answer, Exception):
            raise answer
        return answer if answer is not None else [Sent() for _ in updates]


async def test_what_is_handed_in_together_travels_together(linear: Linear) -> None:
    one, two = linear.session("ENG-1"), linear.session("ENG-2")
    issue = linear.issue()
    before = len(linear.requests())

    async with writing(linear.client()) as writer:
        told = await results(
            [
                writer.submit(says(one, "Looking.")),
                writer.submit(says(two, "Looking, too.")),
                writer.submit(plan(one, "Read")),
                writer.submit(PostComment(issue.id, stable_id("a", "b"), "Hello.", one)),
                writer.submit(ends(one)),
            ]
        )

    assert told == [Sent()] * 5
    assert len(linear.requests()) == before + 1
    assert linear.said(one) == [("thought", "Looking."), ("response", "Done.")]
    assert linear.said(two) == [("thought", "Looking, too.")]


async def test_the_order_of_a_session_is_kept_over_many_requests(linear: Linear) -> None:
    session = linear.session()
    words = [f"Step {number}" for number in range(37)]

    async with writing(linear.client()) as writer:
        await results([writer.submit(says(session, each)) for each in words])

    assert linear.said(session) == [("thought", each) for each in words]


async def test_an_outage_loses_nothing_and_repeats_nothing(linear: Linear) -> None:
    sessions = [linear.session(f"ENG-{number}") for number in (1, 2, 3)]
    jitter = random.Random(7)  # noqa: S311  to repeat a failure, not to keep a secret
    kinds = ("status", "lost", "error", "ratelimited")

    async with writing(linear.client()) as writer:
        futures = []
        for number in range(60):
            if number % 6 == 0:
                linear.fault(kind=jitter.choice(kinds), requests=jitter.randint(1, 3))
            session = sessions[number % 3]
            futures.append(writer.submit(says(session, f"Step {number}")))
            if number % 9 == 0:
                await asyncio.sleep(0)
        futures += [writer.submit(ends(session)) for session in sessions]
        linear.simulator.faults.clear()
        told = await results(futures)

    assert told == [Sent()] * 63
    for place, session in enumerate(sessions):
        steps = [("thought", f"Step {number}") for number in range(place, 60, 3)]
        assert linear.said(session) == [*steps, ("response", "Done.")]


@pytest.mark.parametrize("kind", ["status", "lost", "timeout", "silent", "error", "ratelimited"])
async def test_every_fault_of_linears_is_got_over(linear: Linear, kind: str) -> None:
    session = linear.session()
    linear.fault(kind=kind, requests=2)
    pacing = dataclasses.replace(QUICK, answer_timeout=0.1)

    async with writing(linear.client(), pacing) as writer:
        words = [says(session, "One."), says(session, "Two."), ends(session)]
        told = await results([writer.submit(update) for update in words])

    assert told == [Sent()] * 3
    assert linear.said(session) == [
        ("thought", "One."), ("thought", "Two."), ("response", "Done."),
    ]  # fmt: skip


async def test_a_refused_update_does_not_hold_up_the_others(linear: Linear) -> None:
    session = linear.session()
    lost = stable_id("no", "session")

    async with writing(linear.client()) as writer:
        told = await results(
            [
                writer.submit(says(session, "One.")),
                writer.submit(says(lost, "Anybody?")),
                writer.submit(says(session, "Two.")),
                writer.submit(says(lost, "Nobody.")),
            ]
        )

    refused = Refused("Could not find referenced AgentSession. (INPUT_ERROR)")
    assert told == [Sent(), refused, Sent(), refused]
    assert linear.said(session) == [("thought", "One."), ("thought", "Two.")]


async def test_a_new_writer_repeats_what_the_old_one_sent_and_nobody_sees_it(
    linear: Linear,
) -> None:
    session = linear.session()
    updates = [says(session, "One."), says(session, "Two."), ends(session)]
    async with writing(linear.client()) as writer:
        await results([writer.submit(update) for update in updates[:2]])

    async with writing(linear.client()) as writer:
        told = await results([writer.submit(update) for update in updates])

    assert told == [Sent()] * 3
    assert linear.said(session) == [
        ("thought", "One."), ("thought", "Two."), ("response", "Done."),
    ]  # fmt: skip


async def test_what_was_sent_is_not_sent_again() -> None:
    script = Script()

    async with writing(script) as writer:
        first = await results([writer.submit(says("s", "One."))])
        again = await results([writer.submit(says("s", "One.")) for _ in range(5)])

    assert (first, again) == ([Sent()], [Sent()] * 5)
    assert script.asked == [[says("s", "One.")]]


async def test_what_is_on_its_way_is_not_sent_twice() -> None:
    script = Script()
    script.gate.clear()

    async with writing(script) as writer:
        futures = [writer.submit(says("s", "One.")) for _ in range(3)]
        await eventually(lambda: bool(script.asked))
        futures += [writer.submit(says("s", "One.")) for _ in range(3)]
        script.gate.set()
        told = await results(futures)

    assert told == [Sent()] * 6
    assert script.asked == [[says("s", "One.")]]


async def test_whoever_stops_waiting_takes_nothing_from_the_others() -> None:
    script = Script()
    script.gate.clear()

    async with writing(script) as writer:
        impatient, patient = (writer.submit(says("s", "One.")) for _ in range(2))
        impatient.cancel()
        script.gate.set()

        assert await results([patient]) == [Sent()]


async def test_what_was_refused_is_not_tried_again() -> None:
    script = Script([Refused("no")])

    async with writing(script) as writer:
        told = [await results([writer.submit(says("s", "One."))]) for _ in range(2)]

    assert told == [[Refused("no")]] * 2
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    "update",
    [PostActivity("s", "a", Thought(" ")), PostComment("i", "c", ""), ChangeIssue("i")],
)
async def test_what_says_nothing_is_not_sent(update: Update) -> None:
    script = Script()

    async with writing(script) as writer:
        told = await results([writer.submit(update)])

    assert told == [Dropped("nothing to say")]
    assert script.asked == []


async def test_only_the_newest_of_waiting_plans_and_ephemerals_is_sent() -> None:
    script = Script()
    script.gate.clear()

    async with writing(script) as writer:
        first = writer.submit(says("s", "One."))
        await eventually(lambda: bool(script.asked))
        waiting = [
            writer.submit(update)
            for update in (
                plan("s", "1"), passing("s", "x"), plan("s", "2"), passing("s", "y"),
            )
        ]  # fmt: skip
        script.gate.set()
        told = await results([first, *waiting])

    superseded = Dropped(SUPERSEDED)
    assert told == [Sent(), superseded, superseded, Sent(), Sent()]
    assert script.asked == [[says("s", "One.")], [plan("s", "2"), passing("s", "y")]]


async def test_in_a_closed_session_only_the_end_is_told() -> None:
    script = Script()
    script.gate.clear()

    async with writing(script) as writer:
        flying = writer.submit(says("s", "One."))
        await eventually(lambda: bool(script.asked))
        waiting = [writer.submit(says("s", "Two.")), writer.submit(plan("s", "1"))]
        other = writer.submit(says("t", "One."))
        writer.close_session("s")
        late = [writer.submit(says("s", "Three.")), writer.submit(ends("s", "Stopped."))]
        script.gate.set()
        told = await results([flying, *waiting, other, *late])

    closed = Dropped(CLOSED)
    assert told == [Sent(), closed, closed, Sent(), closed, Sent()]
    assert script.asked == [[says("s", "One.")], [ends("s", "Stopped."), says("t", "One.")]]


async def test_what_failed_in_a_session_that_was_closed_meanwhile_is_not_tried_again() -> None:
    script = Script(LinearUnavailable("down"))
    script.gate.clear()

    async with writing(script) as writer:
        flying = writer.submit(says("s", "One."))
        await eventually(lambda: bool(script.asked))
        writer.close_session("s")
        script.gate.set()
        told = await results([flying])

    assert told == [Dropped(CLOSED)]
    assert script.asked == [[says("s", "One.")]]


async def test_a_session_that_is_opened_again_takes_what_was_dropped_before() -> None:
    script = Script()

    async with writing(script) as writer:
        writer.close_session("s")
        before = await results([writer.submit(says("s", "One."))])
        writer.open_session("s")
        after = await results([writer.submit(says("s", "One."))])

    assert (before, after) == ([Dropped(CLOSED)], [Sent()])


async def test_with_the_reserve_only_the_urgent_is_sent_and_ephemerals_go(
    linear: Linear,
) -> None:
    one, two = linear.session("ENG-1"), linear.session("ENG-2")
    client = linear.client()
    simulator = linear.simulator
    simulator.limiter.drain(simulator.workspace.app_user_id, 600, simulator.clock.elapsed())
    await client.viewer()

    async with writing(client) as writer:
        waiting = writer.submit(says(one, "Working."))
        passed = writer.submit(passing(two, "Working."))
        (dropped,) = await results([passed])
        assert not waiting.done()

        urgent = await results([writer.submit(ends(two))])

        assert (dropped, urgent) == (Dropped(PRESSURE), [Sent()])
        # What waited for the budget takes the seat that is free in an urgent request.
        assert await results([waiting]) == [Sent()]
    assert linear.said(two) == [("response", "Done.")]


async def test_a_spent_budget_is_left_alone_for_as_long_as_linear_said() -> None:
    script = Script(RateLimited("too much", 0.2))
    began = asyncio.get_running_loop().time()

    async with writing(script) as writer:
        told = await results([writer.submit(ends("s"))])

    assert told == [Sent()]
    assert asyncio.get_running_loop().time() - began >= 0.2


@pytest.mark.parametrize(
    "error",
    [Unauthenticated("who?"), CredentialsMissing("no Secret"), LinearUnavailable("down")],
    ids=lambda error: type(error).__name__,
)
async def test_what_a_person_must_put_right_is_waited_for(error: LinearError) -> None:
    script = Script(error, error, error)

    async with writing(script) as writer:
        told = await results([writer.submit(says("s", "One.")), writer.submit(ends("s"))])

    assert told == [Sent(), Sent()]


async def test_a_request_that_is_refused_as_a_whole_is_tried_in_parts() -> None:
    script = Script(Rejected("413", "too large"), [Sent()], Rejected("413", "too large"))

    async with writing(script) as writer:
        told = await results([writer.submit(says("s", "One.")), writer.submit(says("s", "Two."))])

    assert told == [Sent(), Refused("too large (413)")]


async def test_an_update_that_cannot_be_written_ends_neither_the_writer_nor_the_others() -> None:
    script = Script(KeyError("ours"), KeyError("ours"))

    async with writing(script) as writer:
        told = await results([writer.submit(says("s", "One.")), writer.submit(says("t", "Two."))])

    assert told == [Refused("cannot be written: KeyError (INTERNAL)"), Sent()]


class Poisoned(Script):
    """A Linear that fails on one update for ever, and on every request that holds it."""

    def __init__(self, poison: Update) -> None:
        super().__init__()
        self._poison = poison

    @override
    async def apply(self, updates: Sequence[Update]) -> list[ApplyResult]:
        self.asked.append(list(updates))
        if self.down:
            raise LinearUnavailable("down")
        if self._poison in updates:
            if len(updates) > 1:
                return [Indeterminate() for _ in updates]
            raise LinearUnavailable("internal error")
        return [Sent() for _ in updates]


async def test_an_update_on_which_only_linear_fails_is_given_up_in_the_end() -> None:
    pacing = dataclasses.replace(QUICK, give_up_after=0.05)

    async with writing(Poisoned(says("s", "Bad.")), pacing) as writer:
        bad = writer.submit(says("s", "Bad."))
        told = await results([writer.submit(says("t", "Good."))])
        while not bad.done():
            told += await results([writer.submit(says("t", f"Good {len(told)}."))])
            await asyncio.sleep(0.01)
        told += await results([writer.submit(says("s", "After."))])

    assert set(told) == {Sent()}
    assert bad.result() == Refused("Linear failed on it again and again: internal error")


async def test_an_end_is_not_given_up_as_the_rest_is() -> None:
    pacing = dataclasses.replace(QUICK, give_up_after=0.0)

    script = Poisoned(ends("s"))
    async with writing(script, pacing) as writer:
        bad = writer.submit(ends("s"))
        for number in range(20):
            await results([writer.submit(says("t", f"{number}"))])
            await asyncio.sleep(0.01)

        assert not bad.done()
        assert script.asked.count([ends("s")]) > 1


@dataclasses.dataclass
class Hours:
    """A writer whose time passes as quickly as the test wants."""

    script: Script
    now: float = 1e6

    def __post_init__(self) -> None:
        self.writer = Writer(self.script, clock=lambda: self.now, jitter=lambda: 1.0)

    async def pass_until(
        self, holds: Callable[[], bool], within: float, each: Callable[[], object] = bool
    ) -> float:
        """Let seconds pass until something holds; return how many it took."""
        began = self.now
        while not holds():
            assert self.now - began < within, "too late"
            each()
            # Nothing waits in here: where the writer would, time passes instead.
            self.writer._changed.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.writer._step(), 0.001)
            await asyncio.sleep(0)
            self.now += 0.25
        return self.now - began


def acknowledges(session: str) -> PostActivity:
    return says(session, "On it.", Priority.ACKNOWLEDGEMENT)


@pytest.mark.parametrize("bad", [acknowledges("s"), says("s", "Bad."), plan("s", "Bad")])
@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize("seconds_before", [0.0, 1.0, 50.0, 200.0])
async def test_what_only_linear_refuses_holds_an_end_for_less_than_thirty_seconds(
    bad: Update,
    others: bool,  # noqa: FBT001
    seconds_before: float,
) -> None:
    hours = Hours(Poisoned(bad))
    count = itertools.count()

    def say() -> None:
        if others:
            _ = hours.writer.submit(says("other", f"{next(count)}"))

    _ = hours.writer.submit(bad)
    start = hours.now
    await hours.pass_until(lambda: hours.now >= start + seconds_before, 1000, say)
    end = hours.writer.submit(ends("s"))

    assert await hours.pass_until(end.done, 30, say) < 30
    assert end.result() == Sent()


async def test_several_bad_updates_hold_an_end_no_longer_than_one() -> None:
    bad = [says("s", f"Bad {number}.") for number in range(5)]

    class AllBad(Poisoned):
        @override
        async def apply(self, updates: Sequence[Update]) -> list[ApplyResult]:
            self._poison = next((one for one in updates if one in bad), ends("nobody"))
            return await super().apply(updates)

    hours = Hours(AllBad(bad[0]))
    told = [hours.writer.submit(update) for update in (*bad, says("s", "Good."), ends("s"))]

    assert await hours.pass_until(told[-1].done, 30) < 30
    assert [one.result() for one in told[-2:]] == [Sent(), Sent()]


@pytest.mark.parametrize("update", [acknowledges("s"), ends("s")])
async def test_acknowledgements_and_ends_are_bounded_too(update: Update) -> None:
    hours = Hours(Poisoned(update))
    told = hours.writer.submit(update)

    await hours.pass_until(told.done, 60)

    assert told.result() == Refused("Linear failed on it again and again: internal error")


async def test_an_outage_of_hours_gives_nothing_up_and_keeps_the_order() -> None:
    down = Poisoned(ends("nobody"))
    down.down = True
    hours = Hours(down)
    updates = [acknowledges("s"), *(says("s", f"{n}") for n in range(15)), ends("s"), ends("t")]
    told = [hours.writer.submit(update) for update in updates]
    start = hours.now
    await hours.pass_until(lambda: hours.now > start + 7200, 7300)
    assert not any(one.done() for one in told)
    down.down = False
    down.asked.clear()

    await hours.pass_until(lambda: all(one.done() for one in told), 60)

    assert [one.result() for one in told] == [Sent()] * len(told)
    sent = [update for batch in down.asked for update in batch if update.session_id == "s"]
    assert list(dict.fromkeys(sent)) == updates[:-1]


async def test_a_writer_that_stops_says_that_it_does_not_know() -> None:
    script = Script()
    script.gate.clear()

    async with writing(script) as writer:
        flying = writer.submit(says("s", "One."))
        await eventually(lambda: bool(script.asked))
        waiting = writer.submit(says("s", "Two."))
    late = writer.submit(says("s", "Three."))

    for future in (flying, waiting, late):
        with pytest.raises(WriterStopped):
            await future


async def test_an_idle_writer_has_told_everybody() -> None:
    async with writing(Script()) as writer:
        futures = [writer.submit(says("s", f"{number}")) for number in range(25)]

        await writer.idle()
        await asyncio.sleep(0)

        assert all(future.done() for future in futures)
        assert writer.lag() == 0.0


async def test_the_lag_is_the_age_of_the_oldest() -> None:
    now = [1_000.0]
    writer = Writer(Script(), clock=lambda: now[0])
    _ = writer.submit(says("s", "One."))

    now[0] += 7

    assert writer.lag() == 7.0
