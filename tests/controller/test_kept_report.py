"""A report outlives the leader that heard it and the pod that gave it, whatever Linear does."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from deputy.core.phase import Phase
from deputy.core.reason import RunReason
from deputy.trackers.updates import Update
from deputy.wire import Finished, Outcome, Thought
from tests.controller.outside import Sidecar
from tests.controller.run_world import FIRST, RUN, World


class AwayTracker:
    """A tracker that takes nothing while it is away."""

    def __init__(self, world: World) -> None:
        self._take = world.tracker.submit
        self.waiting: list[tuple[Update, asyncio.Future[str]]] = []
        self.away = True

    def submit(self, update: Update) -> asyncio.Future[str]:
        if not self.away:
            return self._take(update)
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.waiting.append((update, future))
        return future

    def come_back(self) -> None:
        self.away = False
        for update, future in self.waiting:
            _ = self._take(update)
            if not future.done():
                future.set_result("")


async def working(monkeypatch: pytest.MonkeyPatch) -> tuple[World, Sidecar, AwayTracker]:
    """Return a world whose agent works, and whose tracker has gone away just now."""
    monkeypatch.setattr("deputy.relay.service._BATCH_TIMEOUT", 0.01)
    world = await World.begun()
    for happens in FIRST:
        await happens(world)
        await world.settle()
    assert world.phase is Phase.RUNNING
    sidecar = world.sidecar()
    assert sidecar is not None
    tracker = AwayTracker(world)
    monkeypatch.setattr(world.tracker, "submit", tracker.submit)
    return world, sidecar, tracker


def report(world: World, sidecar: Sidecar, outcome: Outcome = Outcome.COMPLETED) -> Finished:
    branch = world.run.status.branch
    return Finished(outcome, "", "Done.", sidecar.delivered, branch, "head-1", 1)


async def reports(world: World, sidecar: Sidecar) -> None:
    sidecar.say(Thought("Nearly there."))
    sidecar.say(report(world, sidecar))
    await sidecar.call(world.leader.relay)


async def test_a_report_is_in_the_status_as_soon_as_it_arrives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, sidecar, _ = await working(monkeypatch)
    before = world.writes

    await reports(world, sidecar)
    await sidecar.call(world.leader.relay)

    kept = world.run.status.report
    assert kept is not None
    assert (kept.outcome, kept.head_sha, kept.branch) == (
        "Completed",
        "head-1",
        "deputy/linear-abc",
    )
    assert kept.delivered_through == "task-1"
    assert world.writes == before + 1


Loss = Callable[[World], Awaitable[None]]


@pytest.mark.parametrize(
    "losses",
    [
        (World.pod_vanishes,),
        (World.pod_fails,),
        (World.leader_dies, World.pod_vanishes),
        (World.pod_vanishes, World.leader_dies),
        (World.node_is_drained, World.deleted_pods_go, World.leader_dies),
        (World.minute_passes, World.minute_passes),
        (World.hour_passes,),
    ],
    ids=lambda losses: ", ".join(loss.__name__ for loss in losses),
)
async def test_a_pushed_branch_becomes_a_pull_request_whatever_is_lost(
    monkeypatch: pytest.MonkeyPatch, losses: tuple[Loss, ...]
) -> None:
    world, sidecar, tracker = await working(monkeypatch)
    await reports(world, sidecar)

    for loss in losses:
        await loss(world)
    async with asyncio.timeout(5):
        await look(world)

    assert world.outcome is not None
    if losses != (World.hour_passes,):
        assert world.outcome.reason is RunReason.PULL_REQUEST_OPENED
        assert world.forge.branches == {"deputy/linear-abc"}
    assert "deputy/linear-abc" in world.outcome.text or "https://forge/pr/1" in world.outcome.text
    assert world.run.status.report is None

    tracker.come_back()
    await world.drain()
    assert len(world.tracker.closing) == 1


async def look(world: World) -> None:
    """Let the leader look until the end is recorded; the tracker has nothing yet."""
    while world.outcome is None:
        await asyncio.sleep(0)
        await world.leader.hear_of_changes()
        await world.leader.reconciler.reconcile(("agents", "linear-abc-1"))


async def test_a_report_that_people_have_answered_does_not_end_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, sidecar, _ = await working(monkeypatch)
    await reports(world, sidecar)
    await prompt(world, "more")

    await world.minute_passes()
    await world.minute_passes()
    await world.leader.hear_of_changes()
    await world.leader.reconciler.reconcile(("agents", "linear-abc-1"))

    assert world.outcome is None


async def prompt(world: World, message: str) -> None:
    entry = {"id": message, "kind": "Prompt", "text": "And this."}
    await world.server.client().patch(RUN, {"spec": {"inbox": [entry]}})
    await world.leader.hear_of_changes()


@pytest.mark.parametrize("leader_dies", [False, True])
async def test_what_the_agent_was_given_is_not_called_undelivered(
    monkeypatch: pytest.MonkeyPatch,
    leader_dies: bool,  # noqa: FBT001
) -> None:
    world, sidecar, tracker = await working(monkeypatch)
    tracker.come_back()
    await prompt(world, "more")
    await world.sidecar_connects()
    assert sidecar.delivered == "more"

    if leader_dies:
        await world.leader_dies()
    await world.pod_vanishes()
    await world.settle()

    assert world.outcome is not None
    assert world.outcome.reason is RunReason.POD_DISAPPEARED
    assert "did not reach" not in world.outcome.text


async def test_the_report_of_an_older_turn_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world, sidecar, tracker = await working(monkeypatch)
    await reports(world, sidecar)
    await prompt(world, "more")
    await world.sidecar_connects()
    assert sidecar.delivered == "more"
    assert world.run.status.report is None

    await world.minute_passes()
    await world.person_stops()
    for _ in range(5):
        await world.leader.hear_of_changes()
        await world.leader.reconciler.reconcile(("agents", "linear-abc-1"))
        await asyncio.sleep(0)

    assert world.outcome is None, "the work of the newer turn is not saved yet"
    tracker.come_back()
