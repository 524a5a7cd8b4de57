"""One Kubernetes client in a process of its own: what it costs to import, to call and to follow.

`python -m dev.bench.clients` starts it. It prints one JSON object a line, and follows until a line
comes on its standard input. Clients that are not ours are imported by name: they are no
dependencies of the project.
"""

import argparse
import asyncio
import base64
import contextlib
import gc
import importlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import yaml
from typing_extensions import override

#: Kopf imports these where they are installed; in our image they are not.
_ABSENT = ("kubernetes", "kubernetes_asyncio", "pykube")

#: What our processes have loaded whichever client they use.
_BASE = ("aiohttp", "httpx", "pydantic", "structlog", "yaml")

_GROUP, _VERSION, _PLURAL = "deputy.dev", "v1alpha1", "agentruns"
_STATUS = {"status": {"message": "works"}}

Take = Callable[[str, Mapping[str, Any]], None]


class Client(Protocol):
    """What is measured; objects are read and written as dictionaries."""

    async def get(self, name: str) -> None:
        """Read an AgentRun."""

    async def get_pod(self, name: str) -> None:
        """Read a pod."""

    async def create(self, body: dict[str, Any]) -> None:
        """Create an AgentRun."""

    async def patch(self, name: str) -> None:
        """Write the status of an AgentRun."""

    async def follow(self, take: Take) -> None:
        """List the AgentRuns and tell of every change, until cancelled."""


class Ours:
    """Our own client, with the few lines that list and watch."""

    def __init__(self, kube: Any, namespace: str) -> None:
        self._kube = kube
        self._runs = f"/apis/{_GROUP}/{_VERSION}/namespaces/{namespace}/{_PLURAL}"
        self._pods = f"/api/v1/namespaces/{namespace}/pods"

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, kubeconfig: Path, namespace: str) -> AsyncIterator[Client]:
        """Connect."""
        client = importlib.import_module("deputy.kube.client")
        connection = importlib.import_module("deputy.kube.kubeconfig").from_kubeconfig(kubeconfig)
        async with client.Kube(connection) as kube:
            yield cls(kube, namespace)

    async def get(self, name: str) -> None:
        """Read an AgentRun."""
        await self._kube.get(f"{self._runs}/{name}")

    async def get_pod(self, name: str) -> None:
        """Read a pod."""
        await self._kube.get(f"{self._pods}/{name}")

    async def create(self, body: dict[str, Any]) -> None:
        """Create an AgentRun."""
        await self._kube.create(self._runs, body)

    async def patch(self, name: str) -> None:
        """Write the status of an AgentRun."""
        await self._kube.patch(f"{self._runs}/{name}/status", _STATUS)

    async def follow(self, take: Take) -> None:
        """List the AgentRuns and tell of every change, until cancelled."""
        listed = await self._kube.get(self._runs)
        version = listed["metadata"]["resourceVersion"]
        for body in listed["items"]:
            take("LISTED", body)
        while True:
            async for event in self._kube.watch(self._runs, version):
                version = event["object"]["metadata"]["resourceVersion"]
                take(event["type"], event["object"])


class Kr8s:
    """kr8s, by its objects."""

    def __init__(self, api: Any, namespace: str) -> None:
        objects = importlib.import_module("kr8s.asyncio.objects")
        self._api = api
        self._namespace = namespace
        self._run: Any = objects.new_class(f"AgentRun.{_GROUP}/{_VERSION}", plural=_PLURAL)
        self._pod: Any = objects.Pod

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, kubeconfig: Path, namespace: str) -> AsyncIterator[Client]:
        """Connect."""
        kr8s = importlib.import_module("kr8s.asyncio")
        yield cls(await kr8s.api(kubeconfig=str(kubeconfig), namespace=namespace), namespace)

    async def _object(self, kind: Any, name: str) -> Any:
        return await kind({"metadata": {"name": name}}, namespace=self._namespace, api=self._api)

    async def get(self, name: str) -> None:
        """Read an AgentRun."""
        await (await self._object(self._run, name)).refresh()

    async def get_pod(self, name: str) -> None:
        """Read a pod."""
        await (await self._object(self._pod, name)).refresh()

    async def create(self, body: dict[str, Any]) -> None:
        """Create an AgentRun."""
        await (await self._run(body, namespace=self._namespace, api=self._api)).create()

    async def patch(self, name: str) -> None:
        """Write the status of an AgentRun."""
        await (await self._object(self._run, name)).patch(_STATUS, subresource="status")

    async def follow(self, take: Take) -> None:
        """Watch from the beginning: a list of kr8s does not tell its resourceVersion."""
        while True:
            async for kind, run in self._api.watch(self._run, namespace=self._namespace):
                take(kind, run.raw)


class KubernetesAsyncio:
    """kubernetes-asyncio: dictionaries for custom resources, models for pods."""

    def __init__(self, api: Any, namespace: str) -> None:
        client = importlib.import_module("kubernetes_asyncio.client")
        self._runs = client.CustomObjectsApi(api)
        self._pods = client.CoreV1Api(api)
        self._place = (_GROUP, _VERSION, namespace, _PLURAL)
        self._namespace = namespace

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, kubeconfig: Path, namespace: str) -> AsyncIterator[Client]:
        """Connect."""
        client = importlib.import_module("kubernetes_asyncio.client")
        config = importlib.import_module("kubernetes_asyncio.config")
        await config.load_kube_config(config_file=str(kubeconfig))
        async with client.ApiClient() as api:
            yield cls(api, namespace)

    async def get(self, name: str) -> None:
        """Read an AgentRun."""
        await self._runs.get_namespaced_custom_object(*self._place, name)

    async def get_pod(self, name: str) -> None:
        """Read a pod."""
        await self._pods.read_namespaced_pod(name, self._namespace)

    async def create(self, body: dict[str, Any]) -> None:
        """Create an AgentRun."""
        await self._runs.create_namespaced_custom_object(*self._place, body)

    async def patch(self, name: str) -> None:
        """Write the status of an AgentRun."""
        await self._runs.patch_namespaced_custom_object_status(
            *self._place, name, _STATUS, _content_type="application/merge-patch+json"
        )

    async def follow(self, take: Take) -> None:
        """List the AgentRuns and tell of every change, until cancelled."""
        watch = importlib.import_module("kubernetes_asyncio.watch")
        listed = await self._runs.list_namespaced_custom_object(*self._place)
        for body in listed["items"]:
            take("LISTED", body)
        version = listed["metadata"]["resourceVersion"]
        listing = self._runs.list_namespaced_custom_object
        async with watch.Watch() as watching:
            async for event in watching.stream(listing, *self._place, resource_version=version):
                take(event["type"], event["object"])


class Kopf:
    """`kopf.operator()` with one `on.event`; its client of the API is not public."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._kubeconfig = kubeconfig
        self._namespace = namespace

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, kubeconfig: Path, namespace: str) -> AsyncIterator["Kopf"]:
        """Connect later, when following."""
        yield cls(kubeconfig, namespace)

    async def follow(self, take: Take) -> None:
        """List the AgentRuns and tell of every change, until cancelled."""
        await self._operator(take, None)

    async def _operator(self, take: Take, stop: asyncio.Event | None) -> None:
        kopf = importlib.import_module("kopf")
        registry = kopf.OperatorRegistry()
        settings = kopf.OperatorSettings()
        settings.posting.enabled = False
        settings.scanning.disabled = True
        settings.peering.standalone = True

        def login(**_: Any) -> Any:
            return kopf.ConnectionInfo(**_connection_info(self._kubeconfig))

        async def changed(event: Any, **_: Any) -> None:
            take(event["type"] or "LISTED", event["object"])

        kopf.on.login(registry=registry)(login)
        kopf.on.event(_GROUP, _VERSION, _PLURAL, registry=registry)(changed)
        await kopf.operator(
            registry=registry,
            settings=settings,
            namespaces=(self._namespace,),
            standalone=True,
            stop_flag=stop,
        )


class KopfInThread(Kopf):
    """The same in a thread and a loop of its own: its end cancels nothing of ours."""

    @override
    async def follow(self, take: Take) -> None:
        """List the AgentRuns and tell of every change, until cancelled."""
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        loops: list[asyncio.AbstractEventLoop] = []

        def told(kind: str, body: Mapping[str, Any]) -> None:
            loop.call_soon_threadsafe(take, kind, body)

        async def operator() -> None:
            loops.append(asyncio.get_running_loop())
            await self._operator(told, stop)

        try:
            await asyncio.to_thread(asyncio.run, operator())
        finally:
            loops[0].call_soon_threadsafe(stop.set)


def _connection_info(kubeconfig: Path) -> dict[str, Any]:
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    return {
        "server": cluster["server"],
        "ca_data": base64.b64decode(cluster["certificate-authority-data"]),
        "certificate_data": base64.b64decode(user["client-certificate-data"]),
        "private_key_data": base64.b64decode(user["client-key-data"]),
    }


#: What is measured: how to connect, and what has to be imported for it.
CLIENTS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "ours": (Ours, ("deputy.kube.client", "deputy.kube.kubeconfig")),
    "kr8s": (Kr8s, ("kr8s.asyncio", "kr8s.asyncio.objects")),
    "kubernetes-asyncio": (
        KubernetesAsyncio,
        tuple(f"kubernetes_asyncio.{part}" for part in ("client", "config", "watch")),
    ),
    "kopf": (Kopf, ("kopf",)),
    "kopf-in-thread": (KopfInThread, ("kopf",)),
}


def megabytes() -> float:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def imported(modules: tuple[str, ...]) -> dict[str, float]:
    """Import a client; return what that took beyond what our processes have anyway."""
    if "kopf" in modules:
        for name in _ABSENT:
            # Importing what is None here fails as if it were not installed.
            sys.modules[name] = None  # type: ignore[assignment]
    for module in _BASE:
        importlib.import_module(module)
    before, began = megabytes(), time.process_time()
    for module in modules:
        importlib.import_module(module)
    return {
        "base_mb": before,
        "import_mb": megabytes() - before,
        "import_seconds": time.process_time() - began,
    }


async def called(client: Client, body: dict[str, Any], calls: int) -> dict[str, float]:
    """Return the processor time of one call of each kind, in microseconds."""
    name = body["metadata"]["name"]
    bodies = [body | {"metadata": {"name": f"{name}-{number}"}} for number in range(calls)]
    fresh = iter(bodies)
    figures = {
        "create": await _timed(lambda: client.create(next(fresh)), calls),
        "get": await _timed(lambda: client.get(f"{name}-0"), calls),
        "get_pod": await _timed(lambda: client.get_pod("pod"), calls),
    }
    # A patch that changes nothing is answered without a write, and costs the client the same.
    figures["patch"] = await _timed(lambda: client.patch(f"{name}-0"), calls)
    return figures


async def _timed(call: Callable[[], Awaitable[None]], calls: int) -> float:
    began = time.process_time()
    for _ in range(calls):
        await call()
    return (time.process_time() - began) / calls * 1e6


class Seen:
    """What a follower has seen."""

    def __init__(self, wanted: int) -> None:
        self.complete = asyncio.Event()
        self._wanted = wanted
        self.objects: dict[str, Mapping[str, Any]] = {}
        self.events = 0

    def take(self, kind: str, body: Mapping[str, Any]) -> None:
        """Take note of an event."""
        if kind == "BOOKMARK":
            return
        self.objects[body["metadata"]["uid"]] = body
        self.events += 1
        if len(self.objects) >= self._wanted:
            self.complete.set()


async def followed(client: Any, objects: int) -> None:
    """Follow so many objects until a line comes on the standard input; print what it took."""
    seen = Seen(objects)
    task = asyncio.create_task(client.follow(seen.take))
    await seen.complete.wait()
    gc.collect()
    print(json.dumps({"following": len(seen.objects)}), flush=True)
    seen.events = 0
    began = time.process_time()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    used = time.process_time() - began
    figures = {
        "events": seen.events,
        "event": used / max(seen.events, 1) * 1e6,
        "following_mb": megabytes(),
    }
    print(json.dumps(figures), flush=True)
    task.cancel()
    await asyncio.wait([task], timeout=10)


async def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("kubeconfig", type=Path)
    parser.add_argument("namespace")
    parser.add_argument("--calls", type=int, default=0)
    parser.add_argument("--objects", type=int, default=0)
    given = parser.parse_args()
    kind, modules = CLIENTS[given.client]
    print(json.dumps(imported(modules)), flush=True)
    async with kind.connected(given.kubeconfig, given.namespace) as client:
        if given.calls:
            body = json.loads(sys.stdin.readline())
            print(json.dumps(await called(client, body, given.calls)), flush=True)
        if given.objects:
            await followed(client, given.objects)


if __name__ == "__main__":
    asyncio.run(main())
