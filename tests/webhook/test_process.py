"""Facts of the process: how it starts, what it says, how it ends."""

import asyncio
import json
import os
import pathlib
import signal
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession

from tests.conftest import PROJECT
from tests.webhook.conftest import (
    Cluster,
    Linear,
    Payloads,
    Replica,
    blueprint,
    until,
)


class Process:
    """`deputy webhook`, as its pod runs it."""

    def __init__(self, running: asyncio.subprocess.Process, replica: Replica) -> None:
        self.running = running
        self.replica = replica

    async def status_of(self, path: str) -> int:
        try:
            return (await self.replica.get(path))[0]
        except ClientError:
            return 0

    async def end(self) -> tuple[int, list[dict[str, Any]]]:
        """Ask it to end; return its exit status and what it logged."""
        if self.running.returncode is None:
            self.running.send_signal(signal.SIGTERM)
        out, _ = await asyncio.wait_for(self.running.communicate(), 20)
        return self.running.returncode or 0, [json.loads(line) for line in out.splitlines()]


def command(**variables: str) -> tuple[list[str], dict[str, str]]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT / "operator"), **variables}
    return [sys.executable, "-m", "deputy", "webhook"], environment


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def no_secret(secret_folder: pathlib.Path) -> pathlib.Path:
    for file in list(secret_folder.iterdir()):
        file.unlink()
    return secret_folder


@pytest.fixture
async def process(
    kubeconfig: pathlib.Path,
    namespace: str,
    linear: Linear,
    secret_folder: pathlib.Path,
    session: ClientSession,
) -> AsyncIterator[Process]:
    port = free_port()
    arguments, environment = command(
        DEPUTY_NAMESPACE=namespace,
        DEPUTY_POD_NAME="webhook-1",
        DEPUTY_KUBECONFIG=str(kubeconfig),
        DEPUTY_LINEAR_API_URL=linear.url,
        DEPUTY_LINEAR_CREDENTIALS=str(secret_folder),
        DEPUTY_WEBHOOK_PORT=str(port),
        DEPUTY_DRAIN_SECONDS="1",
    )
    running = await asyncio.create_subprocess_exec(
        *arguments, env=environment, stdout=asyncio.subprocess.PIPE
    )
    process = Process(running, Replica(f"http://127.0.0.1:{port}", session))
    yield process
    await process.end()


async def is_up(process: Process) -> bool:
    return await process.status_of("/healthz") == 200


async def is_ready(process: Process) -> bool:
    return await process.status_of("/readyz") == 200


async def test_a_missing_setting_is_named() -> None:
    arguments, environment = command(DEPUTY_POD_NAME="webhook-1")
    running = await asyncio.create_subprocess_exec(
        *arguments, env=environment, stderr=asyncio.subprocess.PIPE
    )

    _, errors = await running.communicate()

    assert running.returncode == 2
    assert errors.decode() == (
        "deputy webhook: DEPUTY_NAMESPACE is not set; the Helm chart sets it\n"
    )


async def test_outside_of_a_cluster_it_wants_a_kubeconfig() -> None:
    arguments, environment = command(DEPUTY_NAMESPACE="n", DEPUTY_POD_NAME="webhook-1")
    running = await asyncio.create_subprocess_exec(
        *arguments, env=environment, stderr=asyncio.subprocess.PIPE
    )

    _, errors = await running.communicate()

    assert running.returncode == 2
    assert errors.decode() == (
        "deputy webhook: DEPUTY_KUBECONFIG is not set, and this is no pod; name a kubeconfig\n"
    )


@pytest.mark.cluster
async def test_it_serves_and_when_asked_to_end_goes_on_until_nobody_sends_any_more(
    process: Process, cluster: Cluster, linear: Linear, payloads: Payloads
) -> None:
    await cluster.apply(blueprint())
    await until(lambda: is_ready(process), "the process is ready")
    session = (await linear.do("delegate", issue="ENG-1"))["sessionId"]

    process.running.send_signal(signal.SIGTERM)
    await until(lambda: _not(is_ready(process)), "the process says that it ends")
    status = await process.replica.send(payloads.created(session))
    exited, logged = await process.end()

    assert (status, exited) == (200, 0)
    assert len(await cluster.runs()) == 1
    assert len(await linear.words(session)) == 1
    assert [line["event"] for line in logged] == ["serving", "ending", "settled"]
    settled = logged[-1]
    assert settled.pop("timestamp")
    assert settled == {
        "event": "settled",
        "level": "info",
        "logger": "deputy.webhook.intake",
        "outcome": "created",
        "organization": payloads.organization,
        "issue": payloads.issue["id"],
        "run": (await cluster.run())["metadata"]["name"],
    }


async def _not(holds: Any) -> bool:
    return not await holds


@pytest.mark.cluster
async def test_without_its_secret_it_starts_and_says_what_to_create(
    no_secret: pathlib.Path, process: Process, payloads: Payloads
) -> None:
    await until(lambda: is_up(process), "the process is up")

    ready = await process.status_of("/readyz")
    taken = await process.replica.send(payloads.created("session"))
    for key in ("accessToken", "webhookSecret"):
        (no_secret / key).write_text("token" if key == "accessToken" else "webhook-secret")
    await until(lambda: is_ready(process), "the process is ready once the Secret is there")
    _, logged = await process.end()

    assert (ready, taken) == (503, 503)
    told = next(line for line in logged if line["level"] == "error")
    assert "credentials are missing" in told["event"]
    assert "create it and set" in told["error"]
