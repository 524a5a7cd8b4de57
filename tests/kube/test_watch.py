"""The watch stack on a server that closes one namespace and opens it again."""

import asyncio
import contextlib
import pathlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml
from aiohttp import web

from deputy.api.agentrun import AgentRun
from deputy.kube import watch as watching
from deputy.kube.cache import Cache
from deputy.kube.watch import watch
from deputy.processes.watched import watched_runs

GROUP = "/apis/deputy.dev/v1alpha1"
#: More than Kopf tries by itself.
ATTEMPTS = 20
DEADLINE = 20.0

RESOURCE = {
    "name": "agentruns",
    "singularName": "agentrun",
    "kind": "AgentRun",
    "namespaced": True,
    "verbs": ["get", "list", "watch", "patch"],
}
NAMESPACES = {"name": "namespaces", "singularName": "namespace", "kind": "Namespace"} | {
    "namespaced": False,
    "verbs": ["get", "list", "watch"],
}
VERSION = {"groupVersion": "deputy.dev/v1alpha1", "version": "v1alpha1"}
DISCOVERY: dict[str, Any] = {
    "/api": {"versions": ["v1"]},
    "/api/v1": {"resources": [NAMESPACES]},
    "/apis": {
        "groups": [{"name": "deputy.dev", "versions": [VERSION], "preferredVersion": VERSION}]
    },
    GROUP: {"resources": [RESOURCE]},
}


def body(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "deputy.dev/v1alpha1",
        "kind": "AgentRun",
        "metadata": {
            "namespace": namespace,
            "name": "by-hand",
            "uid": f"uid-{namespace}",
            "resourceVersion": "1",
            "creationTimestamp": "2026-11-21T09:00:00Z",
        },
        "spec": {"blueprintRef": {"name": "shell"}, "prompt": "say hello"},
    }


class Server:
    """An API server with one run in each namespace; `closed` answers 403 until it is opened."""

    def __init__(self) -> None:
        self.closed = True
        self.refused_often = asyncio.Event()
        self._refused = 0
        self._ended = asyncio.Event()

    def app(self) -> web.Application:
        app = web.Application()
        for path in DISCOVERY:
            app.router.add_get(path, self._discovery)
        app.router.add_get(f"{GROUP}/namespaces/{{namespace}}/agentruns", self._runs)
        return app

    def end(self) -> None:
        self._ended.set()

    async def _discovery(self, request: web.Request) -> web.Response:
        return web.json_response(DISCOVERY[request.path])

    async def _runs(self, request: web.Request) -> web.StreamResponse:
        namespace = request.match_info["namespace"]
        if namespace == "closed" and self.closed:
            self._refused += 1
            if self._refused >= ATTEMPTS:
                self.refused_often.set()
            status = {"kind": "Status", "apiVersion": "v1", "code": 403, "reason": "Forbidden"}
            return web.json_response(status, status=403)
        if "watch" not in request.query:
            items = [body(namespace)]
            return web.json_response({"metadata": {"resourceVersion": "1"}, "items": items})
        stream = web.StreamResponse()
        await stream.prepare(request)
        await self._ended.wait()
        return stream


@pytest.fixture
async def server(tmp_path: pathlib.Path) -> AsyncIterator[tuple[Server, pathlib.Path]]:
    """The server, and the kubeconfig that leads to it."""
    served = Server()
    runner = web.AppRunner(served.app(), shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    config = {
        "clusters": [
            {"name": "c", "cluster": {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}}
        ],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    yield served, path
    served.end()
    await runner.cleanup()


async def test_a_namespace_that_is_closed_to_us_ends_nothing_and_is_followed_once_it_is_open(
    server: tuple[Server, pathlib.Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_FIRST_BACKOFFS", ())
    monkeypatch.setattr(watching, "_BACKOFF", 0.01)
    monkeypatch.setenv("KUBECONFIG", "")
    served, kubeconfig = server
    cache, stop = Cache(), asyncio.Event()
    watched = watched_runs(cache.runs, _ignore, _ignore)
    following = asyncio.ensure_future(watch((watched,), ("closed", "open"), kubeconfig, stop))

    async def until(namespace: str) -> None:
        end = time.monotonic() + DEADLINE
        while cache.runs.get(namespace, "by-hand") is None and not following.done():
            assert time.monotonic() < end
            await asyncio.sleep(0.02)

    try:
        await until("open")
        await asyncio.wait_for(served.refused_often.wait(), DEADLINE)
        assert not following.done()
        assert cache.runs.get("closed", "by-hand") is None

        served.closed = False
        await until("closed")
        assert not following.done()
        assert cache.runs.get("closed", "by-hand") is not None
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


def _ignore(_: AgentRun) -> None:
    """Do nothing: the store tells."""
