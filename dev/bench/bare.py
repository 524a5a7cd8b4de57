"""What a bare client does: pods without Deputy, and a process that follows objects.

`python -m dev.bench.bare KUBECONFIG PATH...` follows and keeps what is at these paths.
"""

import asyncio
import contextlib
import copy
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from deputy.kube.client import Kube
from deputy.kube.errors import NotFound
from deputy.kube.kubeconfig import from_kubeconfig
from dev.bench.informer import Informer

_LABEL = "deputy-bench-bare"
_SECONDS = 60.0
_WAIT = "trap 'exit 0' TERM; while :; do sleep 3600 & wait; done"
_NOT_OURS = ("nodeName", "priority", "tolerations", "preemptionPolicy")


class Pods:
    """Bare pods in a namespace."""

    def __init__(self, kube: Kube, folder: str, informer: Informer) -> None:
        self._kube = kube
        self._folder = folder
        self._informer = informer

    async def create(self, manifest: dict[str, Any]) -> None:
        """Create a pod."""
        await self._kube.create(self._folder, manifest)

    def first_seen(self, name: str) -> float:
        """Return when the watch first showed a pod."""
        return self._informer.first_seen[name]

    async def running(self, name: str) -> dict[str, Any]:
        """Return a pod once its agent runs."""
        return await self._until(name, "running")

    async def said(self, name: str) -> str:
        """Return what a pod's agent has said in its life."""
        await self._until(name, "terminated")
        return await self._kube.text(f"{self._folder}/{name}/log", container="agent")

    async def delete(self, name: str, **options: Any) -> None:
        """Delete a pod."""
        with contextlib.suppress(NotFound):
            await self._kube.delete(f"{self._folder}/{name}", **options)

    async def gone(self, name: str) -> None:
        """Return once a pod is gone."""
        await self._informer.until(lambda objects: name not in objects, _SECONDS)

    async def remove(self, name: str) -> None:
        """Delete a pod, and return once it is gone."""
        await self.delete(name)
        await self.gone(name)

    async def _until(self, name: str, state: str) -> dict[str, Any]:
        objects = await self._informer.until(
            lambda objects: name in objects and state in _state(objects[name]), _SECONDS
        )
        return objects[name]


@contextlib.asynccontextmanager
async def pods(kube: Kube, namespace: str) -> AsyncIterator[Pods]:
    """Follow the bare pods of a namespace; those that are left in the end are deleted."""
    folder = f"/api/v1/namespaces/{namespace}/pods"
    async with Informer(kube, folder, labelSelector=f"app={_LABEL}").running() as informer:
        bare_pods = Pods(kube, folder, informer)
        try:
            yield bare_pods
        finally:
            for name in list(informer.objects):
                await bare_pods.delete(name, gracePeriodSeconds=1)


def pod(workspace: dict[str, Any], name: str, command: Sequence[str]) -> dict[str, Any]:
    """Return a pod as large as a workspace, in which nothing of ours runs but `command`."""
    spec = copy.deepcopy(workspace["spec"])
    for field in _NOT_OURS:
        spec.pop(field, None)
    for container in spec["initContainers"]:
        container.pop("args", None)
        waits = container.get("restartPolicy") == "Always"
        container["command"] = ["sh", "-c", _WAIT if waits else "exit 0"]
    (agent,) = spec["containers"]
    # The clone's folder is made by what is left out here.
    agent |= {"command": list(command), "workingDir": "/", "stdin": True}
    metadata = {"name": name, "labels": {"app": _LABEL}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


async def follow(kubeconfig: Path, folders: Sequence[str]) -> None:
    """Follow folders for ever, keeping what is there."""
    async with Kube(from_kubeconfig(kubeconfig)) as kube, contextlib.AsyncExitStack() as stack:
        for folder in folders:
            await stack.enter_async_context(Informer(kube, folder).running())
        print("following", flush=True)
        await asyncio.Event().wait()


def _state(pod: dict[str, Any]) -> dict[str, Any]:
    statuses = pod.get("status", {}).get("containerStatuses", ())
    state: dict[str, Any] = next((one["state"] for one in statuses if one["name"] == "agent"), {})
    return state


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(follow(Path(sys.argv[1]), sys.argv[2:]))
