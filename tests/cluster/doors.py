"""Ways from this machine to a Service in the cluster."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest

from dev.demo import fixtures
from dev.demo.fixtures import Tools
from tests.conftest import program

#: A cluster's network learns of a pod's readiness a little later than the API server.
PATIENCE = 30.0
#: Seconds after which an address is one that only the cluster's own nodes reach.
_NEAR = 10.0


@contextlib.contextmanager
def opened(tools: Tools, namespace: str, *services: str) -> Iterator[list[str]]:
    """Yield an address for each Service: its own, or a forwarded port where that is out of reach.

    A forwarded port leads to one pod; it ends with that pod.
    """
    own = [fixtures.address_of(tools, namespace, service) for service in services]
    with contextlib.ExitStack() as doors:
        if _is_reached(own[0]):
            opened_doors = own
        else:
            opened_doors = [
                doors.enter_context(_forwarded(tools, namespace, service)) for service in services
            ]
        for address in opened_doors:
            _until_it_answers(f"{address}/healthz")
        yield opened_doors


def _is_reached(address: str) -> bool:
    url = httpx.URL(address)
    deadline = time.monotonic() + _NEAR
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((url.host, url.port or 80), 1):
            return True
    return False


@contextlib.contextmanager
def _forwarded(tools: Tools, namespace: str, service: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [program("kubectl"), "port-forward", "-n", namespace, f"service/{service}"]
    environment = {**os.environ, "KUBECONFIG": str(tools.kubeconfig)}
    with subprocess.Popen(
        [*command, f"{port}:8080"], env=environment, stdout=subprocess.DEVNULL
    ) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _until_it_answers(url: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            httpx.get(url, trust_env=False).raise_for_status()
        except httpx.HTTPError as error:
            if time.monotonic() > deadline:
                pytest.fail(f"{url} does not answer: {error}", pytrace=False)
            time.sleep(0.1)
        else:
            return
