"""The fake API server on a port of the loopback, for clients that are not ours."""

import contextlib
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.api_server import ApiServer
from tests.support.apiserver.exchange import Answer, Request
from tests.support.apiserver.faults import Faults
from tests.support.apiserver.kinds import Kind, served

_VERBS = ["get", "list", "watch", "create", "update", "patch", "delete"]


@contextlib.asynccontextmanager
async def serving(server: ApiServer) -> AsyncIterator[str]:
    """Serve until the context ends; yield the address. The server's faults happen here too."""
    app = web.Application(client_max_size=4 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", _Handler(server, server.faults).handle)
    running = TestServer(app)
    await running.start_server(shutdown_timeout=0.1)
    try:
        yield str(running.make_url("")).rstrip("/")
    finally:
        server.end_watches()
        await running.close()


class _Handler:
    """Carries requests and answers over HTTP."""

    def __init__(self, server: ApiServer, faults: Faults) -> None:
        self._server = server
        self._faults = faults

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if (discovered := _discovery(request.path)) is not None:
            return web.json_response(discovered)
        asked = Request(
            request.method,
            request.path,
            dict(request.query),
            await request.read(),
            request.content_type,
        )
        try:
            answer = await self._faults.before(asked) or self._server.handle(asked)
            await self._faults.after(asked, answer)
        except aiohttp.ServerDisconnectedError:
            _hang_up(request)
            return web.Response()
        if answer.watch is None:
            return web.Response(body=answer.body, status=answer.status, headers=answer.headers)
        return await _streamed(request, answer)


async def _streamed(request: web.Request, answer: Answer) -> web.StreamResponse:
    assert answer.watch is not None
    stream = web.StreamResponse(headers=answer.headers)
    await stream.prepare(request)
    try:
        async for chunk in answer.watch.chunks():
            await stream.write(chunk)
    except aiohttp.ClientPayloadError:
        _hang_up(request)
    except ConnectionError:
        # The client has gone first.
        pass
    finally:
        answer.watch.close()
    return stream


def _hang_up(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _discovery(path: str) -> object:
    """Return what clients ask before they ask for objects, None where it is something else."""
    groups = sorted({kind.group for kind in served() if kind.group})
    match path.strip("/").split("/"):
        case ["version"]:
            return {"major": "1", "minor": "36", "gitVersion": "v1.36.3"}
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"]}
        case ["apis"]:
            return {"kind": "APIGroupList", "groups": [_group(group) for group in groups]}
        case ["api", version]:
            return _resources(version)
        case ["apis", group, version]:
            return _resources(f"{group}/{version}")
        case _:
            return None


def _group(group: str) -> dict[str, object]:
    versions = sorted({kind.version for kind in served() if kind.group == group})
    named = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": named, "preferredVersion": named[0]}


def _resources(api_version: str) -> dict[str, object]:
    kinds = [kind for kind in served() if kind.api_version == api_version]
    resources = [_resource(kind, "") for kind in kinds]
    resources += [_resource(kind, "/status") for kind in kinds if kind.has_status]
    return {"kind": "APIResourceList", "groupVersion": api_version, "resources": resources}


def _resource(kind: Kind, subresource: str) -> dict[str, object]:
    return {
        "name": kind.plural + subresource,
        "singularName": kind.name.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.name,
        "verbs": ["get", "patch", "update"] if subresource else _VERBS,
    }
