"""What tests of the sidecar share: a relay, and pods that call it."""

import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from aiohttp import web

from deputy.wire import Workspace
from deputy_simulator.forge.app import FORGE, make_app
from deputy_simulator.forge.settings import Grant, Settings
from tests.sidecar.fake_relay import FakeRelay
from tests.sidecar.pod import Pod

MakePod: TypeAlias = Callable[..., Pod]


@pytest.fixture
async def relay() -> AsyncIterator[FakeRelay]:
    relay = FakeRelay()
    await relay.start()
    yield relay
    await relay.stop()


class Forge:
    """A simulated forge with the private repository acme/api, and git's view of it."""

    def __init__(self, url: str, bare: Path) -> None:
        self.url = url
        self.repository = f"{url}/acme/api.git"
        self.bare = bare

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", *arguments],
            cwd=self.bare, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout.strip()


@pytest.fixture
async def forge(tmp_path: Path) -> AsyncIterator[Forge]:
    settings = Settings(
        data=tmp_path / "forge",
        grants=(Grant("gtok"), Grant("read-only", push=False)),
        seed_repositories=("acme/api",),
        private=True,
    )
    app = make_app(settings)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    repository = app[FORGE].store.find("acme", "api")
    assert repository is not None
    yield Forge(f"http://127.0.0.1:{port}", repository.bare.path)
    await runner.cleanup()


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are closed to others."""
    shared = Path(tempfile.mkdtemp(prefix="deputy-pod-"))
    shared.chmod(0o755)
    yield shared
    shutil.rmtree(shared)


@pytest.fixture
async def make_pod(relay: FakeRelay, tmp_path: Path, shared: Path) -> AsyncIterator[MakePod]:
    pods: list[Pod] = []

    def make(*, users: bool = False, **workspace: Any) -> Pod:
        facts = {
            "run_name": "linear-abc-1",
            "run_uid": "0b6e",
            "attempt": 1,
            "protocol": "ACP",
            "profile": "",
            "relay_url": relay.url,
            "relay_ca": "",
        }
        folder = (shared if users else tmp_path) / f"pod-{len(pods)}"
        pod = Pod(folder, Workspace(**{**facts, **workspace}), users=users)
        pods.append(pod)
        return pod

    yield make
    for pod in pods:
        await pod.stop()
