"""Processes of containers, as the machine of a local cluster sees them."""

import asyncio
import dataclasses
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_PROC = Path("/proc")


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """What some processes hold and have used."""

    megabytes: float
    cpu_seconds: float


def container_of(pod: Mapping[str, Any], name: str) -> str:
    """Return the id of a running container, empty where it does not run."""
    status = pod.get("status", {})
    for one in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        if one["name"] == name and "running" in one.get("state", {}):
            container: str = one["containerID"].rpartition("/")[2]
            return container
    return ""


def pids_of(container: str, command: str = "") -> list[int]:
    """Return the processes of a container whose command line begins with `command`.

    None are found where the container runs on another machine.
    """
    if not container:
        return []
    return [pid for pid in _pids() if _is_of(pid, container) and _line(pid).startswith(command)]


def usage(pids: list[int]) -> Usage:
    """Return the resident memory of processes, and the processor time of their lives.

    Raises:
        OSError: one of them is over.
    """
    return Usage(
        sum(_resident(pid) for pid in pids) / 1e6, sum(_cpu_nanoseconds(pid) for pid in pids) / 1e9
    )


async def gone(pid: int) -> float:
    """Wait until a process is over; return the wall clock's time then."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return time.time()
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, over.set)
    try:
        await over.wait()
        return time.time()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def _resident(pid: int) -> int:
    pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _cpu_nanoseconds(pid: int) -> int:
    # The scheduler's own figure: ticks are too coarse for what is idle.
    tasks = (_PROC / str(pid) / "task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def _pids() -> Iterator[int]:
    return (int(path.name) for path in _PROC.iterdir() if path.name.isdigit())


def _is_of(pid: int, container: str) -> bool:
    try:
        return container in (_PROC / str(pid) / "cgroup").read_text()
    except OSError:
        return False


def _line(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
