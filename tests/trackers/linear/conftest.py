"""Fixtures for the client and the writer."""

from collections.abc import AsyncIterator

import httpx
import pytest
from aiohttp.test_utils import TestServer

from deputy_simulator.linear.app import SIMULATOR, make_app
from deputy_simulator.linear.settings import Settings
from tests.trackers.linear.simulated import TOKEN, Linear


@pytest.fixture
async def linear() -> AsyncIterator[Linear]:
    app = make_app(Settings(access_token=TOKEN))
    async with TestServer(app) as server, httpx.AsyncClient(timeout=5) as http:
        yield Linear(str(server.make_url("/")).rstrip("/"), http, app[SIMULATOR])
