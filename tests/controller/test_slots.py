"""Facts of slots: each belongs to a pod, and what Kubernetes does not take yet is waited for."""

import datetime as dt
from typing import Any

import pytest

from deputy.core.phase import Phase
from deputy.core.pod_delay import NOTE_AFTER
from deputy.kube import resources
from deputy.kube.client import MERGE
from deputy.kube.errors import KubeError, error_of
from deputy.trackers.updates import PostActivity
from deputy.wire import Thought
from tests.controller.many_runs import NAMESPACE, ManyRuns, begun

FIRST, SECOND = "linear-01-1", "linear-02-1"


async def test_twenty_queued_runs_all_succeed_where_a_quota_equals_the_cap() -> None:
    world = await begun(20, cap=2, quota=2)

    await world.until_all_are_over()

    assert set(world.phases().values()) == {Phase.SUCCEEDED}
    assert world.most_pods == 2
    assert world.server.refusals == 0


async def test_runs_wait_for_a_quota_below_the_cap_and_all_succeed() -> None:
    world = await begun(6, cap=3, quota=1)

    await world.until_all_are_over()

    assert set(world.phases().values()) == {Phase.SUCCEEDED}
    assert world.most_pods == 1


async def test_a_slot_is_free_when_the_pod_is_gone_not_when_the_end_is_decided() -> None:
    world = await begun(2, cap=1)

    await world.agents_finish()
    decided = world.phases()
    world.server.end_deleted_pods()
    await world.settle()

    assert decided == {FIRST: Phase.SUCCEEDED, SECOND: Phase.QUEUED}
    assert world.phases()[SECOND] is Phase.LAUNCHING


async def test_the_slot_of_a_deleted_run_is_free_at_once_when_its_pod_is_gone() -> None:
    world = await begun(2, cap=1)

    await world.server.client().delete(resources.agentruns(NAMESPACE, FIRST))
    await world.settle()
    before = world.phases()
    world.server.collect_garbage()
    world.server.end_deleted_pods()
    await world.settle()

    assert before == {SECOND: Phase.QUEUED}
    assert world.phases() == {SECOND: Phase.LAUNCHING}


async def test_a_pod_that_no_node_clears_up_gives_its_slot_back_as_quotas_do() -> None:
    world = await begun(2, cap=1)
    await world.agents_finish()

    world.now += dt.timedelta(minutes=2)
    await world.second_passes()

    assert len(world.pods()) == 2
    assert world.phases()[SECOND] is Phase.LAUNCHING


def said_in(world: ManyRuns, session: str) -> list[str]:
    told = (one for one in world.tracker.activities.values() if one.session_id == session)
    return [one.content.body for one in told if _is_lasting_thought(one)]  # type: ignore[union-attr]


def _is_lasting_thought(activity: PostActivity) -> bool:
    return isinstance(activity.content, Thought) and not activity.content.ephemeral


@pytest.mark.parametrize(
    ("status", "message", "reason"),
    [
        (403, "pods is forbidden: exceeded quota: agents", "QuotaExceeded"),
        (403, 'violates PodSecurity "restricted:latest"', "PodForbidden"),
        (401, "Unauthorized", "PodForbidden"),
        (409, "the object has been modified", "PodNotCreated"),
        (500, "failed calling webhook", "PodNotCreated"),
        (503, "no healthy upstream", "PodNotCreated"),
    ],
)
async def test_a_pod_that_is_refused_for_now_is_waited_for_and_said_once(
    status: int, message: str, reason: str
) -> None:
    world = ManyRuns(1, cap=1)
    world.server.faults.fail("create", "pods", status, message, times=5)
    await world.begin()
    before = world.reasons()

    for _ in range(NOTE_AFTER.seconds + 1):
        await world.second_passes()
    noted = world.leader.cache.runs.get(NAMESPACE, FIRST)

    assert before == {FIRST: "Admitted"}
    assert noted is not None
    assert (noted.status.phase, noted.status.reason) == (Phase.CLAIMED, reason)
    assert message in noted.status.message
    assert [message in text for text in said_in(world, "session-1")] == [False, True]
    for _ in range(30):
        await world.second_passes()
    assert world.pods() == [f"{FIRST}-1"]
    assert world.phases() == {FIRST: Phase.LAUNCHING}


def is_refused(world: ManyRuns, status: int, message: str) -> None:
    """Have every write to the status of the first run refused."""
    patch = world.leader.kube.patch

    async def refuse(path: str, body: Any, kind: str = MERGE) -> dict[str, Any]:
        if path.endswith(f"{FIRST}/status"):
            raise error_of(status, "", message)
        return await patch(path, body, kind)

    world.leader.kube.patch = refuse  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (422, "status.message: Too long"),
        (413, "Request entity too large"),
        (500, "etcdserver: request is too large"),
    ],
)
async def test_a_head_whose_status_is_refused_lets_the_next_one_pass_and_says_so(
    status: int, message: str
) -> None:
    world = ManyRuns(3, cap=1)
    is_refused(world, status, message)

    with pytest.raises(KubeError, match=message):
        await world.begin()
    await world.leader.rest()
    await world.leader.reconciler.reconcile((NAMESPACE, SECOND))

    assert world.phases()[SECOND] is Phase.LAUNCHING
    assert (NAMESPACE, SECOND) in world.leader.looks
    assert any(message in text for text in said_in(world, "session-1"))


async def test_a_head_that_is_written_again_gets_its_turn() -> None:
    world = ManyRuns(2, cap=2)
    is_refused(world, 422, "no")
    with pytest.raises(KubeError, match="no"):
        await world.begin()
    world.leader.kube.patch = type(world.leader.kube).patch.__get__(world.leader.kube)  # type: ignore[method-assign]

    await world.second_passes()

    assert set(world.phases().values()) == {Phase.LAUNCHING}
    assert world.leader.slots.unwritable == set()


async def test_a_head_that_is_being_deleted_lets_the_next_one_pass() -> None:
    world = ManyRuns(2, cap=1)
    head = resources.agentruns(NAMESPACE, FIRST)
    client = world.server.client()
    await client.patch(head, {"metadata": {"finalizers": ["example.com/held"]}})
    await client.delete(head)

    await world.begin()

    assert world.phases() == {FIRST: Phase.QUEUED, SECOND: Phase.LAUNCHING}


async def test_a_head_that_is_deleted_while_others_wait_lets_them_pass_at_once() -> None:
    world = await begun(3, cap=1)
    client = world.server.client()
    for name in (FIRST, SECOND):
        path = resources.agentruns(NAMESPACE, name)
        await client.patch(path, {"metadata": {"finalizers": ["example.com/held"]}})
    await client.delete(resources.agentruns(NAMESPACE, SECOND))
    await world.settle()

    await world.agents_finish()
    world.server.end_deleted_pods()
    await world.settle()

    assert world.phases()["linear-03-1"] is Phase.LAUNCHING


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (422, "spec.containers: Required value"),
        (403, 'pods "a" is forbidden: pod rejected: RuntimeClass "none" not found'),
    ],
)
async def test_what_the_blueprint_has_wrong_is_a_refusal(status: int, message: str) -> None:
    world = ManyRuns(1, cap=1)
    world.server.faults.fail("create", "pods", status, message)

    await world.begin()

    assert world.reasons() == {FIRST: "PodRefused"}
    assert world.phases() == {FIRST: Phase.FAILED}
