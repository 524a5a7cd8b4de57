"""Check, before anything is begun, all that a cluster and its images need of this machine.

Everything that is missing is named at once, each with the way out.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster import binaries, build, choice, golang, packages, paths, programs, requirements
from dev.cluster.choice import Choice, Provider
from dev.cluster.commands import say
from dev.cluster.docker import REMEDIES, Docker, State, docker
from dev.cluster.durations import spoken
from dev.cluster.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dev.cluster.programs import Program

_GIB = 2**30
#: Measured, and rounded up: what building from nothing leaves, and what running takes.
DISK_TO_BUILD = 7 * _GIB
DISK_TO_RUN = 4 * _GIB
MEMORY_TO_BUILD = 3 * _GIB
MEMORY_TO_RUN = 2 * _GIB


#: What a person can install as well.
_INSTALLABLE = {"kubectl", "helm", "kind"}


@dataclass(frozen=True, slots=True)
class Need:
    """What one kind of cluster needs beside its provider."""

    clients: tuple[Program, ...]
    tools: tuple[build.Tool, ...] = ()
    packages: Mapping[str, str] | None = None


NEEDS = {
    Provider.GIVEN: Need((programs.KUBECTL, programs.HELM)),
    Provider.KIND: Need((programs.KUBECTL, programs.HELM, programs.KIND)),
    Provider.LOCAL: Need(
        (programs.LOCAL_KUBECTL, programs.HELM),
        build.LOCAL_CLUSTER,
        {**packages.FOR_CLUSTER, **packages.FOR_IMAGES},
    ),
}


def check(recorded: Choice | None, further: Sequence[str] = ()) -> Choice:
    """Return the cluster to use.

    Args:
        recorded: the cluster that this checkout has already.
        further: what somebody else has found to be missing.

    Raises:
        CommandError: something is missing; all of it is named.
    """
    daemon = _docker()
    chosen = choice.choose(os.environ, docker_answers=daemon.answers)
    problems = [
        *further,
        *_choice_problems(chosen, daemon, recorded),
        *_problems(chosen, daemon),
    ]
    if problems:
        listed = "\n".join(f"  * {each[0].upper()}{each[1:]}." for each in problems)
        raise CommandError(f"this machine lacks something:\n{listed}")
    return chosen


def describe(chosen: Choice) -> list[str]:
    """Say what the cluster will be made of."""
    need, daemon = NEEDS[chosen.provider], _docker()
    to_build = _to_build(need)
    provider = {
        Provider.GIVEN: f"yours, by {chosen.kubeconfig}",
        Provider.KIND: f"kind, in Docker {daemon.version} ({daemon.system})",
        Provider.LOCAL: "of this machine's own, without Docker",
    }[chosen.provider]
    clients = ((client.name, programs.find(client)) for client in need.clients)
    built = ", ".join(tool.name for tool in to_build)
    minutes = sum(tool.usual for tool in to_build)
    return [
        f"cluster  {provider}",
        *(f"{name:<8} {path}" for name, path in clients if path is not None),
        *([f"to build {built}: once, about {spoken(minutes)} on two cores"] if built else []),
        *filter(None, [golang.inspect(os.environ).note if built else ""]),
    ]


def _docker() -> Docker:
    return Docker(State.ABSENT) if os.environ.get("DEPUTY_CLUSTER") else docker()


def _choice_problems(chosen: Choice, daemon: Docker, recorded: Choice | None) -> list[str]:
    """Say why the cluster that falls to us is not the one that was meant."""
    if chosen.provider is not Provider.LOCAL:
        return []
    if daemon.state is not State.ABSENT:
        return [REMEDIES[daemon.state]]
    if recorded is not None and recorded.provider is Provider.KIND and paths.CLUSTER_ID.exists():
        problem = (
            "this checkout's cluster is in Docker, which does not answer: start Docker, or "
            f"forget the cluster: `rm -r {paths.STATE}`"
        )
        return [problem]
    return requirements.problems()


def _problems(chosen: Choice, daemon: Docker) -> list[str]:
    need = NEEDS[chosen.provider]
    to_build = _to_build(need)
    return [
        *_go_problems(to_build),
        *filter(None, [packages.problem(need.packages or {})]),
        *_memory_problems(chosen, daemon, builds=bool(to_build)),
        *_disk_problems(DISK_TO_RUN + (DISK_TO_BUILD if to_build else 0), daemon),
    ]


def _to_build(need: Need) -> list[build.Tool]:
    clients = programs.lacking(need.clients)
    return [*binaries.missing(need.tools), *(client.tool for client in clients)]


def _go_problems(to_build: Iterable[build.Tool]) -> list[str]:
    names = [tool.name for tool in to_build]
    if not names:
        return []
    go = golang.inspect(os.environ)
    if not go.problem:
        return []
    way_out = ", or install what would be built with it" if set(names) <= _INSTALLABLE else ""
    return [f"{go.problem}{way_out} ({', '.join(names)})"]


def _memory_problems(chosen: Choice, daemon: Docker, *, builds: bool) -> list[str]:
    needed = MEMORY_TO_BUILD if builds else MEMORY_TO_RUN
    listed = []
    if (total := _memory()) is not None and total < needed:
        listed.append(f"this machine has {_gib(total)} of memory, and {_gib(needed)} is needed")
    if chosen.provider is Provider.KIND and 0 < daemon.memory < MEMORY_TO_RUN:
        listed.append(
            f"Docker has {_gib(daemon.memory)} of memory, and {_gib(MEMORY_TO_RUN)} is needed: "
            "Docker Desktop → Settings → Resources"
        )
    return listed


def _disk_problems(needed: int, daemon: Docker) -> list[str]:
    """Say which disks are too full; one that holds several of the folders is named once."""
    folders = [paths.cache(), paths.PROJECT, *(Path(root) for root in [daemon.root] if root)]
    devices: dict[int, Path] = {}
    for folder in map(_existing, folders):
        devices.setdefault(folder.stat().st_dev, folder)
    free = {folder: shutil.disk_usage(folder).free for folder in devices.values()}
    return [
        f"{_gib(size)} are free on the disk of {folder}, and {_gib(needed)} are needed: make "
        "room, or name another folder for the cache in XDG_CACHE_HOME"
        for folder, size in free.items()
        if size < needed
    ]


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there and may be looked at."""
    for candidate in (folder, *folder.parents):
        if os.access(candidate, os.R_OK):
            return candidate
    return Path("/")


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _gib(size: int) -> str:
    return f"{size / _GIB:.1f} GiB"


def main(further: Sequence[str] = ()) -> int:
    """Check this machine and say what was found; an error is one message and status 1."""
    began = time.monotonic()
    say("==> Check this machine")
    try:
        chosen = check(choice.recorded(), further)
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for line in describe(chosen):
        say(f"    {line}")
    say(f"    done in {time.monotonic() - began:.1f} s")
    return 0
