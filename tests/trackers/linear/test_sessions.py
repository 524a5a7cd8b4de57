"""Sessions whose run was deleted without a leader, against the simulated Linear."""

import asyncio
import contextlib
import datetime as dt

import pytest

from deputy.clock import utc_now
from deputy.controller.orphans import OrphanedSessions
from deputy.core import messages
from deputy.kube.cache import Cache
from deputy.trackers.linear.tracker import Tracker
from deputy.trackers.linear.writer import Writer
from deputy.trackers.updates import PostActivity, Priority, Response
from deputy.wire import Thought, stable_id
from tests.trackers.linear.simulated import Linear


async def say(linear: Linear, session: str, *contents: Thought | Response) -> None:
    updates = [
        PostActivity(session, stable_id(session, one.body), one, Priority.NORMAL)
        for one in contents
    ]
    await linear.client().apply(updates)


def known(session: str) -> Cache:
    cache = Cache()
    metadata = {"namespace": "agents", "name": "linear-abc-1", "uid": "u", "resourceVersion": "1"}
    linear = {"organizationId": "o", "issueId": "i", "sessionId": session}
    spec = {"blueprintRef": {"name": "api"}, "prompt": "Fix it.", "linear": linear}
    cache.runs.put({"metadata": metadata, "spec": spec})
    return cache


@pytest.mark.parametrize("told", [frozenset[str](), frozenset({"told"})])
async def test_the_next_leader_closes_what_no_run_knows_once(
    linear: Linear, told: frozenset[str]
) -> None:
    orphan, live, over, silent = (linear.session(f"ENG-{number}") for number in (1, 2, 3, 4))
    for session in (orphan, live):
        await say(linear, session, Thought("On it."))
    await say(linear, over, Thought("On it."), Response("Done."))
    writer = Writer(linear.client())
    task = asyncio.create_task(writer.run())
    now = utc_now()
    tracker = Tracker(linear.client(), writer)
    looks = OrphanedSessions(known(live), tracker, told, lambda: now)

    early = await looks.look()
    now += dt.timedelta(minutes=3)
    late = [await looks.look() for _ in range(2)]
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert (early, late) == (120.0, [3600.0, 3600.0])
    assert linear.said(orphan) == [("thought", "On it."), ("response", messages.ORPHANED)]
    assert linear.shown(orphan)["status"] == "complete"
    assert linear.said(live) == [("thought", "On it.")]
    assert linear.said(over) == [("thought", "On it."), ("response", "Done.")]
    assert linear.said(silent) == []


async def test_what_this_leader_told_is_not_told_again(linear: Linear) -> None:
    session = linear.session()
    await say(linear, session, Thought("On it."))
    tracker = Tracker(linear.client(), Writer(linear.client()))
    later = utc_now() + dt.timedelta(minutes=3)

    assert await OrphanedSessions(Cache(), tracker, {session}, lambda: later).look() == 3600.0
    assert linear.said(session) == [("thought", "On it.")]


async def test_a_linear_that_does_not_answer_is_asked_again_in_minutes(linear: Linear) -> None:
    linear.fault(kind="status", requests=1)
    tracker = Tracker(linear.client(), Writer(linear.client()))

    assert await OrphanedSessions(Cache(), tracker, ()).look() == 300.0
