"""An address counts as reached when the Service behind it says that it is well."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from dev.cluster import paths
from dev.cluster.errors import CommandError
from dev.demo import port_forward
from dev.demo.fixtures import Tools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.dev.conftest import Machine


@pytest.fixture
def tools(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """The fake kubectl."""
    for name, value in machine.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(paths, "PROGRAMS", machine.folder / "nothing")
    monkeypatch.setattr(port_forward, "NEAR_SECONDS", 0.0)
    return Tools(machine.folder / "kubeconfig")


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that accepts every connection and says nothing, as some networks do."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def accept() -> None:
            held = []
            server.settimeout(0.1)
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    held.append(server.accept()[0])
            for connection in held:
                connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        yield int(server.getsockname()[1])
        over.set()
        thread.join()


def service(port: int) -> str:
    return json.dumps({"spec": {"clusterIP": "127.0.0.1", "ports": [{"port": port}]}})


def test_a_connection_that_is_only_accepted_reaches_nothing(
    machine: Machine, tools: Tools, silent: int
) -> None:
    machine.tell("service.json", service(silent))

    with port_forward.reached(tools, "here", {"linear": "/healthz"}) as (address,):
        assert address != f"http://127.0.0.1:{silent}"

    forwards = [words for words in machine.calls("kubectl") if "port-forward" in words]
    assert forwards[0][-3:-1] == ["here", "service/linear"]
    assert forwards[0][-1].endswith(f":{silent}")


def test_a_port_that_leads_nowhere_is_an_error(
    machine: Machine, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port_forward, "READY_SECONDS", 0.5)
    (machine.folder / "bin" / "kubectl").write_text(
        f"""#!/bin/sh\ncase "$*" in *json*) echo '{service(1)}';; *) exit 1;; esac\n"""
    )

    with (
        pytest.raises(CommandError, match="does not answer; see the pods' logs"),
        port_forward.reached(tools, "here", {"linear": "/healthz"}),
    ):
        pytest.fail("it is not reached")


def test_a_cluster_that_is_gone_is_named_with_the_way_out(machine: Machine, tools: Tools) -> None:
    (machine.folder / "bin" / "kubectl").write_text(
        '#!/bin/sh\necho "error: failed to download openapi: connection refused" >&2\nexit 1\n'
    )

    with pytest.raises(CommandError, match="`make cluster` starts it again"):
        tools.kubectl("apply", "-f", "-")
