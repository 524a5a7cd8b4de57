"""Fixtures for the clients of forges."""

import pathlib
from collections.abc import AsyncIterator

import httpx
import pytest
import tenacity
from aiohttp.test_utils import TestServer

from deputy.forges import GitHub, Repository
from deputy_simulator.forge.app import make_app
from deputy_simulator.forge.settings import Grant, Settings
from tests.forges.simulated import TOKEN, Checked, Simulated


@pytest.fixture
async def forge(tmp_path: pathlib.Path) -> AsyncIterator[Simulated]:
    settings = Settings(data=tmp_path, grants=(Grant(TOKEN),), seed_repositories=("acme/demo",))
    checked = Checked()
    async with (
        TestServer(make_app(settings)) as server,
        httpx.AsyncClient(transport=checked, timeout=10) as http,
        httpx.AsyncClient(base_url=str(server.make_url("/")), timeout=10) as control,
    ):
        url = str(server.make_url("/")).rstrip("/")
        repository = Repository.parse(f"{url}/acme/demo.git")
        github = GitHub(http, TOKEN, backoff=tenacity.wait_none())
        yield Simulated(url, repository, github, http, control, checked)
