"""Lists heal what watches missed, and tell when a watch is silent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from deputy.api.agentrun import AgentRun
from deputy.kube import resources
from deputy.kube.cache import Cache
from deputy.kube.resync import Resync
from deputy.processes.watched import watched_runs
from tests.support.api_server import ApiServer
from tests.support.manifests import NAMESPACE, agent_run

if TYPE_CHECKING:
    from deputy.kube.store import Key

pytestmark = pytest.mark.virtual_time

RUNS, RUN = resources.agentruns(NAMESPACE), resources.agentruns(NAMESPACE, "a")
SILENT = "the watches are silent: lists show changes that they did not tell"


class Process:
    """A process that knows the run `a`, and whose watches tell nothing."""

    def __init__(self) -> None:
        self.server = ApiServer(NAMESPACE)
        self.server.seed(agent_run("a"))
        self.cache = Cache()
        self.looked: list[Key] = []
        self.gone: list[AgentRun] = []
        watched = watched_runs(self.cache.runs, self._changed, self.gone.append)
        clock = asyncio.get_running_loop().time
        self.resync = Resync(self.server.client(), (watched,), (NAMESPACE,), clock)

    def _changed(self, run: AgentRun) -> None:
        self.looked.append((run.metadata.namespace, run.metadata.name))

    def change(self, attempt: int) -> dict[str, Any]:
        return self.server.patch(RUN, {"spec": {"attempt": attempt}})

    async def a_comparison(self) -> None:
        """Let lists be compared with the watches, once."""
        # The comparison after a minute, and the moment that it gives the watches to tell.
        await asyncio.sleep(60 + 5 + 0.1)


@pytest.fixture
async def process() -> AsyncIterator[Process]:
    process = Process()
    await process.resync.seed()
    process.looked.clear()
    comparing = asyncio.create_task(process.resync.run())
    yield process
    comparing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await comparing


async def test_a_watch_that_missed_a_change_is_healed_and_the_second_time_is_called_silent(
    process: Process,
) -> None:
    process.change(2)
    await process.a_comparison()
    first = process.resync.unhealthy()
    changed = process.change(3)
    await process.a_comparison()

    known = process.cache.runs.version(NAMESPACE, "a")
    assert known == int(changed["metadata"]["resourceVersion"])
    assert process.looked == [(NAMESPACE, "a")] * 2
    assert (first, process.resync.unhealthy()) == ("", SILENT)


async def test_a_watch_that_tells_late_but_in_time_has_missed_nothing(process: Process) -> None:
    for attempt in range(2, 6):
        changed = process.change(attempt)
        await asyncio.sleep(60 + 4)
        process.cache.runs.put(changed)
        await asyncio.sleep(1.1)

    assert process.looked == []
    assert process.resync.unhealthy() == ""


async def test_a_deletion_that_the_watch_missed_is_made_up_for(process: Process) -> None:
    process.server.delete(RUN)

    await process.a_comparison()

    assert process.cache.runs.get(NAMESPACE, "a") is None


async def test_the_sessions_of_a_run_whose_deletion_the_watch_missed_are_told(
    process: Process,
) -> None:
    uid = process.server.read(RUN)["metadata"]["uid"]
    process.server.delete(RUN)

    await process.a_comparison()

    assert [run.metadata.uid for run in process.gone] == [uid]


async def test_a_run_that_came_while_the_list_was_made_is_no_sign_of_a_silent_watch(
    process: Process,
) -> None:
    listed = process.server.faults.hold("list", "agentruns", after_write=True)
    await asyncio.sleep(60.1)
    created = process.server.seed(agent_run("new"))
    process.cache.runs.put(created)
    listed.set()
    await asyncio.sleep(5.1)

    known = process.cache.runs.version(NAMESPACE, "new")
    assert known == int(created["metadata"]["resourceVersion"])
    assert process.looked == []


async def test_who_gets_no_list_for_five_minutes_is_not_healthy(process: Process) -> None:
    process.server.faults.fail("list", "agentruns", 503, times=5)

    await asyncio.sleep(299)
    before = process.resync.unhealthy()
    await asyncio.sleep(2)
    after = process.resync.unhealthy()
    await asyncio.sleep(60)

    assert (before, after) == ("", "no list has succeeded for 301 s")
    assert process.resync.unhealthy() == ""


async def test_who_has_listed_nothing_yet_is_not_called_sick() -> None:
    resync = Process().resync

    await asyncio.sleep(3600)

    assert (resync.seeded, resync.unhealthy()) == (False, "")
