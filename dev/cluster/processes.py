"""Start programs that outlive us, and end exactly those.

A record holds more than the process id, because ids are used again: the boot and the tick at
which the process started tell it from any other.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

#: Field 22 of /proc/PID/stat is the start time; after the name in brackets it is the 20th.
_STATE, _STARTED = 0, 19


@dataclass(frozen=True, slots=True)
class Daemon:
    """A program to keep running: command, contents of its configuration files, environment.

    The environment is all that it gets: what surrounds us (a proxy, a KUBECONFIG) is not for it.
    """

    name: str
    argv: tuple[str, ...]
    configuration: tuple[str, ...] = ()
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def fingerprint(self) -> str:
        """Hash what makes a running process outdated when it changes."""
        parts = (self.argv, self.configuration, sorted(self.environment.items()))
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Record:
    """One process that we started."""

    name: str
    pid: int
    started: int
    boot: str
    fingerprint: str


def identity(pid: int) -> tuple[int, str] | None:
    """Give the start tick and the boot of a live process; None where none has that id."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name may hold spaces and brackets itself, hence the last bracket.
    fields = stat.rpartition(")")[2].split()
    return None if fields[_STATE] in "ZX" else (int(fields[_STARTED]), boot)


def is_alive(record: Record) -> bool:
    """Tell whether that very process still runs, and not another with its id."""
    return identity(record.pid) == (record.started, record.boot)


def is_current(record: Record | None, program: Daemon) -> bool:
    """Tell whether the program runs as it is wanted now."""
    return record is not None and record.fingerprint == program.fingerprint() and is_alive(record)


def read(folder: Path) -> dict[str, Record]:
    """Read the records by name; one that is torn counts as absent."""
    records: dict[str, Record] = {}
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(ValueError, TypeError):
            record = Record(**json.loads(path.read_text()))
            records[record.name] = record
    return records


def start(program: Daemon, *, records: Path, logs: Path) -> Record:
    """Start a program in its own session and record it.

    Raises:
        CommandError: it cannot be executed.
    """
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / f"{program.name}.log").open("ab") as log:
        try:
            child = subprocess.Popen(
                program.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=program.environment,
            )
        except OSError as error:
            raise CommandError(f"{program.name} does not start: {error}") from error
    started = identity(child.pid)
    if started is None:
        raise CommandError(f"{program.name} ended at once; its log is {log.name}.")
    record = Record(program.name, child.pid, *started, program.fingerprint())
    _write(records / f"{program.name}.json", json.dumps(dataclasses.asdict(record)))
    # It shall live on: nobody waits for it, and that is no resource warning.
    child.returncode = 0
    return record


def end(stopping: Sequence[Record], *, records: Path, grace: float = 5.0) -> None:
    """End these processes, kindly first, and forget them; those that are gone already too."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        for record in filter(is_alive, stopping):
            with contextlib.suppress(ProcessLookupError):
                os.kill(record.pid, sent)
        wait_until(lambda: not any(map(is_alive, stopping)), grace)
    for record in stopping:
        (records / f"{record.name}.json").unlink(missing_ok=True)


def kill(pids: Iterable[int]) -> None:
    """Kill processes that the caller has just identified."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
    """Wait until something holds; tell whether it did before the time was over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def resident_bytes(pid: int) -> int:
    """Give the memory that a process holds; 0 where it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".tmp")
    half.write_text(text)
    half.rename(path)
