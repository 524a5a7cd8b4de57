"""Fixtures for the simulated forge."""

import contextlib
import pathlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from deputy_simulator.forge.app import make_app
from deputy_simulator.forge.settings import Grant, Settings
from tests.simulator.forge.served import TOKEN, Served

Serve: TypeAlias = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture
def serve(tmp_path: pathlib.Path) -> Serve:
    """Start a forge; a second one finds what the first has left."""

    @contextlib.asynccontextmanager
    async def start(*, private: bool = False) -> AsyncIterator[Served]:
        data = tmp_path / "data"
        data.mkdir(exist_ok=True)
        settings = Settings(
            data=data,
            grants=(Grant(TOKEN),),
            seed_repositories=("acme/demo",),
            private=private,
        )
        async with (
            TestServer(make_app(settings)) as server,
            ClientSession(base_url=server.make_url("/")) as http,
        ):
            yield Served(str(server.make_url("/")).rstrip("/"), http, tmp_path / "work")

    return start


@pytest.fixture
async def forge(serve: Serve) -> AsyncIterator[Served]:
    """A public forge with a clone of acme/demo."""
    async with serve() as served:
        await served.clone()
        yield served
