"""The Docker daemon: whether it answers, and if not, why."""

from __future__ import annotations

import functools
import json
import subprocess
from dataclasses import dataclass
from enum import Enum
from typing import Any

from dev.cluster.commands import say

#: A daemon that is just starting, or on a busy machine, takes its time.
ANSWER_SECONDS = 45.0
#: After so long a person is told what is being waited for.
QUIET_SECONDS = 2.0


class State(Enum):
    """What a daemon that we would like to use is doing."""

    ANSWERS = "answers"
    ABSENT = "absent"
    DENIED = "denied"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Docker:
    """What is known of the daemon; but for `state` it says nothing unless the daemon answers."""

    state: State
    message: str = ""
    version: str = ""
    cgroup_version: str = ""
    memory: int = 0
    root: str = ""
    """The daemon's folder, on its own machine."""
    system: str = ""

    @property
    def answers(self) -> bool:
        """Whether the daemon can be used."""
        return self.state is State.ANSWERS


#: What to do about each state in which the daemon cannot be used.
REMEDIES = {
    State.ABSENT: "start Docker",
    State.DENIED: "Docker runs, but you may not use it: `sudo usermod -aG docker $USER`, then log "
    "in anew (or `newgrp docker`)",
    State.SLOW: f"Docker is there and has not answered within {ANSWER_SECONDS:.0f} s: restart it, "
    "or wait until the machine has less to do",
}


@functools.cache
def docker() -> Docker:
    """Ask the daemon, once in a process, and wait for it while it is only slow."""
    command = ["docker", "info", "--format", "{{json .}}"]
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError:
        return Docker(State.ABSENT, "docker is not installed")
    with child:
        try:
            output, errors = _communicate(child)
        except subprocess.TimeoutExpired:
            return Docker(State.SLOW)
        finally:
            child.kill()
    return read(output.decode(errors="replace"), errors.decode(errors="replace"))


def _communicate(child: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    try:
        return child.communicate(timeout=QUIET_SECONDS)
    except subprocess.TimeoutExpired:
        say(f"    Docker is slow to answer; waiting for up to {ANSWER_SECONDS:.0f} s")
        return child.communicate(timeout=ANSWER_SECONDS - QUIET_SECONDS)


def read(output: str, errors: str) -> Docker:
    """Read what `docker info` printed. Pure."""
    try:
        info = json.loads(output.strip().splitlines()[0])
    except (ValueError, IndexError):
        info = {}
    if not isinstance(info, dict) or not info.get("ServerVersion"):
        return _unusable(info, errors)
    return Docker(
        State.ANSWERS,
        version=str(info["ServerVersion"]),
        cgroup_version=str(info.get("CgroupVersion") or "1"),
        memory=int(info.get("MemTotal") or 0),
        root=str(info.get("DockerRootDir") or ""),
        system=str(info.get("OperatingSystem") or ""),
    )


def _unusable(info: Any, errors: str) -> Docker:
    listed = info.get("ServerErrors") if isinstance(info, dict) else None
    message = " ".join([*(listed or ()), errors.strip()]).strip()
    denied = "permission denied" in message.lower()
    return Docker(State.DENIED if denied else State.ABSENT, message[:300])
