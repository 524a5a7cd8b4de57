"""The programs that people type as well: kubectl, Helm and kind.

One of a fitting version on the PATH is used as it is. What is missing is built, alone. Which one
it is stands in `.cluster/bin` as a link, and everything in `dev` and the tests goes by that.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster import build, paths
from dev.cluster.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterable

Version = tuple[int, int]

_VERSION = re.compile(r"\bv?(\d+)\.(\d+)\.\d+")


@dataclass(frozen=True, slots=True)
class Program:
    """A program, the oldest version that does, how it tells its own, and what builds it."""

    name: str
    oldest: Version
    version_words: tuple[str, ...]
    tool: build.Tool


#: Deputy needs Kubernetes 1.31: selectable fields of custom resources.
KUBECTL = Program("kubectl", (1, 31), ("version", "--client"), build.KUBECTL)
#: The local cluster is of one version, and kubectl is promised to work within one minor of it.
LOCAL_KUBECTL = dataclasses.replace(KUBECTL, oldest=build.minor_before(build.KUBERNETES))
HELM = Program("helm", (3, 14), ("version", "--short"), build.HELM)
#: The first whose node image is Kubernetes 1.31.
KIND = Program("kind", (0, 24), ("version",), build.KIND)


def find(program: Program) -> Path | None:
    """Return where a program of a fitting version is, on the PATH or built before; else None."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        # Our own links would lead to whatever was chosen once.
        if not folder or Path(folder) == paths.PROGRAMS:
            continue
        path = shutil.which(program.name, path=folder)
        if path is not None and fits(program, _printed_version(program, Path(path))):
            return Path(path)
    built = build.program(program.tool, program.name)
    return built if built.exists() else None


def path_of(program: Program) -> Path:
    """Return where a program is.

    Raises:
        CommandError: it is neither on the PATH in a fitting version, nor built.
    """
    path = find(program)
    if path is None:
        raise CommandError(
            f"{program.name} {spoken(program.oldest)} or newer is not there; "
            "install it, or run `make cluster`, which builds it."
        )
    return path


def lacking(programs: Iterable[Program]) -> list[Program]:
    """Return those of the programs that would have to be built."""
    return [program for program in programs if find(program) is None]


def ensure(programs: Iterable[Program]) -> None:
    """Build those programs that are missing, and link all of them into `.cluster/bin`.

    Raises:
        CommandError: Go is missing or too old, or a build failed.
    """
    wanted = list(programs)
    build.ensure([program.tool for program in lacking(wanted)])
    paths.PROGRAMS.mkdir(parents=True, exist_ok=True)
    for program in wanted:
        link(paths.PROGRAMS / program.name, path_of(program))


def linked(program: Program) -> Path | None:
    """Return the program that the cluster was made with, where it is still there."""
    path = paths.PROGRAMS / program.name
    return path if path.exists() else None


def link(name: Path, target: Path) -> None:
    """Make a symbolic link, or make it lead elsewhere, in one step."""
    half = name.with_name(f"{name.name}.tmp")
    half.unlink(missing_ok=True)
    half.symlink_to(target)
    half.replace(name)


def fits(program: Program, printed: str) -> bool:
    """Tell whether a program that prints this as its version is new enough. Pure."""
    match = _VERSION.search(printed)
    return match is not None and (int(match[1]), int(match[2])) >= program.oldest


def spoken(version: Version) -> str:
    """Return a version as it is written."""
    return ".".join(map(str, version))


@functools.cache
def _printed_version(program: Program, path: Path) -> str:
    try:
        done = subprocess.run(
            [path, *program.version_words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
