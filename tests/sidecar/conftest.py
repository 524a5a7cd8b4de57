"""What tests of the sidecar share: a relay, and pods that call it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from deputy.wire import Workspace
from tests.sidecar.fake_relay import FakeRelay
from tests.sidecar.pod import Pod

MakePod: TypeAlias = Callable[..., Pod]


@pytest.fixture
async def relay() -> AsyncIterator[FakeRelay]:
    relay = FakeRelay()
    await relay.start()
    yield relay
    await relay.stop()


@pytest.fixture
async def make_pod(relay: FakeRelay, tmp_path: Path) -> AsyncIterator[MakePod]:
    pods: list[Pod] = []

    def make(**workspace: Any) -> Pod:
        facts = {
            "run_name": "linear-abc-1",
            "run_uid": "0b6e",
            "attempt": 1,
            "protocol": "ACP",
            "profile": "",
            "relay_url": relay.url,
            "relay_ca": "",
        }
        pod = Pod(tmp_path / f"pod-{len(pods)}", Workspace(**{**facts, **workspace}))
        pods.append(pod)
        return pod

    yield make
    for pod in pods:
        await pod.stop()
