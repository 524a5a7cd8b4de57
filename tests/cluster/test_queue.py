"""More issues than slots: the cap holds, the order holds, and those who wait are told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from deputy.core.messages import position, queued
from deputy.core.phase import ACTIVE
from tests.cluster.blueprints import scripted
from tests.cluster.conftest import Place
from tests.cluster.runs import conditions_of, phase_of

pytestmark = pytest.mark.cluster

#: It holds its slot until somebody answers.
ASK = "ask Shall I go on?"


@contextlib.asynccontextmanager
async def active_runs(place: Place) -> AsyncIterator[list[set[str]]]:
    """Collect every set of active runs that the API server shows meanwhile."""
    seen: list[set[str]] = [set()]

    def note(there: Mapping[str, dict[str, Any]]) -> bool:
        active = {name for name, run in there.items() if _is_active(run, place.name)}
        if active != seen[-1]:
            seen.append(active)
        return False

    watching = asyncio.create_task(place.objects.runs_until(note, within=300))
    yield seen
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching


def _is_active(run: Mapping[str, Any], blueprint: str) -> bool:
    mine = run["spec"]["blueprintRef"]["name"] == blueprint
    decided = conditions_of(run).get("Succeeded", ("Unknown", ""))[0] != "Unknown"
    return mine and phase_of(run) in ACTIVE and not decided


async def delegated(place: Place, **issue: Any) -> tuple[str, str]:
    """Delegate a new issue; return the session and the name of its run."""
    identifier = await place.issue(ASK, **issue)
    session = await place.linear.delegate(identifier)
    run = await place.objects.run_of_soon(await place.linear.issue(identifier))
    return session, run["metadata"]["name"]


async def finish(place: Place, session: str) -> None:
    await place.linear.until(session, "awaitingInput")
    await place.linear.do("reply", session=session, body="yes")
    seen = await place.linear.until_over(session)
    assert seen.closing == [("response", "answer: yes.")]


async def test_six_issues_share_three_slots_and_all_finish_in_order(place: Place) -> None:
    await place.blueprint(scripted())
    async with active_runs(place) as active:
        first = [await delegated(place, priority=1) for _ in range(3)]
        for session, _ in first:
            await place.linear.until(session, "awaitingInput")
        others = []
        # One after the other: an issue whose priority was not read yet counts as one without.
        for place_in_queue, priority in enumerate((2, 3, 4), 1):
            others.append(await delegated(place, priority=priority))
            session, name = others[-1]
            words = queued(position(place_in_queue))
            assert words in (await place.linear.until_said(session, words)).said("thought")
            run = await place.objects.run_until(name, "Queued")
            assert run["status"]["queuePosition"] == place_in_queue
        for session, _ in [*first, *others]:
            await finish(place, session)

    over = [await place.objects.run_until_over(name) for _, name in [*first, *others]]
    assert [phase_of(run) for run in over] == ["Succeeded"] * 6
    started = [run["status"]["startTime"] for run in over]
    assert started[3:] == sorted(started[3:])
    assert max(started[:3]) < min(started[3:])
    assert max(len(names) for names in active) == 3
    assert set().union(*active) == {name for _, name in [*first, *others]}


async def test_urgent_issues_overtake_and_issues_without_a_priority_come_last(
    place: Place,
) -> None:
    await place.blueprint(scripted(), {"maxConcurrentRuns": 1})
    running = await delegated(place)
    await place.linear.until(running[0], "awaitingInput")
    none, low, urgent = [await delegated(place, priority=priority) for priority in (0, 4, 1)]
    await place.linear.until_said(urgent[0], position(1))
    for name, wanted in ((urgent[1], 1), (low[1], 2), (none[1], 3)):
        await place.objects.run_until_position(name, wanted)

    for session, _ in (running, urgent, low, none):
        await finish(place, session)

    starts = [
        (await place.objects.run_until_over(name))["status"]["startTime"]
        for _, name in (running, urgent, low, none)
    ]
    assert starts == sorted(starts)


async def test_a_failed_run_gives_its_slot_back(place: Place) -> None:
    await place.blueprint(scripted(), {"maxConcurrentRuns": 1})
    failing = await place.linear.delegate(await place.issue("crash 3"))
    waiting = await place.linear.delegate(await place.issue("say Done."))

    assert [text[:19] for _, text in (await place.linear.until_over(failing)).closing] == [
        "This did not work: "
    ]
    assert (await place.linear.until_over(waiting)).closing == [("response", "Done.")]
