"""What is known of a Docker daemon, and why one cannot be used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dev.cluster import docker
from dev.cluster.docker import Docker, State

if TYPE_CHECKING:
    from tests.dev.conftest import Machine

DENIED = (
    "permission denied while trying to connect to the Docker daemon socket at "
    "unix:///var/run/docker.sock"
)
DOWN = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?"


def test_a_daemon_that_answers_says_what_it_is() -> None:
    info = {
        "ServerVersion": "20.10.24",
        "CgroupVersion": "1",
        "MemTotal": 2**33,
        "DockerRootDir": "/var/lib/docker",
        "OperatingSystem": "Debian",
    }

    assert docker.read(json.dumps(info), "") == Docker(
        State.ANSWERS, "", "20.10.24", "1", 2**33, "/var/lib/docker", "Debian"
    )


@pytest.mark.parametrize(
    ("output", "errors", "state"),
    [
        ('{"ServerVersion":""}', DOWN, State.ABSENT),
        (json.dumps({"ServerVersion": "", "ServerErrors": [DENIED]}), "", State.DENIED),
        ("", DENIED, State.DENIED),
        ("", "unknown flag: --format", State.ABSENT),
        ("<no value>", "", State.ABSENT),
        ("[]", "", State.ABSENT),
    ],
)
def test_absent_and_denied_are_told_apart(output: str, errors: str, state: State) -> None:
    assert docker.read(output, errors).state is state


@pytest.mark.parametrize(
    ("sleeps", "seconds", "state"), [("0.4", 20.0, State.ANSWERS), ("30", 0.5, State.SLOW)]
)
def test_a_slow_daemon_is_waited_for_but_not_for_ever(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, sleeps: str, seconds: float, state: State
) -> None:
    machine.tell("docker-sleeps", sleeps)
    for name, value in machine.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(docker, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(docker, "ANSWER_SECONDS", seconds)

    assert docker.docker.__wrapped__().state is state


def test_every_state_but_one_has_a_remedy() -> None:
    assert set(docker.REMEDIES) == set(State) - {State.ANSWERS}
