"""Facts of the copy that follows the API server, against a server that does as it is told."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from deputy.kube.client import Connection, Kube
from deputy.kube.reflector import Reflector


def thing(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"uid": f"uid-{name}", "name": name, "resourceVersion": str(version)}}


def change(kind: str, name: str, version: int) -> dict[str, Any]:
    return {"type": kind, "object": thing(name, version)}


BOOKMARK = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "50"}}}
GONE = {"type": "ERROR", "object": {"code": 410, "message": "too old"}}


class Script:
    """A server whose lists and watches are written down; the last watch stays open."""

    def __init__(self) -> None:
        self.lists: list[Any] = []
        self.watches: list[list[Any]] = []
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            self.asked.append("list")
            found = self.lists.pop(0)
            return web.json_response(found) if isinstance(found, dict) else found
        self.asked.append(f"watch {request.query['resourceVersion']}")
        stream = web.StreamResponse()
        await stream.prepare(request)
        for event in self.watches.pop(0) if self.watches else []:
            await stream.write(json.dumps(event).encode() + b"\n")
        if not self.watches:
            await asyncio.sleep(60)
        return stream


def listed(version: int, *names: str) -> dict[str, Any]:
    items = [thing(name, version) for name in names]
    return {"metadata": {"resourceVersion": str(version)}, "items": items}


@pytest.fixture
def script() -> Script:
    return Script()


@contextlib.asynccontextmanager
async def following(script: Script) -> AsyncIterator[Reflector]:
    app = web.Application()
    app.router.add_get("/things", script.answer)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.1)
    async with Kube(Connection(str(server.make_url("")), None)) as kube:
        reflector = Reflector(kube, "/things")
        task = asyncio.create_task(reflector.run())
        yield reflector
        task.cancel()
        await asyncio.wait([task])
    await server.close()


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def names(reflector: Reflector) -> list[str]:
    return sorted(item["metadata"]["name"] for item in reflector.items())


async def test_it_lists_and_then_follows_every_change(script: Script) -> None:
    script.lists = [listed(10, "a", "b")]
    script.watches = [
        [change("ADDED", "c", 11), change("MODIFIED", "a", 12), change("DELETED", "b", 13)]
    ]

    async with following(script) as reflector:
        await until(lambda: names(reflector) == ["a", "c"])

        (a,) = (item for item in reflector.items() if item["metadata"]["name"] == "a")
        assert a == thing("a", 12)
        assert reflector.synced
        assert reflector.age() < 10
    assert script.asked == ["list", "watch 10"]


async def test_a_watch_that_ends_is_resumed_from_the_last_word_without_a_list(
    script: Script,
) -> None:
    script.lists = [listed(10, "a")]
    script.watches = [[change("ADDED", "b", 11), BOOKMARK], [change("ADDED", "c", 51)]]

    async with following(script) as reflector:
        await until(lambda: names(reflector) == ["a", "b", "c"])

    assert script.asked == ["list", "watch 10", "watch 50"]


async def test_a_version_that_the_server_has_forgotten_costs_a_new_list(script: Script) -> None:
    script.lists = [listed(10, "a"), listed(60, "b")]
    script.watches = [[GONE], []]

    async with following(script) as reflector:
        await until(lambda: names(reflector) == ["b"])
        await until(lambda: len(script.asked) == 4)

    assert script.asked == ["list", "watch 10", "list", "watch 60"]


async def test_what_fails_is_retried_and_what_was_seen_stays(script: Script) -> None:
    script.lists = [web.Response(status=503), listed(10, "a"), web.Response(status=500)]
    script.watches = [[GONE], [GONE]]
    script.lists.append(listed(20, "b"))

    async with following(script) as reflector:
        assert not reflector.synced
        await until(lambda: names(reflector) == ["a"])
        await until(lambda: names(reflector) == ["b"])


async def test_before_the_first_word_its_age_is_infinite(script: Script) -> None:
    script.lists = [web.Response(status=500)] * 9

    async with following(script) as reflector:
        await until(lambda: bool(script.asked))

        assert reflector.age() == float("inf")
        assert reflector.items() == []
