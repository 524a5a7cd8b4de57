"""Facts of leadership: who may take the Lease, and when a leader has to stop."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest

from deputy.api.names import LEADER_LABEL
from deputy.kube import resources
from deputy.kube.leader import (
    Leadership,
    LeadershipLost,
    LeaseSettings,
    held_lease,
    is_free,
    mark_leader,
)
from tests.kube.promises import pod
from tests.support.api_server import ApiServer
from tests.support.waiting import until

pytestmark = pytest.mark.virtual_time

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
ME = LeaseSettings("deputy", "deputy-operator", "me")
YOU = LeaseSettings("deputy", "deputy-operator", "you")
LEASE = resources.leases("deputy", "deputy-operator")


def lease(**spec: Any) -> dict[str, Any]:
    base = {
        "holderIdentity": "other",
        "leaseDurationSeconds": 8,
        "renewTime": "2026-11-21T12:00:00.000000Z",
        "acquireTime": "2026-11-21T11:00:00.000000Z",
        "leaseTransitions": 3,
    }
    return {"metadata": {"name": "deputy-operator", "resourceVersion": "7"}, "spec": base | spec}


@pytest.mark.parametrize(
    ("held", "unchanged", "free"),
    [
        (lease(), 0, False),
        (lease(), 8, False),
        (lease(), 8.001, True),
        (lease(holderIdentity="me"), 0, True),
        (lease(holderIdentity=""), 0, True),
        (lease(holderIdentity=None), 0, True),
        (lease(renewTime=None), 0, True),
        (lease(leaseDurationSeconds=1), 2, True),
        (lease(leaseDurationSeconds=None), 1, True),
        ({"metadata": {}}, 0, True),
        ({"metadata": {}, "spec": None}, 0, True),
    ],
)
def test_a_lease_is_free_for_its_holder_or_once_it_has_run_out(
    held: dict[str, Any],
    unchanged: float,
    free: bool,  # noqa: FBT001  a column of the table
) -> None:
    assert is_free(held, "me", dt.timedelta(seconds=unchanged)) is free


def test_a_new_holder_counts_a_transition_and_notes_when() -> None:
    mine = held_lease(lease(), ME, NOW + dt.timedelta(minutes=1))

    assert mine == {
        "metadata": {"name": "deputy-operator", "resourceVersion": "7"},
        "spec": {
            "holderIdentity": "me",
            "leaseDurationSeconds": 8,
            "renewTime": "2026-11-21T12:01:00.000000Z",
            "acquireTime": "2026-11-21T12:01:00.000000Z",
            "leaseTransitions": 4,
        },
    }


def test_a_renewal_changes_nothing_but_its_time() -> None:
    mine = lease(holderIdentity="me")

    renewed = held_lease(mine, ME, NOW + dt.timedelta(seconds=2))

    spec = mine["spec"] | {"renewTime": "2026-11-21T12:00:02.000000Z"}
    assert renewed == mine | {"spec": spec}


def test_the_first_holder_of_all_has_a_whole_lease() -> None:
    assert held_lease({"metadata": {}}, ME, NOW)["spec"]["leaseTransitions"] == 1


def test_a_holder_stops_before_anybody_else_may_start() -> None:
    assert ME.renew_every < ME.deadline < ME.duration


@pytest.fixture
def server() -> ApiServer:
    return ApiServer("deputy")


def leadership(server: ApiServer, settings: LeaseSettings = ME) -> Leadership:
    return Leadership(server.client(), settings)


def held(server: ApiServer, **spec: Any) -> None:
    """Have the Lease be somebody else's."""
    metadata = {"name": "deputy-operator", "namespace": "deputy"}
    kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
    server.seed(lease(**spec) | kind | {"metadata": metadata})


def holder(server: ApiServer) -> str:
    name: str = server.read(LEASE)["spec"]["holderIdentity"]
    return name


def now() -> float:
    return asyncio.get_running_loop().time()


@contextlib.asynccontextmanager
async def going_on(work: Any) -> AsyncIterator["asyncio.Task[None]"]:
    """Have something go on that would not end by itself."""
    task = asyncio.create_task(work)
    yield task
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_the_first_one_leads_at_once(server: ApiServer) -> None:
    await leadership(server).acquire()

    assert holder(server) == "me"
    assert now() == 0


async def test_of_two_that_want_it_at_once_one_leads(server: ApiServer) -> None:
    async with (
        going_on(leadership(server, ME).acquire()) as mine,
        going_on(leadership(server, YOU).acquire()) as yours,
    ):
        await asyncio.sleep(ME.renew_every)

        assert [mine.done(), yours.done()] == [holder(server) == "me", holder(server) == "you"]
    assert [request.verb for request in server.requests].count("create") == 2


async def test_a_standby_leads_as_soon_as_the_leader_lets_go(server: ApiServer) -> None:
    leader = leadership(server, YOU)
    await leader.acquire()
    standby = asyncio.create_task(leadership(server).acquire())
    await asyncio.sleep(ME.renew_every * 1.25)
    assert not standby.done()

    await leader.release()
    await standby

    assert holder(server) == "me"
    assert now() < ME.duration


async def test_a_holder_whose_clock_is_years_slow_keeps_its_lease(server: ApiServer) -> None:
    held(server, renewTime="2020-01-01T00:00:00.000000Z")

    async with going_on(leadership(server).acquire()) as acquiring:
        await asyncio.sleep(ME.duration)

        assert not acquiring.done()
        assert holder(server) == "other"


async def test_a_lease_that_nobody_renews_is_taken_after_its_time(server: ApiServer) -> None:
    held(server, leaseDurationSeconds=60)

    await leadership(server).acquire()

    assert holder(server) == "me"
    assert 60 < now() <= 60 + ME.renew_every


async def test_letting_go_leaves_another_ones_lease_alone(server: ApiServer) -> None:
    held(server)
    before = server.read(LEASE)

    await leadership(server).release()

    assert server.read(LEASE) == before


async def test_letting_go_is_no_trouble_where_nobody_answers(server: ApiServer) -> None:
    leader = leadership(server)
    await leader.acquire()
    server.faults.drop("*", "leases", times=9)

    await leader.release()

    assert holder(server) == "me"


@pytest.mark.parametrize("why", ["nobody answers", "the API server hangs", "another one has it"])
async def test_a_leader_that_cannot_renew_stops_before_another_one_may_start(
    server: ApiServer, why: str
) -> None:
    leader = leadership(server)
    await leader.acquire()
    match why:
        case "nobody answers":
            server.faults.drop("*", "leases", times=1000)
        case "the API server hangs":
            server.faults.hold("*", "leases", times=1000)
        case _:
            server.patch(LEASE, {"spec": {"holderIdentity": "other", "leaseDurationSeconds": 60}})

    with pytest.raises(LeadershipLost):
        await leader.renew()

    assert now() < ME.duration


async def test_a_leader_that_renews_goes_on(server: ApiServer) -> None:
    leader = leadership(server)
    await leader.acquire()

    async with going_on(leader.renew()) as keeping:
        await asyncio.sleep(10 * ME.duration)

        assert (keeping.done(), holder(server)) == (False, "me")


async def test_a_slow_renewal_counts_from_when_it_was_asked_for(server: ApiServer) -> None:
    leader = leadership(server)
    await leader.acquire()
    server.faults.delay("update", "leases", 3, after_write=True)
    keeping = asyncio.create_task(leader.renew())
    await until(lambda: renewals(server) == 1)
    asked = now()
    server.faults.drop("update", "leases", times=1000)

    with pytest.raises(LeadershipLost):
        await keeping

    # The others count from when they have seen it, which is before its answer came.
    assert now() < asked + ME.duration


def renewals(server: ApiServer) -> int:
    return [request.verb for request in server.requests].count("update")


def pods(server: ApiServer, **labels: str) -> None:
    """Have pods of the operator, with or without the leader's label."""
    for name, value in labels.items():
        marked = {LEADER_LABEL: value} if value else {}
        metadata = {"name": name, "namespace": "deputy", "labels": marked}
        server.seed(pod() | {"metadata": metadata})


def labelled(server: ApiServer) -> dict[str, str | None]:
    """Return the leader's label of every pod."""
    items = [item["metadata"] for item in server.read(resources.pods("deputy"))["items"]]
    return {one["name"]: one.get("labels", {}).get(LEADER_LABEL) for one in items}


async def test_only_the_leader_carries_the_label(server: ApiServer) -> None:
    pods(server, me="", other="true", third="")

    await mark_leader(server.client(), "deputy", "me")

    assert labelled(server) == {"me": "true", "other": None, "third": None}


async def test_a_pod_that_is_gone_needs_no_label(server: ApiServer) -> None:
    pods(server, other="true")

    await mark_leader(server.client(), "deputy", "me")

    assert labelled(server) == {"other": None}
