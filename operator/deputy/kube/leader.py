"""One leader, by a Lease; a warm standby waits for it.

A leader that cannot renew in time must assume that another one leads: its process exits. The
relay's Service finds the leader by a label that the leader puts on its own pod.
"""

import asyncio
import dataclasses
import datetime as dt
from typing import Any

import structlog

from deputy.api.meta import micro_timestamp
from deputy.api.names import LEADER_LABEL
from deputy.errors import DeputyError
from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from deputy.log import described

_LOG = structlog.stdlib.get_logger(__name__)


class LeadershipLost(DeputyError):
    """Another process may lead now; this one must not touch anything any more."""


@dataclasses.dataclass(frozen=True, slots=True)
class LeaseSettings:
    """Whose Lease it is and how long it holds."""

    namespace: str
    name: str
    identity: str
    duration: float = 8.0
    renew_every: float = 2.0

    @property
    def deadline(self) -> float:
        """Seconds without a renewal after which the holder must stop: before others may start."""
        return self.duration * 0.7


def is_free(lease: dict[str, Any], identity: str, unchanged: dt.timedelta) -> bool:
    """Say whether `identity` may take `lease`: it holds it, nobody does, or it has run out.

    `unchanged` is for how long the asker has seen this very renewal, by its own clock: what the
    holder's clock says may be wrong on another node.
    """
    spec = lease.get("spec") or {}
    holder = spec.get("holderIdentity")
    if not holder or holder == identity or not spec.get("renewTime"):
        return True
    return unchanged > dt.timedelta(seconds=spec.get("leaseDurationSeconds") or 0)


def held_lease(lease: dict[str, Any], settings: LeaseSettings, now: dt.datetime) -> dict[str, Any]:
    """Return `lease` as its holder writes it; the resourceVersion in it makes one winner."""
    spec = dict(lease.get("spec") or {})
    new_holder = spec.get("holderIdentity") != settings.identity
    renewed = micro_timestamp(now)
    spec |= {
        "holderIdentity": settings.identity,
        # Kubernetes wants whole seconds.
        "leaseDurationSeconds": max(1, round(settings.duration)),
        "renewTime": renewed,
        "acquireTime": renewed if new_holder else spec.get("acquireTime", renewed),
        "leaseTransitions": (spec.get("leaseTransitions") or 0) + new_holder,
    }
    return {**lease, "spec": spec}


class Leadership:
    """One process's part in the election of a leader, by one Lease."""

    def __init__(self, kube: Kube, settings: LeaseSettings) -> None:
        self._kube = kube
        self._settings = settings
        self._path = resources.leases(settings.namespace, settings.name)
        self._renewed = 0.0
        self._seen: tuple[str | None, str | None] = (None, None)
        self._seen_at = 0.0

    async def acquire(self) -> None:
        """Return once this process leads; waits for as long as another one does."""
        logged = False
        while not await self._try_acquire_or_renew():
            if not logged:
                _LOG.info("another operator leads; standing by", lease=self._settings.name)
                logged = True
            await asyncio.sleep(self._settings.renew_every / 2)
        _LOG.info("this operator leads", identity=self._settings.identity)

    async def renew(self) -> None:
        """Renew until cancelled; raise `LeadershipLost` when that fails for too long."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._settings.renew_every)
            left = self._renewed + self._settings.deadline - loop.time()
            if left <= 0:
                raise LeadershipLost("the lease could not be renewed in time")
            await self._try_acquire_or_renew(left)

    async def release(self) -> None:
        """Let the standby start at once; best effort, for the lease runs out anyway."""
        try:
            lease = await self._kube.get(self._path)
            if (lease.get("spec") or {}).get("holderIdentity") == self._settings.identity:
                spec = {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
                await self._kube.replace(self._path, {**lease, "spec": spec})
        except KubeError as error:
            _LOG.info("could not release the lease", error=str(error))

    async def _try_acquire_or_renew(self, seconds: float = 5.0) -> bool:
        # The time in the Lease is the one before the request, however long that takes.
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(seconds):
                if not await self._acquire_or_renew():
                    return False
        except (Conflict, AlreadyExists):
            return False
        except (KubeError, TimeoutError) as error:
            _LOG.warning("no word on the lease", error=described(error))
            return False
        self._renewed = began
        return True

    def _unchanged(self, lease: dict[str, Any]) -> dt.timedelta:
        """Return for how long this renewal has been seen, nothing at its first sight."""
        spec = lease.get("spec") or {}
        seen = (spec.get("holderIdentity"), spec.get("renewTime"))
        now = asyncio.get_running_loop().time()
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        return dt.timedelta(seconds=now - self._seen_at)

    async def _acquire_or_renew(self) -> bool:
        now = dt.datetime.now(dt.UTC)
        try:
            lease = await self._kube.get(self._path)
        except NotFound:
            lease = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self._settings.name, "namespace": self._settings.namespace},
            }
            path = resources.leases(self._settings.namespace)
            await self._kube.create(path, held_lease(lease, self._settings, now))
            return True
        if not is_free(lease, self._settings.identity, self._unchanged(lease)):
            return False
        await self._kube.replace(self._path, held_lease(lease, self._settings, now))
        return True


async def mark_leader(kube: Kube, namespace: str, pod: str) -> None:
    """Put the leader's label on `pod` and take it from every other pod that carries it."""
    path = resources.pods(namespace)
    marked = await kube.get(path, labelSelector=f"{LEADER_LABEL}=true")
    for other in marked["items"]:
        if other["metadata"]["name"] != pod:
            await _label(kube, namespace, other["metadata"]["name"], None)
    await _label(kube, namespace, pod, "true")


async def _label(kube: Kube, namespace: str, pod: str, value: str | None) -> None:
    try:
        patch = {"metadata": {"labels": {LEADER_LABEL: value}}}
        await kube.patch(resources.pods(namespace, pod), patch)
    except NotFound:
        # A pod that is gone has no label either.
        return
