"""Facts of leadership: who may take the Lease, and when a leader has to stop."""

import asyncio
import contextlib
import copy
import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any, cast

import pytest

from deputy.api.names import LEADER_LABEL
from deputy.kube.errors import AlreadyExists, Conflict, NotFound, Unavailable
from deputy.kube.leader import (
    Leadership,
    LeadershipLost,
    LeaseSettings,
    held_lease,
    is_free,
    mark_leader,
)

if TYPE_CHECKING:
    from deputy.kube.client import Kube

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
ME = LeaseSettings("deputy", "deputy-operator", "me")


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
    ("present", "unchanged", "free"),
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
    present: dict[str, Any],
    unchanged: float,
    free: bool,  # noqa: FBT001  a column of the table
) -> None:
    assert is_free(present, "me", dt.timedelta(seconds=unchanged)) is free


def test_a_new_holder_counts_a_transition_and_notes_when() -> None:
    written = held_lease(lease(), ME, NOW + dt.timedelta(minutes=1))

    assert written == {
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

    written = held_lease(mine, ME, NOW + dt.timedelta(seconds=2))

    renewed = mine["spec"] | {"renewTime": "2026-11-21T12:00:02.000000Z"}
    assert written == mine | {"spec": renewed}


def test_the_first_holder_of_all_has_a_whole_lease() -> None:
    assert held_lease({"metadata": {}}, ME, NOW)["spec"]["leaseTransitions"] == 1


def test_a_holder_stops_before_anybody_else_may_start() -> None:
    assert ME.renew_every < ME.deadline < ME.duration


class FakeKube:
    """One Lease as the API server keeps it, and what may go wrong with it."""

    def __init__(self, stored: dict[str, Any] | None = None) -> None:
        self.lease = stored
        self.broken: Exception | None = None
        self.writes = 0
        self.gate, self.asked = asyncio.Event(), asyncio.Event()
        self.gate.set()
        self.changed = asyncio.Condition()

    async def get(self, _path: str, **_: str) -> dict[str, Any]:
        if self.broken is not None:
            raise self.broken
        self.asked.set()
        await self.gate.wait()
        if self.lease is None:
            raise NotFound(404, "no lease")
        return copy.deepcopy(self.lease)

    async def create(self, _path: str, body: dict[str, Any]) -> dict[str, Any]:
        if self.lease is not None:
            raise AlreadyExists(409, "there is one")
        return await self.write(body)

    async def replace(self, _path: str, body: dict[str, Any]) -> dict[str, Any]:
        assert self.lease is not None
        known = self.lease["metadata"].get("resourceVersion")
        if body["metadata"].get("resourceVersion") != known:
            raise Conflict(409, "it has changed")
        return await self.write(body)

    async def write(self, body: dict[str, Any]) -> dict[str, Any]:
        self.writes += 1
        self.lease = copy.deepcopy(body)
        self.lease["metadata"]["resourceVersion"] = str(self.writes)
        async with self.changed:
            self.changed.notify_all()
        return copy.deepcopy(self.lease)

    @property
    def holder(self) -> Any:
        return None if self.lease is None else self.lease["spec"]["holderIdentity"]


def leadership(kube: FakeKube, identity: str = "me", *, quick: bool = False) -> Leadership:
    wanted = LeaseSettings("deputy", "deputy-operator", identity)
    if quick:
        wanted = dataclasses.replace(wanted, duration=0.2, renew_every=0.01)
    return Leadership(cast("Kube", kube), wanted)


async def test_the_first_one_leads_at_once() -> None:
    kube = FakeKube()

    await leadership(kube).acquire()

    assert kube.holder == "me"


async def test_of_two_that_want_it_at_once_one_leads() -> None:
    kube = FakeKube()

    results = await asyncio.gather(
        *(leadership(kube, name)._try_acquire_or_renew() for name in ("me", "you"))
    )

    assert sorted(results) == [False, True]


async def test_a_standby_leads_as_soon_as_the_leader_lets_go() -> None:
    kube = FakeKube()
    leader = leadership(kube, "you")
    await leader.acquire()
    standby = asyncio.create_task(leadership(kube, "me", quick=True).acquire())
    await leader.release()

    async with asyncio.timeout(5):
        await standby

    assert kube.holder == "me"


async def test_a_holder_whose_clock_is_years_slow_keeps_its_lease() -> None:
    kube = FakeKube(lease(renewTime="2020-01-01T00:00:00.000000Z"))

    assert not await leadership(kube)._try_acquire_or_renew()


async def test_a_lease_that_nobody_renews_is_taken_after_its_time() -> None:
    kube = FakeKube(lease(leaseDurationSeconds=0))

    async with asyncio.timeout(5):
        await leadership(kube, quick=True).acquire()

    assert kube.holder == "me"


async def test_letting_go_leaves_another_ones_lease_alone() -> None:
    kube = FakeKube(lease(holderIdentity="other"))

    await leadership(kube).release()

    assert kube.writes == 0


async def test_letting_go_is_no_trouble_where_nobody_answers() -> None:
    kube = FakeKube()
    kube.broken = Unavailable(0, "nobody answers")

    await leadership(kube).release()

    assert kube.writes == 0


@pytest.mark.parametrize("trouble", ["broken", "hangs", "taken"])
async def test_a_leader_that_cannot_renew_stops(trouble: str) -> None:
    kube = FakeKube()
    leader = leadership(kube, quick=True)
    await leader.acquire()
    if trouble == "broken":
        kube.broken = Unavailable(0, "nobody answers")
    elif trouble == "hangs":
        kube.gate.clear()
    else:
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        kube.lease = lease(holderIdentity="other", renewTime=now, leaseDurationSeconds=60)

    async with asyncio.timeout(5):
        with pytest.raises(LeadershipLost):
            await leader.renew()


async def test_a_leader_that_renews_goes_on() -> None:
    kube = FakeKube()
    leader = leadership(kube, quick=True)
    await leader.acquire()
    keeping = asyncio.create_task(leader.renew())

    async with asyncio.timeout(5), kube.changed:
        # More renewals than fit into the time after which a leader without any stops.
        await kube.changed.wait_for(lambda: kube.writes > 30)

    assert (keeping.done(), kube.holder) == (False, "me")
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping


async def test_a_slow_renewal_counts_from_when_it_was_asked_for() -> None:
    kube = FakeKube()
    leader = leadership(kube)
    kube.gate.clear()
    before = asyncio.get_running_loop().time()
    trying = asyncio.create_task(leader._try_acquire_or_renew())
    async with asyncio.timeout(5):
        await kube.asked.wait()
    asked = asyncio.get_running_loop().time()
    kube.gate.set()

    assert await trying
    assert before <= leader._renewed <= asked


class FakePods:
    """The operator's pods and their labels."""

    def __init__(self, **labels: str | None) -> None:
        self.labels = labels

    async def get(self, _path: str, **_: str) -> dict[str, Any]:
        marked = [name for name, value in self.labels.items() if value == "true"]
        return {"items": [{"metadata": {"name": name}} for name in marked]}

    async def patch(self, path: str, body: dict[str, Any]) -> None:
        name = path.rsplit("/", 1)[-1]
        if name not in self.labels:
            raise NotFound(404, "no such pod")
        self.labels[name] = body["metadata"]["labels"][LEADER_LABEL]


async def test_only_the_leader_carries_the_label() -> None:
    pods = FakePods(me=None, other="true", third=None)

    await mark_leader(cast("Kube", pods), "deputy", "me")

    assert pods.labels == {"me": "true", "other": None, "third": None}


async def test_a_pod_that_is_gone_needs_no_label() -> None:
    pods = FakePods(other="true")

    await mark_leader(cast("Kube", pods), "deputy", "me")

    assert pods.labels == {"other": None}
