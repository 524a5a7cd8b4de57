"""Addresses of Services from this machine: their own, or a forwarded port where those lead nowhere.

That something accepts a connection proves nothing, since proxies and other people's networks do:
an address counts as reached when the Service behind it says that it is well.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from dev.cluster import paths, proxies
from dev.cluster.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dev.demo.fixtures import Tools

#: A cluster's network learns of a pod's readiness a little later than the API server.
READY_SECONDS = 30.0
#: Seconds after which an address is one that only the cluster's own nodes reach.
NEAR_SECONDS = 6.0

_PAUSE_SECONDS = 0.1
#: Whatever is asked here is on this machine, past whatever proxy there is.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str, seconds: float) -> bool:
    """Tell whether an address answers with success within this time; it is asked at least once."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError), _DIRECT.open(url, timeout=2):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_SECONDS)


@contextlib.contextmanager
def reached(tools: Tools, namespace: str, health: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield an address for each Service; it answers.

    Args:
        tools: of the cluster.
        namespace: of the Services.
        health: by the name of a Service, the path under which it says that it is well.

    Raises:
        CommandError: one of them does not answer.
    """
    ports = {name: _service(tools, namespace, name) for name in health}
    first = next(iter(health))
    is_near = answers(_address(ports[first]) + health[first], NEAR_SECONDS)
    with contextlib.ExitStack() as stack:
        addresses = [
            _address(ports[name])
            if is_near
            else stack.enter_context(forwarded(tools, namespace, name, ports[name][1]))
            for name in health
        ]
        for address, path in zip(addresses, health.values(), strict=True):
            if not answers(address + path, READY_SECONDS):
                raise CommandError(f"{address}{path} does not answer; see the pods' logs.")
        yield addresses


@contextlib.contextmanager
def forwarded(tools: Tools, namespace: str, service: str, port: int) -> Iterator[str]:
    """Yield the address of a port of this machine that leads to a Service.

    It leads to one of the pods; when that one ends it leads to another.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        ours = int(free.getsockname()[1])
    words = ("port-forward", "-n", namespace, f"service/{service}", f"{ours}:{port}")
    over = threading.Event()
    keeper = threading.Thread(target=_keep, args=(tools, words, over), daemon=True)
    keeper.start()
    try:
        yield f"http://127.0.0.1:{ours}"
    finally:
        over.set()
        keeper.join()


def _keep(tools: Tools, words: tuple[str, ...], over: threading.Event) -> None:
    """Run kubectl again and again, because it ends with the pod that it leads to."""
    path = f"{paths.PROGRAMS}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, **proxies.bypassed(), "PATH": path}
    while not over.is_set():
        with subprocess.Popen(
            ["kubectl", "--kubeconfig", str(tools.kubeconfig), *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as child:
            while child.poll() is None and not over.wait(_PAUSE_SECONDS):
                pass
            child.terminate()
        over.wait(_PAUSE_SECONDS)


def _service(tools: Tools, namespace: str, name: str) -> tuple[str, int]:
    spec = tools.get("service", "-n", namespace, name)["spec"]
    return str(spec["clusterIP"]), int(spec["ports"][0]["port"])


def _address(service: tuple[str, int]) -> str:
    address, port = service
    return f"http://{address}:{port}"
