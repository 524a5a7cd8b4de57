"""Follow one issue until its run is over: what kubectl shows, and what the session shows."""

from __future__ import annotations

import dataclasses
import os
import queue
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from dev.cluster import paths
from dev.cluster.errors import CommandError
from dev.demo import diff
from dev.demo.screen import Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dev.demo.fixtures import Tools
    from dev.demo.screen import Screen
    from dev.demo.simulators import Simulators

#: A run with a scripted model takes seconds; on a machine that is busy, a few more.
TIMEOUT_SECONDS = 300.0

_OVER = frozenset({"complete", "error"})
_TERMINAL = frozenset({"Succeeded", "Failed", "TimedOut", "Stopped"})
#: The column of a row of `kubectl get agentruns` in which its age stands.
_AGE = -1


@dataclasses.dataclass(frozen=True, slots=True)
class End:
    """How it ended."""

    issue: Mapping[str, Any]
    session: Mapping[str, Any]
    run: Mapping[str, Any] | None
    """The AgentRun; None where none was made."""

    @property
    def phase(self) -> str:
        """The run's phase, empty where there is no run."""
        return str((self.run or {}).get("status", {}).get("phase", ""))

    @property
    def pull_request(self) -> Mapping[str, Any]:
        """The pull request of the run's status, empty where there is none."""
        pull_request = (self.run or {}).get("status", {}).get("pullRequest")
        return pull_request if isinstance(pull_request, dict) else {}


class Watch:
    """`kubectl get agentruns -w`, its lines in a queue; ends with the `with` block.

    Runs whose names are in `before` are not shown.
    """

    def __init__(self, tools: Tools, namespace: str, before: frozenset[str]) -> None:
        self.before = before
        path = f"{paths.PROGRAMS}{os.pathsep}{os.environ.get('PATH', '')}"
        self._process = subprocess.Popen(
            ["kubectl", "get", "agentruns", "-n", namespace, "-w", "--no-headers"],
            env={**os.environ, "PATH": path, "KUBECONFIG": str(tools.kubeconfig)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._rows: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._shown: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()

    def rows_of(self, issue: str) -> Iterator[Line]:
        """Yield the rows of `issue` that came since the last call, but repetitions."""
        while not self._rows.empty():
            words = self._rows.get().split()
            if issue not in words or words[0] in self.before or words[:_AGE] == self._shown:
                continue
            self._shown = words[:_AGE]
            yield Line("kubectl", "agentruns", "   ".join(words), "bold")

    def _read(self) -> None:
        for row in self._process.stdout or ():
            self._rows.put(row)


def follow(simulators: Simulators, watch: Watch, screen: Screen, identifier: str) -> End:
    """Show everything about an issue until its session and its run are over.

    Raises:
        CommandError: it took longer than `TIMEOUT_SECONDS`.
    """
    seen, deadline = diff.Seen(), time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        end, is_over = _look(simulators, identifier, seen, watch.before)
        seen, lines = diff.changes(seen, end.issue, end.session)
        for line in [*watch.rows_of(identifier), *lines]:
            screen.show(line)
        if is_over:
            return end
    raise CommandError(f"{identifier} was not done within {TIMEOUT_SECONDS:.0f} seconds.")


def runs(tools: Tools, namespace: str) -> frozenset[str]:
    """Return the names of all AgentRuns."""
    agentruns = tools.get("agentruns", "-n", namespace)["items"]
    return frozenset(run["metadata"]["name"] for run in agentruns)


def newest_run(
    tools: Tools, namespace: str, before: frozenset[str], issue: str = ""
) -> Mapping[str, Any] | None:
    """Return the newest AgentRun that is not in `before`, of one issue if it is named."""
    candidates = [
        run
        for run in tools.get("agentruns", "-n", namespace)["items"]
        if run["metadata"]["name"] not in before
        and issue in ("", run["spec"].get("linear", {}).get("issueIdentifier"))
    ]
    newest: Mapping[str, Any] | None = max(
        candidates, key=lambda run: run["metadata"]["creationTimestamp"], default=None
    )
    return newest


def _look(
    simulators: Simulators, identifier: str, seen: diff.Seen, before: frozenset[str]
) -> tuple[End, bool]:
    """Return what there is, once there is something new or after a moment, and if that is all."""
    path = f"/control/issues/{identifier}"
    sessions = simulators.get("linear", path)["sessions"]
    if not sessions:
        raise CommandError(f"{identifier} was delegated, and Linear began no session.")
    session, more = sessions[-1]["id"], len(seen.activities) + 1
    simulators.get("linear", f"/control/sessions/{session}?activities={more}&wait=0.5")
    # The run first: what is read after it was over is all there is.
    run = newest_run(simulators.tools, simulators.namespace, before, identifier)
    whole = simulators.get("linear", f"/control/sessions/{session}")
    end = End(simulators.get("linear", path), whole, run)
    return end, whole["status"] in _OVER and (run is None or end.phase in _TERMINAL)
