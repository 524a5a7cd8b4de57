"""Processes that outlive us: which are ours, and which only have the number of ours."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from dev.cluster import processes
from dev.cluster.errors import CommandError
from dev.cluster.processes import Daemon

if TYPE_CHECKING:
    from pathlib import Path

SLEEP = Daemon("sleep", ("sleep", "60"), environment={"PATH": "/usr/bin:/bin"})


def start(program: Daemon, folder: Path) -> processes.Record:
    return processes.start(program, records=folder / "records", logs=folder / "logs")


def test_a_started_program_is_recorded_alive_and_as_wanted(tmp_path: Path) -> None:
    record = start(SLEEP, tmp_path)

    assert processes.read(tmp_path / "records") == {"sleep": record}
    assert processes.is_current(record, SLEEP)

    processes.end([record], records=tmp_path / "records")


def test_an_ended_program_is_gone_and_forgotten(tmp_path: Path) -> None:
    record = start(SLEEP, tmp_path)

    processes.end([record], records=tmp_path / "records")

    assert not processes.is_alive(record)
    assert processes.read(tmp_path / "records") == {}


def test_a_program_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = f"trap '' TERM; touch {ready}; while :; do sleep 0.1; done"
    stubborn = Daemon("stubborn", ("/bin/sh", "-c", script), environment=SLEEP.environment)
    record = start(stubborn, tmp_path)
    assert processes.wait_until(ready.exists, 10)

    processes.end([record], records=tmp_path / "records", grace=0.2)

    assert processes.wait_until(lambda: not processes.is_alive(record), 10)


def test_a_process_that_has_the_number_of_ours_but_started_later_is_left_alone(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        identity = processes.identity(stranger.pid)
        assert identity is not None
        started, boot = identity
        stale = processes.Record("sleep", stranger.pid, started - 1, boot, "")

        processes.end([stale], records=tmp_path)

        assert stranger.poll() is None
        stranger.kill()


def test_a_process_of_an_earlier_boot_is_not_ours() -> None:
    identity = processes.identity(os.getpid())
    assert identity is not None

    assert not processes.is_alive(processes.Record("x", os.getpid(), identity[0], "other boot", ""))


def test_a_process_that_nobody_has_waited_for_counts_as_gone() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        child.send_signal(signal.SIGKILL)

        assert processes.wait_until(lambda: processes.identity(child.pid) is None, 10)


@pytest.mark.parametrize(
    "changed",
    [
        dataclasses.replace(SLEEP, argv=("sleep", "61")),
        dataclasses.replace(SLEEP, configuration=("new",)),
        dataclasses.replace(SLEEP, environment={}),
    ],
    ids=["command", "configuration", "environment"],
)
def test_a_program_wanted_otherwise_is_outdated(changed: Daemon, tmp_path: Path) -> None:
    record = start(SLEEP, tmp_path)

    assert not processes.is_current(record, changed)

    processes.end([record], records=tmp_path / "records")


def test_a_program_without_record_is_outdated() -> None:
    assert not processes.is_current(None, SLEEP)


def test_a_torn_record_counts_as_absent(tmp_path: Path) -> None:
    (tmp_path / "torn.json").write_text('{"name": "torn", "pi')
    (tmp_path / "other.json").write_text('{"name": "other"}')

    assert processes.read(tmp_path) == {}


def test_a_program_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="nothing does not start"):
        start(Daemon("nothing", ("/nowhere/nothing",)), tmp_path)
