"""The replicas of Deputy's own processes: which one leads, and what becomes of one that dies."""

import datetime as dt
from typing import Any

from deputy.kube import resources
from deputy.kube.client import Kube
from tests.cluster.processes import Process, container_of, fail_unless_seen, processes_of
from tests.cluster.runs import PATIENCE, Objects

COMPONENT = "app.kubernetes.io/component"
LEASE = "deputy-operator"


class Replicas:
    """The pods of one of Deputy's Deployments: `operator` or `webhook`."""

    def __init__(self, objects: Objects, component: str) -> None:
        self._objects = objects
        self._component = component
        self._selector = f"app.kubernetes.io/name=deputy,{COMPONENT}={component}"

    @property
    def _kube(self) -> Kube:
        return self._objects.kube

    async def pods(self) -> list[dict[str, Any]]:
        """Return the pods, those that are on their way out left out."""
        folder = resources.pods(self._objects.namespace)
        listed = await self._kube.get(folder, labelSelector=self._selector)
        pods = sorted(listed["items"], key=lambda pod: str(pod["metadata"]["name"]))
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    async def leader(self) -> dict[str, Any]:
        """Return the pod that holds the Lease, once one that stays does."""
        pods = {pod["metadata"]["name"]: pod for pod in await self.pods()}

        def holder(there: dict[str, dict[str, Any]]) -> str:
            return (there[LEASE]["spec"].get("holderIdentity") or "") if LEASE in there else ""

        there = await self._objects.until(
            resources.leases(self._objects.namespace),
            lambda there: holder(there) in pods,
            fieldSelector=f"metadata.name={LEASE}",
        )
        return pods[holder(there)]

    def process(self, pod: dict[str, Any]) -> Process:
        """Return the process that does the work of a pod."""
        container = container_of(pod, self._component)
        fail_unless_seen(container)
        return processes_of(container)[0]

    async def remove(self, pod: dict[str, Any]) -> None:
        """Delete a pod as if its node were gone: nobody is asked to end well."""
        path = resources.pods(self._objects.namespace, pod["metadata"]["name"])
        await self._kube.delete(path, gracePeriodSeconds=0)

    async def until_led(self, since: dt.datetime, within: float = PATIENCE) -> dt.timedelta:
        """Return how long after `since` somebody held the Lease again."""
        renewed = since

        def is_newer(there: dict[str, dict[str, Any]]) -> bool:
            nonlocal renewed
            spec = there[LEASE]["spec"] if LEASE in there else {}
            renewed = dt.datetime.fromisoformat(spec.get("renewTime") or since.isoformat())
            return bool(spec.get("holderIdentity")) and renewed > since

        folder = resources.leases(self._objects.namespace)
        await self._objects.until(folder, is_newer, within, fieldSelector=f"metadata.name={LEASE}")
        return renewed - since

    async def refresh(self, count: int = 2) -> None:
        """Replace those that were started again: the kubelet lets them wait ever longer.

        Returns once `count` pods are ready.
        """
        for pod in await self.pods():
            if _restarts(pod):
                path = resources.pods(self._objects.namespace, pod["metadata"]["name"])
                await self._kube.delete(path)
        folder = resources.pods(self._objects.namespace)
        await self._objects.until(
            folder,
            lambda there: sum(map(_is_fresh, there.values())) == count,
            labelSelector=self._selector,
        )

    async def scale(self, count: int) -> None:
        """Have `count` replicas; return once there are, and all are ready."""
        namespace = self._objects.namespace
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/deputy-{self._component}"
        await self._kube.patch(path, {"spec": {"replicas": count}})
        await self._objects.until(
            resources.pods(namespace),
            lambda there: len(there) == sum(map(_is_ready, there.values())) == count,
            labelSelector=self._selector,
        )


def _restarts(pod: dict[str, Any]) -> int:
    statuses = pod.get("status", {}).get("containerStatuses", ())
    return sum(one["restartCount"] for one in statuses)


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def _is_fresh(pod: dict[str, Any]) -> bool:
    return _is_ready(pod) and not _restarts(pod)
