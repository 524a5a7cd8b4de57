"""The processes of containers, as this machine sees them: SIGKILL does not ask.

Nobody in a container can kill its first process. Where the cluster runs on this machine its
processes are ours to end, each told from all others by the id of its container.
"""

import asyncio
import contextlib
import dataclasses
import os
import pathlib
import signal
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

_PROC = pathlib.Path("/proc")


@dataclasses.dataclass(frozen=True, slots=True)
class Process:
    """A process of a container."""

    pid: int
    place: str
    """Id of its container or of its pod, which no other has."""
    command: str

    def send(self, number: signal.Signals) -> bool:
        """Send a signal to this very process; return whether it was still there."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            # The handle holds on to one process; only now is it certain which one.
            if not _is_of(self.pid, self.place):
                return False
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True

    def kill(self) -> bool:
        """Kill this very process; return whether it was still there."""
        return self.send(signal.SIGKILL)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let this process do nothing meanwhile, though its connections stay."""
        assert self.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.send(signal.SIGCONT)


def container_of(pod: Mapping[str, Any], name: str) -> str:
    """Return the id of a container that runs, empty where it does not."""
    status = pod.get("status", {})
    for one in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        if one["name"] == name and "running" in one.get("state", {}):
            container_id: str = one["containerID"].rpartition("/")[2]
            return container_id
    return ""


def processes_of(place: str) -> list[Process]:
    """Return the processes of a container or of a pod, by its id; the oldest one first."""
    return [
        Process(pid, place, command)
        for pid in sorted(_pids())
        if _is_of(pid, place) and (command := _command(pid))
    ]


async def process_of(place: str, command: str, within: float = 30.0) -> Process:
    """Return the first process of a container or pod whose command line begins so, once there."""
    try:
        async with asyncio.timeout(within):
            while True:
                for one in processes_of(place):
                    if one.command.startswith(command):
                        return one
                # The machine tells nobody of new processes: one has to look.
                await asyncio.sleep(0.02)
    except TimeoutError:
        there = [one.command for one in processes_of(place)]
        pytest.fail(f"no process `{command}` in {within} seconds, but {there}", pytrace=False)


def fail_unless_seen(place: str) -> None:
    """Fail the test where the cluster's processes are not ours to kill."""
    if os.geteuid() != 0 or not processes_of(place):
        pytest.fail(
            "the processes of the cluster are not on this machine, or not ours; these tests kill "
            "them: run them as root on the machine of `make cluster`",
            pytrace=False,
        )


def _pids() -> Iterator[int]:
    return (int(path.name) for path in _PROC.iterdir() if path.name.isdigit())


def _is_of(pid: int, place: str) -> bool:
    try:
        return place in (_PROC / str(pid) / "cgroup").read_text()
    except OSError:
        return False


def _command(pid: int) -> str:
    """Return the command line of a process; empty where it is over."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""
