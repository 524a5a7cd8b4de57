"""Facts of jobs: one of a kind at a time, back-off that nobody shortens, and free workers."""

import asyncio

import pytest

from deputy.controller.jobs import RunJobs, pause_after
from deputy.core.action import OpenPullRequest, ReadIssue, SaveLog
from deputy.core.phase import Phase
from deputy.forges.errors import ForgeUnavailable
from deputy.kube import resources
from deputy.relay.authentication import Caller
from deputy.wire import Finished, Hello, Outcome
from tests.controller.many_runs import NAMESPACE, PODS, ManyRuns, begun
from tests.controller.outside import Sidecar

DEADLINE = 5.0


class Work:
    """Work that goes on until the test says so, and notes how often it is begun."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = 0
        self.go_on = asyncio.Event()
        self.woken = asyncio.Event()
        self.error = error

    async def __call__(self) -> None:
        self.begun += 1
        await self.go_on.wait()
        if self.error is not None:
            raise self.error

    def wake(self) -> None:
        self.woken.set()


async def test_a_job_is_under_way_once_however_often_it_is_asked_for() -> None:
    jobs, work = RunJobs(), Work()

    for _ in range(5):
        jobs.start(SaveLog, work, work.wake)
        await asyncio.sleep(0)

    assert work.begun == 1
    work.go_on.set()
    async with asyncio.timeout(DEADLINE):
        await work.woken.wait()
    assert jobs.tasks == set()


async def test_jobs_of_other_kinds_go_on_beside_it() -> None:
    jobs, slow, fast = RunJobs(), Work(), Work()
    fast.go_on.set()

    jobs.start(OpenPullRequest, slow, slow.wake)
    jobs.start(ReadIssue, fast, fast.wake)

    async with asyncio.timeout(DEADLINE):
        await fast.woken.wait()
    assert not slow.woken.is_set()
    jobs.cancel_all()


async def test_a_forge_that_asks_for_a_pause_gets_it_however_often_the_run_is_looked_at() -> None:
    jobs = RunJobs()
    work = Work(ForgeUnavailable("too many requests", retry_after=60.0))
    work.go_on.set()

    for _ in range(20):
        jobs.start(OpenPullRequest, work, work.wake)
        await asyncio.sleep(0)

    assert work.begun == 1
    jobs.cancel_all()


async def test_a_job_that_failed_wakes_its_run_when_it_may_be_tried_again() -> None:
    jobs, work = RunJobs(), Work(OSError("no"))
    work.go_on.set()

    jobs.start(SaveLog, work, work.wake)
    async with asyncio.timeout(DEADLINE):
        await work.woken.wait()
    jobs.start(SaveLog, work, work.wake)
    await asyncio.sleep(0)

    assert work.begun == 2
    jobs.cancel_all()


async def test_a_job_that_nobody_wants_any_more_is_broken_off() -> None:
    jobs, work = RunJobs(), Work()
    jobs.start(OpenPullRequest, work, work.wake)
    await asyncio.sleep(0)
    (task,) = jobs.tasks

    jobs.cancel(OpenPullRequest)

    with pytest.raises(asyncio.CancelledError):
        await task
    assert not work.woken.is_set()


@pytest.mark.parametrize(
    ("error", "failures", "seconds"),
    [
        (OSError("no"), 1, 0.2),
        (OSError("no"), 4, 1.6),
        (OSError("no"), 50, 30.0),
        (ForgeUnavailable("busy"), 1, 0.2),
        (ForgeUnavailable("busy", retry_after=60.0), 1, 60.0),
        (ForgeUnavailable("busy", retry_after=1.0), 50, 30.0),
        (ForgeUnavailable("busy", retry_after=86400.0), 1, 3600.0),
    ],
)
def test_the_pause_is_the_back_off_or_what_the_other_side_asks_for(
    error: Exception, failures: int, seconds: float
) -> None:
    assert pause_after(error, failures) == seconds


async def report_commits(world: ManyRuns) -> None:
    """Let every agent report a commit, of which a pull request is to be made."""
    for name in world.pods():
        metadata = world.server.read(f"{PODS}/{name}")["metadata"]
        sidecar = Sidecar(Caller(NAMESPACE, name, metadata["uid"]))
        sidecar.say(Hello())
        await sidecar.call(world.leader.relay)
        await sidecar.call(world.leader.relay)
        through = sidecar.delivered
        sidecar.say(
            Finished(Outcome.COMPLETED, "", "Done.", through, "b", head_sha="head", commits=1)
        )
        await sidecar.call(world.leader.relay)


async def test_a_forge_that_never_answers_holds_nothing_up_while_fifty_runs_finish() -> None:
    world = await begun(50, cap=50)
    await report_commits(world)
    await world.leader.hear_of_changes()
    forge = asyncio.Event()
    opened = world.forge.open
    waiting = 0

    async def black_hole(*facts: object) -> object:
        nonlocal waiting
        waiting += 1
        await forge.wait()
        return await opened(*facts)  # type: ignore[arg-type]

    world.forge.open = black_hole  # type: ignore[method-assign, assignment]
    keys = world.leader.cache.runs.keys()

    # Each of these would hold a worker for as long as the forge is silent.
    async with asyncio.timeout(DEADLINE * 6):
        for key in keys:
            await world.leader.reconciler.reconcile(key)
        stop = {"spec": {"desiredState": "Stopped"}}
        await world.server.client().patch(resources.agentruns(*keys[0]), stop)
        await world.leader.hear_of_changes()
        await world.leader.reconciler.reconcile(keys[0])

    assert waiting == 50
    assert world.reasons()[keys[0][1]] == "StoppedByUser"
    forge.set()
    await world.settle()
    assert set(world.phases().values()) == {Phase.SUCCEEDED, Phase.STOPPED}
