"""What the facts about the API server need: an API server, fake or real, and objects for it."""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.errors import AlreadyExists, NotFound
from tests.support.api_server import ApiServer

ENTRY = {"id": "a", "kind": "Prompt", "text": "Hurry."}
#: No node of any cluster, so nothing but the API server ever touches a pod that is bound to it.
NOWHERE = "nowhere"


@dataclasses.dataclass(frozen=True, slots=True)
class Api:
    """An API server with a namespace for one test."""

    kube: Kube
    namespace: str
    #: None: it is the real one.
    fake: ApiServer | None = None

    def run(self, name: str = "") -> str:
        """Return the path of the namespace's runs, or of one."""
        return resources.agentruns(self.namespace, name)

    def pod(self, name: str = "") -> str:
        return resources.pods(self.namespace, name)

    def config_map(self, name: str = "") -> str:
        return resources.configmaps(self.namespace, name)

    def lease(self, name: str = "") -> str:
        return resources.leases(self.namespace, name)

    async def new_run(self, name: str = "run", **more: Any) -> dict[str, Any]:
        """Create a run."""
        return await self.kube.create(self.run(), run(name, **more))

    async def new_pod(self, name: str = "pod", **spec: Any) -> dict[str, Any]:
        """Create a pod."""
        await self.new_service_account()
        return await self.kube.create(self.pod(), pod(name, **spec))

    async def new_config_map(self, name: str = "map", **metadata: Any) -> dict[str, Any]:
        """Create a ConfigMap."""
        return await self.kube.create(self.config_map(), config_map(name, **metadata))

    async def new_service_account(self) -> None:
        """Create the service account that the pods name, where it is not there."""
        folder = f"/api/v1/namespaces/{self.namespace}/serviceaccounts"
        with contextlib.suppress(AlreadyExists):
            await self.kube.create(folder, {"metadata": {"name": "worker"}})

    async def is_gone(self, path: str) -> bool:
        """Say whether nothing is at `path`."""
        try:
            await self.kube.get(path)
        except NotFound:
            return True
        return False

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Return once it holds; the controllers of a cluster have a minute for it."""
        deadline = time.monotonic() + (60 if self.fake is None else 1)
        while not await holds():
            assert time.monotonic() < deadline
            if self.fake is None:
                await asyncio.sleep(0.2)
            else:
                self.fake.collect_garbage()

    async def watched(
        self, path: str, since: str, count: int, **params: str
    ) -> list[tuple[str, dict[str, Any]]]:
        """Return the next `count` events of a watch, without bookmarks."""
        events = []
        async with asyncio.timeout(10):
            async for event in self.kube.watch(path, since, **params):
                if event["type"] != "BOOKMARK":
                    events.append((event["type"], event["object"]))
                if len(events) == count:
                    break
        return events


def run(name: str = "run", **more: Any) -> dict[str, Any]:
    """Return the manifest of a run; what is not its spec's goes into the metadata."""
    metadata = {field: more.pop(field) for field in list(more) if field in _METADATA}
    return {
        "apiVersion": "deputy.dev/v1alpha1",
        "kind": "AgentRun",
        "metadata": {"name": name} | metadata,
        "spec": {"blueprintRef": {"name": "api"}, "prompt": "Fix the login."} | more,
    }


def pod(name: str = "pod", **spec: Any) -> dict[str, Any]:
    """Return the manifest of a pod that nothing runs."""
    container = {"name": "agent", "image": "localhost/none:1"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "containers": [container],
            "automountServiceAccountToken": False,
            "serviceAccountName": "worker",
        }
        | spec,
    }


def config_map(name: str = "map", **metadata: Any) -> dict[str, Any]:
    """Return the manifest of a ConfigMap."""
    return {"metadata": {"name": name} | metadata, "data": {"key": "value"}}


def owner(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the reference to an owner."""
    return {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "name": body["metadata"]["name"],
        "uid": body["metadata"]["uid"],
        "blockOwnerDeletion": True,
    }


def version_of(body: Mapping[str, Any]) -> int:
    """Return the resourceVersion of an object or a list."""
    return int(body["metadata"]["resourceVersion"])


def names_of(listed: Mapping[str, Any]) -> list[str]:
    """Return the names of a list's items, in its order."""
    return [item["metadata"]["name"] for item in listed["items"]]


_METADATA = ("labels", "annotations", "finalizers", "ownerReferences", "generateName", "uid")
