"""Facts of a run that was begun while an earlier one of its issue was still ending."""

from typing import Any

from deputy.core.phase import Phase
from deputy.core.reason import RunReason
from deputy.kube import resources
from tests.controller.run_world import RUN, World
from tests.support.manifests import LINEAR, NAMESPACE, agent_run

EARLIER = "linear-abc-0"
PATH = resources.agentruns(NAMESPACE, EARLIER)


def earlier(phase: Phase) -> dict[str, Any]:
    status = {"phase": phase, "attempt": 1}
    return agent_run(EARLIER, status, blueprintRef={"name": "gone"}, linear=LINEAR)


async def follow_up(phase: Phase = Phase.RUNNING) -> World:
    """Return a world in which a slot is free, and an earlier run of the issue is in `phase`."""
    world = World()
    after = {"deputy.dev/after": f"{NAMESPACE}/{EARLIER}"}
    await world.server.client().patch(RUN, {"metadata": {"annotations": after}})
    world.server.seed(earlier(phase))
    await world.leader.begin()
    await world.slot_is_free()
    await world.settle()
    return world


async def end_earlier(world: World) -> None:
    await world.server.client().patch(f"{PATH}/status", {"status": {"phase": "Stopped"}})
    await world.settle()


async def test_it_does_not_start_before_the_earlier_one_is_over() -> None:
    world = await follow_up()

    assert (world.phase, world.run.status.reason) == (
        Phase.QUEUED,
        RunReason.WAITING_FOR_EARLIER_RUN,
    )
    assert world.pods == []
    assert EARLIER in world.run.status.message

    await end_earlier(world)

    assert world.phase.value == "Launching"


async def test_it_does_not_start_before_the_pod_of_the_earlier_one_is_gone() -> None:
    world = await follow_up()
    uid = world.server.read(PATH)["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "AgentRun", "name": EARLIER, "uid": uid}
    spec = {"containers": [{"name": "agent", "image": "agent"}]}
    pod = {"name": f"{EARLIER}-1", "namespace": NAMESPACE, "ownerReferences": [owner]}
    world.server.seed({"apiVersion": "v1", "kind": "Pod", "metadata": pod, "spec": spec})
    await end_earlier(world)
    assert world.phase.value == "Queued"

    path = resources.pods(NAMESPACE, f"{EARLIER}-1")
    await world.server.client().delete(path, gracePeriodSeconds=0)
    await world.settle()

    assert world.phase.value == "Launching"


async def test_its_session_is_told_once_what_it_waits_for() -> None:
    world = await follow_up()
    await end_earlier(world)
    await world.take_over()
    await world.settle()

    words = [getattr(one.content, "body", "") for one in world.tracker.activities.values()]
    assert [body for body in words if EARLIER in body] == [
        f"Noted. The run before this one ({EARLIER}) is still ending; I begin when it is over."
    ]


async def test_it_may_be_stopped_while_it_waits() -> None:
    world = await follow_up()

    await world.person_stops()
    await world.settle()

    assert world.phase is Phase.STOPPED


async def test_it_costs_two_writes_more_than_another_one() -> None:
    waited, other = await follow_up(), await follow_up(Phase.SUCCEEDED)

    await end_earlier(waited)

    assert waited.phase is other.phase
    assert waited.writes - other.writes == 2


async def test_a_run_that_its_blueprint_has_left_behind_keeps_nobody_waiting() -> None:
    world = await follow_up()
    stranded = {"phase": "Queued", "reason": "BlueprintNotFound"}
    await world.server.client().patch(f"{PATH}/status", {"status": stranded})

    await world.settle()

    assert world.phase is Phase.LAUNCHING
