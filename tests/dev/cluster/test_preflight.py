"""Everything that is missing is named at once, before anything is begun."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from dev import check
from dev.cluster import paths, preflight
from dev.cluster.choice import Choice, Provider
from dev.cluster.docker import Docker, State

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dev.conftest import Machine

KIND = Choice(Provider.KIND)
GIB = 2**30


def test_a_good_machine_is_described_in_under_three_seconds(machine: Machine) -> None:
    began = time.monotonic()
    done = machine.run("dev.cluster", "check")

    assert time.monotonic() - began < 3
    assert (done.returncode, done.stderr) == (0, "")
    assert "cluster  kind, in Docker 27.0.1 (Fake OS)" in done.stdout
    assert f"kubectl  {machine.folder / 'bin' / 'kubectl'}" in done.stdout


def test_all_that_is_missing_is_named_at_once(machine: Machine) -> None:
    for program in ("kind", "helm"):
        (machine.folder / "bin" / program).unlink()

    error = machine.run("dev.cluster", "check").stderr

    assert error.startswith("error: this machine lacks something:\n  * ")
    assert "Go 1.26.3 is not installed" in error
    assert "(helm, kind)" in error


def test_a_full_disk_is_named_once_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(paths, "PROJECT", tmp_path)

    problems = preflight._disk_problems(2**60, Docker(State.ABSENT))

    assert len(problems) == 1
    assert f"are free on the disk of {tmp_path}, and" in problems[0]
    assert "XDG_CACHE_HOME" in problems[0]


def test_a_small_machine_and_a_small_docker_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_memory", lambda: GIB)
    docker = Docker(State.ANSWERS, memory=GIB)

    problems = preflight._memory_problems(KIND, docker, builds=True)

    assert [problem.split(" of memory")[0] for problem in problems] == [
        "this machine has 1.0 GiB",
        "Docker has 1.0 GiB",
    ]


@pytest.mark.parametrize("version", [(3, 6), (3, 10)])
def test_an_old_python_is_named_with_the_command(version: tuple[int, int]) -> None:
    (problem,) = check.python_problems(version, needs_venv=False, has_venv=True)

    assert "sudo apt-get install -y python3.11 python3.11-venv" in problem


def test_a_python_without_venv_is_named_with_the_command() -> None:
    (problem,) = check.python_problems((3, 12), needs_venv=True, has_venv=False)

    assert "sudo apt-get install -y python3.12-venv" in problem


def test_a_python_without_venv_is_enough_for_the_demo() -> None:
    assert check.python_problems((3, 12), needs_venv=False, has_venv=False) == []
