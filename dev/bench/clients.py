"""`python -m dev.bench.clients KUBECONFIG`: our Kubernetes client beside those of others.

Each client runs in a process of its own, against the same API server, one after the other, several
times over. Of processor times the lowest is shown, for whatever else the machine does only adds to
them; of memory the median. Run it with a Python that has them:
`pip install kr8s kubernetes_asyncio kopf` beside what the operator needs. The figures of
docs/decisions/0006-own-thin-kubernetes-client.md come from here.
"""

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import statistics
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.errors import KubeError
from deputy.kube.kubeconfig import from_kubeconfig
from dev.bench.client_process import CLIENTS

_WRITERS = 8
_WIDTH = 20

#: Rows of the table: the figure's name, what it says, and how it is shown.
_ROWS = (
    ("import_seconds", "import, processor s", "{:.2f}"),
    ("import_mb", "import, MB", "{:.1f}"),
    ("get", "get, µs", "{:.0f}"),
    ("get_pod", "get of a pod, µs", "{:.0f}"),
    ("create", "create, µs", "{:.0f}"),
    ("patch", "patch, µs", "{:.0f}"),
    ("event", "watch event, µs", "{:.0f}"),
    ("following_mb", "following, MB in all", "{:.1f}"),
)


def run(name: str) -> dict[str, Any]:
    """Return an AgentRun as large as a usual one."""
    return {
        "apiVersion": "deputy.dev/v1alpha1",
        "kind": "AgentRun",
        "metadata": {"name": name, "labels": {"bench": "clients"}},
        "spec": {
            "blueprintRef": {"name": "api"},
            "prompt": "Fix the login. " * 200,
            "inbox": [{"id": "a", "kind": "Prompt", "text": "And the logout. " * 20}],
        },
    }


_POD = {
    "metadata": {"name": "pod", "labels": {"bench": "clients"}},
    "spec": {
        # No scheduler takes it.
        "schedulingGates": [{"name": "bench.deputy.dev/never"}],
        "automountServiceAccountToken": False,
        "containers": [
            {
                "name": f"container-{number}",
                "image": "localhost/none:1",
                "command": ["/bin/sh", "-c", "exit 0"],
                "env": [{"name": f"VARIABLE_{n}", "value": "value"} for n in range(10)],
                "resources": {"requests": {"cpu": "10m", "memory": "48Mi"}},
            }
            for number in range(3)
        ],
    },
}


class Process:
    """A client in a process of its own."""

    def __init__(self, running: asyncio.subprocess.Process) -> None:
        self._running = running

    @classmethod
    @contextlib.asynccontextmanager
    async def started(cls, *arguments: str) -> AsyncIterator["Process"]:
        """Start one; it is over when the context ends."""
        running = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "dev.bench.client_process",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ,
        )
        try:
            yield cls(running)
        finally:
            if running.returncode is None:
                running.kill()
            await running.wait()

    async def say(self, line: str) -> None:
        """Write a line to it."""
        assert self._running.stdin is not None  # noqa: S101  it was asked for
        self._running.stdin.write(line.encode() + b"\n")
        await self._running.stdin.drain()

    async def hear(self) -> dict[str, float]:
        """Return the next figures that it prints."""
        assert self._running.stdout is not None  # noqa: S101  it was asked for
        async with asyncio.timeout(300):
            line = await self._running.stdout.readline()
        figures: dict[str, float] = json.loads(line)
        return figures


class Comparison:
    """The same work for each client."""

    def __init__(self, kube: Kube, kubeconfig: Path, sizes: argparse.Namespace) -> None:
        self._kube = kube
        self._kubeconfig = str(kubeconfig)
        self._sizes = sizes

    async def call(self, client: str) -> dict[str, float]:
        """Return what calls cost."""
        name = f"{client}-{secrets.token_hex(4)}"
        calls = str(self._sizes.calls)
        async with (
            self._namespace() as namespace,
            Process.started(client, self._kubeconfig, namespace, "--calls", calls) as process,
        ):
            await self._kube.create(resources.pods(namespace), _POD)
            figures = await process.hear()
            if client.startswith("kopf"):
                return figures
            await process.say(json.dumps(run(name)))
            return figures | await process.hear()

    async def follow(self, client: str, objects: int) -> dict[str, float]:
        """Return what following costs."""
        async with self._namespace() as namespace:
            folder = resources.agentruns(namespace)
            names = [f"run-{number}" for number in range(objects)]
            await self._each([self._kube.create(folder, run(name)) for name in names])
            arguments = (client, self._kubeconfig, namespace, "--objects", str(objects))
            async with Process.started(*arguments) as process:
                await process.hear()
                await process.hear()
                for begin in range(0, self._sizes.events, objects):
                    count = min(objects, self._sizes.events - begin)
                    await self._each([self._touch(folder, name) for name in names[:count]])
                await asyncio.sleep(1)
                await process.say("")
                return await process.hear()

    async def _touch(self, folder: str, name: str) -> None:
        body = {"status": {"message": secrets.token_hex(8)}}
        await self._kube.patch(f"{folder}/{name}/status", body)

    @staticmethod
    async def _each(work: list[Any]) -> None:
        """Do all of it, so many at once."""
        waiting = iter(work)

        async def next_ones() -> None:
            for one in waiting:
                await one

        await asyncio.gather(*(next_ones() for _ in range(_WRITERS)))

    @contextlib.asynccontextmanager
    async def _namespace(self) -> AsyncIterator[str]:
        name = f"bench-clients-{secrets.token_hex(4)}"
        await self._kube.create("/api/v1/namespaces", {"metadata": {"name": name}})
        try:
            yield name
        finally:
            with contextlib.suppress(KubeError):
                await self._kube.delete(f"/api/v1/namespaces/{name}")


async def compare(given: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Measure every client, in turns, so that a busy minute of the machine hits all of them."""
    figures: dict[str, dict[str, list[float]]] = {client: {} for client in given.clients}
    async with Kube(from_kubeconfig(given.kubeconfig)) as kube:
        comparison = Comparison(kube, given.kubeconfig, given)
        for _ in range(given.repeats):
            for client in given.clients:
                measured = await comparison.call(client)
                measured |= await comparison.follow(client, given.objects)
                for name, figure in measured.items():
                    figures[client].setdefault(name, []).append(figure)
    return {
        client: {name: _of_all(name, many) for name, many in measured.items()}
        for client, measured in figures.items()
    }


def _of_all(name: str, many: list[float]) -> float:
    return statistics.median(many) if name.endswith("_mb") else min(many)


def table(figures: dict[str, dict[str, float]]) -> str:
    """Return the figures as a table."""
    lines = ["".join(column.rjust(_WIDTH) for column in ("", *figures))]
    for name, text, shape in _ROWS:
        cells = [shape.format(one[name]) if name in one else "" for one in figures.values()]
        lines.append(text.ljust(_WIDTH) + "".join(cell.rjust(_WIDTH) for cell in cells))
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m dev.bench.clients", description=__doc__)
    parser.add_argument("kubeconfig", type=Path)
    parser.add_argument("clients", nargs="*", default=list(CLIENTS), metavar="CLIENT")
    parser.add_argument("--calls", type=int, default=300, help="calls of each kind")
    parser.add_argument("--objects", type=int, default=1000, help="AgentRuns that are followed")
    parser.add_argument("--events", type=int, default=3000, help="changes of them")
    parser.add_argument("--repeats", type=int, default=3)
    figures = asyncio.run(compare(given := parser.parse_args()))
    base = statistics.median(one["base_mb"] for one in figures.values())
    print(f"{given.objects} AgentRuns; a process without a client holds {base:.1f} MB\n")
    print(table(figures))


if __name__ == "__main__":
    main()
