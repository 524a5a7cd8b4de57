"""Facts of what the relay does with events: what is safe, refused, and left by a leader."""

import asyncio
from typing import Any

import pytest

from deputy.core.outcome import Problem
from deputy.core.phase import Phase
from deputy.core.reason import RunReason
from deputy.trackers.linear.pending import WriterStopped
from deputy.trackers.updates import PostActivity, SetPlan
from deputy.wire import (
    Answered,
    Asked,
    EventsAnswer,
    Hello,
    NumberedEvent,
    Outcome,
    PlanChanged,
    Step,
    StepStatus,
    Thought,
    TurnStarted,
)
from tests.relay.relay_world import (
    DECIDED,
    KEY,
    MORE,
    World,
    done,
    event_id,
)
from tests.support.waiting import until

pytestmark = pytest.mark.virtual_time


@pytest.fixture
async def world() -> World:
    return World()


# What is safe


async def test_an_event_is_shown_under_an_id_of_its_own_and_then_safe(world: World) -> None:
    answer = await world.take(Thought("I see."), Thought("I go on."))

    assert answer == EventsAnswer(2)
    assert world.tracker.updates == [
        PostActivity("session-1", event_id(1), Thought("I see.")),
        PostActivity("session-1", event_id(2), Thought("I go on.")),
    ]
    assert KEY in world.looked_at


async def test_nothing_is_safe_before_the_tracker_has_it(world: World) -> None:
    world.tracker.holds_back = True

    assert await world.take(Hello(), Thought("I see."), Thought("More.")) == EventsAnswer(1)


async def test_only_what_comes_before_the_first_gap_is_safe(world: World) -> None:
    world.tracker.holds_back = True
    taking = asyncio.create_task(world.take(Thought("a"), Thought("b"), Thought("c")))
    await until(lambda: len(world.tracker.updates) == 3)
    world.tracker.answers[0].set_result("")
    world.tracker.answers[2].set_result("")

    assert await taking == EventsAnswer(1)


async def test_what_a_leader_that_ends_has_not_written_is_not_safe(world: World) -> None:
    world.tracker.holds_back = True
    call = asyncio.ensure_future(world.take(Hello(), Thought("I see.")))
    await until(lambda: bool(world.tracker.updates))
    (answer,) = world.tracker.answers

    answer.set_exception(WriterStopped("the writer has stopped"))

    assert await call == EventsAnswer(1)


async def test_an_event_is_answered_as_soon_as_the_tracker_has_it(world: World) -> None:
    world.tracker.holds_back = True
    taking = asyncio.create_task(world.take(Thought("I see.")))
    await until(lambda: len(world.tracker.updates) == 1)
    assert not taking.done()

    world.tracker.answers[0].set_result("")

    async with asyncio.timeout(5):
        assert await taking == EventsAnswer(1)


async def test_what_the_tracker_refuses_is_not_sent_again(world: World) -> None:
    world.tracker.refuses = "the session is gone"

    assert await world.take(Thought("I see.")) == EventsAnswer(1, {1: "the session is gone"})


async def test_what_is_safe_is_not_shown_again(world: World) -> None:
    await world.take(Thought("I see."))

    assert await world.take(Thought("I see."), Thought("More.")) == EventsAnswer(2)
    assert world.tracker.ids == [event_id(1), event_id(2)]


async def test_a_run_made_by_hand_tells_no_tracker() -> None:
    world = World(linear=None)

    assert await world.take(Thought("I see."), PlanChanged(())) == EventsAnswer(2)
    assert world.tracker.updates == []


async def test_the_agents_plan_is_shown_between_our_steps(world: World) -> None:
    await world.take(PlanChanged((Step("Fix it", StepStatus.IN_PROGRESS),)))

    (update,) = world.tracker.updates
    assert isinstance(update, SetPlan)
    assert Step("Fix it", StepStatus.IN_PROGRESS) in update.steps


@pytest.mark.parametrize("status", [{"conditions": [DECIDED]}, {"phase": "Stopped"}])
async def test_after_the_end_everything_is_refused_and_nothing_shown(
    world: World, status: dict[str, Any]
) -> None:
    conversation = world.conversation
    world.put_run(status)

    answer = await world.service.take(
        conversation, [NumberedEvent(7, Thought("Wait!")), NumberedEvent(8, done())]
    )

    assert answer == EventsAnswer(8, {7: "the run is over", 8: "the run is over"})
    assert (world.tracker.updates, conversation.finished, conversation.report) == ([], True, None)


# Questions


async def test_a_question_is_awaited_until_it_is_answered(world: World) -> None:
    await world.take(TurnStarted("task-1"), Asked("Which one?", ("a", "b")))
    asked = (world.conversation.connected, world.conversation.awaiting)
    await world.take(Answered("m-1"), start=3)

    assert asked == (True, True)
    assert (world.conversation.awaiting, world.conversation.delivered_through) == (False, "m-1")


# Reports


async def test_a_report_counts_at_once_but_is_safe_only_when_the_end_is_recorded(
    world: World,
) -> None:
    answer = await world.take(Thought("I see."), done())

    assert answer == EventsAnswer(1)
    assert world.conversation.standing_report == done()


async def test_a_report_counts_only_once_everything_before_it_is_shown(
    world: World,
) -> None:
    world.tracker.holds_back = True
    first = await world.take(Thought("I see."), done())
    before = world.conversation.report
    for answer in world.tracker.answers:
        answer.set_result("")
    world.tracker.holds_back = False
    second = await world.take(Thought("I see."), done())

    assert (first, before) == (EventsAnswer(0), None)
    assert (second, world.conversation.report) == (EventsAnswer(1), done())
    assert set(world.tracker.ids) == {event_id(1)}


async def test_a_report_is_stale_and_may_be_forgotten_while_a_newer_prompt_waits(
    world: World,
) -> None:
    world.put_run(inbox=[MORE])

    answer = await world.take(done("task-1"))

    assert answer == EventsAnswer(1)
    assert world.conversation.report is None


async def test_a_prompt_that_comes_after_the_report_makes_it_stale(world: World) -> None:
    await world.take(done("task-1"))
    world.put_run(inbox=[MORE])

    assert world.conversation.standing_report is None
    assert await world.take(done("task-1")) == EventsAnswer(1)


async def test_a_report_through_the_newest_prompt_stands(world: World) -> None:
    world.put_run(inbox=[MORE])
    await world.take(done("task-1"), TurnStarted("m-1"), done("m-1"))

    assert world.conversation.standing_report == done("m-1")


async def test_a_failure_stands_though_a_prompt_waits(world: World) -> None:
    world.put_run(inbox=[MORE])
    failed = done("", Outcome.FAILED)
    await world.take(failed)

    assert world.conversation.standing_report == failed


async def test_a_failed_turn_is_overtaken_by_the_next_one(world: World) -> None:
    world.put_run(inbox=[MORE])

    answer = await world.take(done("task-1", Outcome.FAILED), TurnStarted("m-1"))

    assert answer == EventsAnswer(2)
    assert world.conversation.report is None


async def test_what_follows_a_report_that_stands_is_not_safe_before_it(world: World) -> None:
    assert await world.take(done(), Hello()) == EventsAnswer(0)


async def test_a_new_turn_asks_for_the_pull_request_anew(world: World) -> None:
    state, problem = world.states.refresh(world.run), Problem(RunReason.PULL_REQUEST_REFUSED, "no")
    await world.take(done())
    state.refused_report = (done(), problem)
    before = state.pull_request_problem

    await world.take(TurnStarted("task-1"), start=2)

    assert (before, state.pull_request_problem) == (problem, None)


# The next leader


async def test_the_next_leader_takes_what_was_not_safe_and_shows_it_under_the_same_ids(
    world: World,
) -> None:
    events = (Thought("a"), Thought("b"), Thought("c"), done())
    world.tracker.holds_back = True
    taking = asyncio.create_task(world.take(*events))
    await until(lambda: len(world.tracker.updates) == 3)
    world.tracker.answers[0].set_result("")
    first = await taking
    world.new_leader()
    world.tracker.holds_back = False

    second = await world.take(*events[first.acked :], start=first.acked + 1)

    assert (first, second) == (EventsAnswer(1), EventsAnswer(3))
    assert world.tracker.ids == [event_id(n) for n in (1, 2, 3, 2, 3)]
    assert world.conversation.standing_report == done()


async def test_the_next_leader_hears_an_unsafe_report_again(world: World) -> None:
    await world.take(Thought("I see."), done())
    world.new_leader()
    assert world.conversation.report is None

    assert await world.take(done(), start=2) == EventsAnswer(0)
    assert world.conversation.standing_report == done()


@pytest.mark.parametrize(
    ("phase", "awaiting"), [(Phase.RUNNING, False), (Phase.AWAITING_INPUT, True)]
)
async def test_the_next_leader_begins_where_the_status_says(
    world: World,
    phase: Phase,
    awaiting: bool,  # noqa: FBT001  a column
) -> None:
    world.put_run({"phase": phase, "inbox": {"deliveredThrough": "m-1"}}, inbox=[MORE])

    world.new_leader()
    conversation = world.conversation

    assert (conversation.connected, conversation.awaiting, conversation.delivered_through) == (
        True,
        awaiting,
        "m-1",
    )
    assert conversation.last_contact is not None


async def test_nobody_is_taken_for_connected_before_the_first_word(world: World) -> None:
    world.put_run({"phase": "Launching"})

    assert not world.conversation.connected


async def test_a_question_that_is_open_stays_open_for_the_next_leader(world: World) -> None:
    world.put_run({"phase": "AwaitingInput"})
    world.new_leader()

    await world.take(Thought("still here", ephemeral=True))

    assert world.conversation.awaiting


async def test_whoever_polls_is_alive_though_an_earlier_leader_took_its_greeting(
    world: World,
) -> None:
    world.put_run({"phase": "Launching"})
    world.new_leader()

    await world.service.note_contact(world.conversation)
    await world.service.note_contact(world.conversation)

    assert world.conversation.connected
    assert world.looked_at == [KEY]


async def test_a_workspace_that_was_never_heard_is_expected_from_the_leaders_first_look_on(
    world: World,
) -> None:
    world.put_run({"phase": "Launching"})
    world.new_leader()

    first = world.conversation.last_contact

    assert first is not None
    assert world.conversation.last_contact == first
