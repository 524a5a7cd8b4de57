"""The programs that the local cluster runs: built, or Debian's where those are new enough.

Debian's packages are not installed but unpacked into the cache: nothing of them starts on the
machine by itself, and nothing has to be removed from it.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster import build, paths
from dev.cluster.commands import run_long, step

if TYPE_CHECKING:
    from collections.abc import Iterable

Version = tuple[int, int, int]

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_CANDIDATE = re.compile(r"^ *Candidate: *(?:\d+:)?(\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Packaged:
    """A tool as Debian has it: the package, the folder of its programs, the oldest that does."""

    tool: build.Tool
    package: str
    folder: str
    oldest: Version


PACKAGED = (
    # As kubeadm of the same Kubernetes has it.
    Packaged(build.ETCD, "etcd-server", "usr/bin", (3, 5, 24)),
    # Our configuration is in its format.
    Packaged(build.CONTAINERD, "containerd", "usr/bin", (2, 0, 0)),
    # It speaks version 1.0.0 of CNI.
    Packaged(build.CNI, "containernetworking-plugins", "usr/lib/cni", (1, 0, 0)),
)


def folder(tool: build.Tool) -> Path:
    """Return the folder in which a tool's programs are, or would be if they were built."""
    built = build.folder(tool)
    unpacked = sorted(_unpacked(tool))
    return unpacked[-1] if unpacked and not built.is_dir() else built


def program(tool: build.Tool, name: str) -> Path:
    """Return the path of one program."""
    return folder(tool) / name


def missing(tools: Iterable[build.Tool]) -> list[build.Tool]:
    """Return those of the tools that have to be built."""
    return [tool for tool in tools if not folder(tool).is_dir() and _fitting_package(tool) is None]


def ensure(tools: Iterable[build.Tool]) -> None:
    """Unpack what Debian has, and build what is still missing.

    Raises:
        CommandError: a download or a build failed.
    """
    wanted = [tool for tool in tools if not folder(tool).is_dir()]
    for tool in wanted:
        if (fitting := _fitting_package(tool)) is not None:
            _unpack(*fitting)
    build.ensure(tool for tool in wanted if not folder(tool).is_dir())


def fits(packaged: Packaged, policy: str) -> str | None:
    """Return the version that apt would install, by what `apt-cache policy` says. Pure.

    None where there is none, or it is too old.
    """
    _, _, about = f"\n{policy}".partition(f"\n{packaged.package}:\n")
    candidate = _CANDIDATE.search(about)
    numbers = candidate and _VERSION.match(candidate[1])
    if candidate is None or not numbers:
        return None
    version = (int(numbers[1]), int(numbers[2]), int(numbers[3]))
    return ".".join(map(str, version)) if version >= packaged.oldest else None


def _fitting_package(tool: build.Tool) -> tuple[Packaged, str] | None:
    packaged = next((each for each in PACKAGED if each.tool == tool), None)
    if packaged is None:
        return None
    version = fits(packaged, _policy())
    return None if version is None else (packaged, version)


@functools.cache
def _policy() -> str:
    """Return what apt knows of the packages; empty where this is no Debian."""
    if not all(map(shutil.which, ("apt-cache", "apt-get", "dpkg-deb"))):
        return ""
    done = subprocess.run(
        ["apt-cache", "policy", *(packaged.package for packaged in PACKAGED)],
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def _unpack(packaged: Packaged, version: str) -> None:
    target = paths.cache() / "bin" / f"{packaged.tool.name}-{version}-debian"
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        step(f"Fetch {packaged.tool.name} {version} of Debian"),
        tempfile.TemporaryDirectory(dir=target.parent) as work,
    ):
        run_long(["apt-get", "download", "-q", packaged.package], cwd=Path(work))
        (archive,) = Path(work).glob("*.deb")
        run_long(["dpkg-deb", "--extract", archive, f"{work}/root"])
        half = Path(work) / "programs"
        half.mkdir()
        for name, _ in packaged.tool.programs:
            (Path(work) / "root" / packaged.folder / name).rename(half / name)
        if not target.is_dir():
            half.rename(target)


def _unpacked(tool: build.Tool) -> Iterable[Path]:
    return (paths.cache() / "bin").glob(f"{tool.name}-*-debian")
