"""Facts of the controller at work: whatever happens, every run ends once, and is told."""

import asyncio
import datetime as dt
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deputy.core.action import Action
from deputy.core.outcome import RunOutcome
from deputy.core.phase import TERMINAL, Phase
from deputy.core.reason import RunReason
from deputy.core.run import STOP_GRACE
from tests.controller.run_world import EVENTS, FIRST, Event, World
from tests.support.manifests import NAMESPACE, RUN_NAME

STORIES: dict[str, tuple[Event, ...]] = {
    "a pull request": (*FIRST, World.agent_finishes),
    "a question and its answer": (
        *FIRST,
        World.agent_asks,
        World.person_answers,
        World.agent_finishes,
    ),
    "an end in the middle of a question": (*FIRST, World.agent_asks, World.pod_fails),
    "no commits": (*FIRST, World.agent_finishes_without_commits),
    "a failure": (*FIRST, World.agent_fails),
    "a wait, then a slot": (World.minute_passes, *FIRST, World.agent_finishes),
    "a quota without room": (
        World.quota_is_full,
        World.slot_is_free,
        World.minute_passes,
        World.minute_passes,
        World.sidecar_connects,
        World.agent_finishes,
    ),
    "a refused issue": (World.issue_is_refused, World.leader_dies, World.slot_is_free),
    "a broken Blueprint": (World.blueprint_is_broken,),
    "a stop in the queue": (World.person_stops,),
    "a stop that is obeyed": (*FIRST, World.person_stops, World.sidecar_obeys_the_stop),
    "a stop that is ignored": (*FIRST, World.person_stops),
    "a stop before the pod answers": (World.slot_is_free, World.person_stops),
    "a restart": (
        *FIRST,
        World.person_restarts,
        World.deleted_pods_go,
        World.sidecar_connects,
        World.agent_finishes,
    ),
    "a restart while the older pod goes and reports": (
        World.slot_is_free,
        World.node_is_drained,
        World.person_restarts,
        World.agent_finishes,
        World.deleted_pods_go,
        World.sidecar_connects,
        World.agent_finishes,
    ),
    "a pod that fails": (*FIRST, World.pod_fails),
    "a pod that vanishes": (*FIRST, World.pod_vanishes),
    "an eviction that saves": (*FIRST, World.node_is_drained, World.sidecar_obeys_the_stop),
    "a long silence": (*FIRST, World.half_hour_passes, World.agent_finishes),
    "a time limit": (*FIRST, World.hour_passes, World.sidecar_obeys_the_stop),
}


async def play(story: tuple[Event, ...], crash_after: int = -1, crash_at_write: int = 0) -> World:
    world = await World.begun(crash_after, crash_at_write)
    for event in story:
        await event(world)
        await world.settle()
    await world.drain()
    return world


def played(story: tuple[Event, ...], crash_after: int = -1, crash_at_write: int = 0) -> World:
    return asyncio.run(play(story, crash_after, crash_at_write))


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_crash_after_any_number_of_actions_changes_nothing_about_the_end(
    story: tuple[Event, ...],
) -> None:
    calm = played(story)

    ends = [played(story, crash_after=n).end() for n in range(len(calm.done))]

    assert ends == [calm.end()] * len(calm.done)


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_crash_behind_any_write_whose_answer_is_lost_changes_nothing_about_the_end(
    story: tuple[Event, ...],
) -> None:
    calm = played(story)

    ends = [played(story, crash_at_write=n).end() for n in range(1, calm.writes + 1)]

    assert ends == [calm.end()] * calm.writes


async def saved_late() -> tuple[bool, World]:
    """Return a world whose sidecar saved after its pod was deleted, and if the end waited."""
    world = await World.begun()
    for event in FIRST:
        await event(world)
        await world.settle()
    world.server.bind(NAMESPACE, f"{RUN_NAME}-1", "node")
    await world.person_stops()
    await world.settle()
    world.now += STOP_GRACE
    await world.settle()
    waited = world.outcome is None and world.pod is not None
    await world.sidecar_obeys_the_stop()
    await world.settle()
    return waited, world


def test_a_stop_whose_save_outlasts_the_grace_ends_with_the_branch_that_was_pushed() -> None:
    waited, world = asyncio.run(saved_late())

    assert waited
    assert world.outcome is not None
    branch = world.run.status.branch
    assert f"The work so far is on branch `{branch}` (`head-1`)." in world.outcome.text
    assert world.pod is not None
    assert world.pod["metadata"]["deletionGracePeriodSeconds"] == 1


async def grown_old() -> World:
    """Return a world whose run was over a week ago."""
    world = await play((*FIRST, World.agent_finishes))
    world.now += dt.timedelta(days=7)
    await world.settle()
    return world


def test_the_stories_have_every_action_carried_out() -> None:
    worlds = [*(played(story) for story in STORIES.values()), asyncio.run(grown_old())]

    assert {action for world in worlds for action in world.done} == set(typing.get_args(Action))
    assert worlds[-1].deleted


@pytest.mark.parametrize(
    ("story", "phase", "reason"),
    [
        ("a pull request", Phase.SUCCEEDED, RunReason.PULL_REQUEST_OPENED),
        ("a question and its answer", Phase.SUCCEEDED, RunReason.PULL_REQUEST_OPENED),
        ("an end in the middle of a question", Phase.FAILED, RunReason.OOM_KILLED),
        ("no commits", Phase.SUCCEEDED, RunReason.NO_CHANGES),
        ("a failure", Phase.FAILED, RunReason.AGENT_FAILED),
        ("a wait, then a slot", Phase.SUCCEEDED, RunReason.PULL_REQUEST_OPENED),
        ("a quota without room", Phase.SUCCEEDED, RunReason.PULL_REQUEST_OPENED),
        ("a refused issue", Phase.STOPPED, RunReason.STATE_NOT_ALLOWED),
        ("a broken Blueprint", Phase.STOPPED, RunReason.BLUEPRINT_NOT_READY),
        ("a stop in the queue", Phase.STOPPED, RunReason.STOPPED_BY_USER),
        ("a stop that is obeyed", Phase.STOPPED, RunReason.STOPPED_BY_USER),
        ("a stop that is ignored", Phase.STOPPED, RunReason.STOPPED_BY_USER),
        ("a stop before the pod answers", Phase.STOPPED, RunReason.STOPPED_BY_USER),
        ("a restart", Phase.SUCCEEDED, RunReason.PULL_REQUEST_OPENED),
        (
            "a restart while the older pod goes and reports",
            Phase.SUCCEEDED,
            RunReason.PULL_REQUEST_OPENED,
        ),
        ("a pod that fails", Phase.FAILED, RunReason.OOM_KILLED),
        ("a pod that vanishes", Phase.FAILED, RunReason.POD_DISAPPEARED),
        ("an eviction that saves", Phase.FAILED, RunReason.POD_EVICTED),
        ("a long silence", Phase.SUCCEEDED, RunReason.PULL_REQUEST_OPENED),
        ("a time limit", Phase.TIMED_OUT, RunReason.TIMED_OUT),
    ],
)
def test_a_story_ends_as_it_should(story: str, phase: Phase, reason: RunReason) -> None:
    world = played(STORIES[story])

    assert (world.phase, world.outcome and world.outcome.reason) == (phase, reason)


def test_no_story_is_left_without_its_end() -> None:
    assert all(played(story).phase in TERMINAL for story in STORIES.values())


events = st.lists(st.sampled_from(EVENTS), max_size=14)


@settings(max_examples=200, deadline=None)
@given(events, st.integers(-1, 30), st.integers(0, 12))
def test_whatever_happens_a_run_ends_once_is_told_once_and_leaves_no_pod(
    story: list[Event], crash_after: int, crash_at_write: int
) -> None:
    world = played(tuple(story), crash_after, crash_at_write)

    assert world.phase in TERMINAL
    assert world.outcome is not None
    assert [told.content.body for told in world.tracker.closing] == [world.outcome.text]  # type: ignore[union-attr]
    assert world.pods == []


async def stopped_in_the_middle(
    before: list[Event], after: list[Event], crash_after: int
) -> tuple[World, RunOutcome | None, dt.datetime]:
    """Return the world, what was decided before somebody stopped the run, and when that was."""
    world = await World.begun(crash_after)
    for event in before:
        await event(world)
        await world.settle()
    decided = world.outcome
    await world.person_stops()
    await world.settle()
    stopped_at = world.now
    # From here on the forge asserts that no pull request is opened.
    for event in after:
        await event(world)
        await world.settle()
    await world.drain()
    return world, decided, stopped_at


@settings(max_examples=150, deadline=None)
@given(events, events, st.integers(-1, 30))
def test_a_stop_wins_in_whatever_state_it_comes(
    before: list[Event], after: list[Event], crash_after: int
) -> None:
    world, decided, stopped_at = asyncio.run(stopped_in_the_middle(before, after, crash_after))

    assert world.outcome is not None
    if decided is not None:
        assert world.outcome == decided
    else:
        assert world.outcome.reason is RunReason.STOPPED_BY_USER
    if not after and decided is None:
        assert world.run.status.completion_time is not None
        assert world.run.status.completion_time - stopped_at <= dt.timedelta(seconds=60)


async def and_then(world: World, story: list[Event]) -> World:
    """Let a story happen to a run that is over, for as long as it is kept."""
    for event in story:
        if world.deleted:
            break
        await event(world)
        if not world.deleted:
            await world.settle()
    return world


async def over(story: list[Event]) -> tuple[object, World]:
    world = await play((*FIRST, World.agent_finishes))
    return world.end(), await and_then(world, story)


@settings(max_examples=100, deadline=None)
@given(events)
def test_a_run_that_is_over_stays_as_it_is_whatever_happens_later(story: list[Event]) -> None:
    end, world = asyncio.run(over(story))

    assert world.deleted or world.end() == end
