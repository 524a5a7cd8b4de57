"""The fake API server over HTTP is the same one, for our client as for those of others."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from deputy.kube import resources
from deputy.kube.client import Connection, Kube
from deputy.kube.errors import AlreadyExists, Unavailable
from tests.kube.promises import run
from tests.support.api_server import ApiServer
from tests.support.apiserver.http import serving

RUNS = resources.agentruns("team-a")


@pytest.fixture
async def kube(server: ApiServer) -> AsyncIterator[Kube]:
    async with serving(server) as url, Kube(Connection(url, None)) as client:
        yield client


async def test_it_stores_and_refuses(server: ApiServer, kube: Kube) -> None:
    made = await kube.create(RUNS, run())

    with pytest.raises(AlreadyExists):
        await kube.create(RUNS, run())

    assert server.read(f"{RUNS}/run") == made


async def test_it_tells_changes_and_ends(server: ApiServer, kube: Kube) -> None:
    since = (await kube.get(RUNS))["metadata"]["resourceVersion"]
    events: list[str] = []

    async def watch() -> None:
        async for event in kube.watch(RUNS, since):
            events.append(event["object"]["metadata"]["name"])
            server.end_watches()

    watching = asyncio.create_task(watch())
    await kube.create(RUNS, run())

    async with asyncio.timeout(5):
        await watching
    assert events == ["run"]


async def test_a_connection_that_breaks_is_no_answer(server: ApiServer, kube: Kube) -> None:
    server.faults.drop("create", "agentruns", after_write=True)

    with pytest.raises(Unavailable, match="no answer from the API server"):
        await kube.create(RUNS, run())

    assert server.names(RUNS) == ["run"]


async def test_a_watch_that_is_cut_is_no_end(server: ApiServer, kube: Kube) -> None:
    since = (await kube.get(RUNS))["metadata"]["resourceVersion"]

    async def watch() -> None:
        async for _ in kube.watch(RUNS, since):
            server.cut_watches()

    watching = asyncio.create_task(watch())
    await kube.create(RUNS, run())

    with pytest.raises(Unavailable):
        async with asyncio.timeout(5):
            await watching
