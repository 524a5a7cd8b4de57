"""The Go that the programs are built with: new enough, or able to fetch one that is."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dev.cluster import paths

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Since this version go fetches the toolchain that a module asks for.
FETCHES_SINCE = (1, 21, 0)
_VERSION = re.compile(r"\bgo(\d+)\.(\d+)(?:\.(\d+))?")

Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Go:
    """What to do with the Go of this machine: variables to build with, or what is wrong."""

    environment: Mapping[str, str]
    problem: str = ""
    note: str = ""


def wanted() -> Version:
    """Return the newest version that any of the checked-in modules asks for."""
    return max(
        _numbers(f"go{line.removeprefix('go ')}")
        for go_mod in paths.TOOLS.glob("*/go.mod")
        for line in go_mod.read_text().splitlines()
        if line.startswith("go ")
    )


def inspect(environment: Mapping[str, str]) -> Go:
    """Look at the Go of this machine."""
    path = shutil.which("go")
    if path is None:
        return judge("", wanted(), environment)
    # Outside of any module, so that it tells its own version.
    done = subprocess.run(
        [path, "version"],
        cwd="/",
        env={**environment, "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        check=False,
    )
    return judge(done.stdout, wanted(), environment)


def judge(version: str, needed: Version, environment: Mapping[str, str]) -> Go:
    """Decide what to do with a Go that says this of itself. Pure.

    Debian and Ubuntu tell their Go never to fetch a newer one (GOTOOLCHAIN=local in its own
    settings); who has not said so himself, in the environment, is spared that.
    """
    asked = _spoken(needed)
    if not version:
        return Go({}, f"Go {asked} is not installed: https://go.dev/dl/")
    current = _numbers(version)
    if current >= needed:
        return Go({})
    if current < FETCHES_SINCE:
        return Go({}, f"Go {_spoken(current)} is too old, {asked} is needed: https://go.dev/dl/")
    if environment.get("GOTOOLCHAIN", "").startswith("local"):
        return Go(
            {},
            f"Go {_spoken(current)} is too old, {asked} is needed, and GOTOOLCHAIN="
            f"{environment['GOTOOLCHAIN']} keeps it from fetching that: `unset GOTOOLCHAIN`",
        )
    note = f"Go {_spoken(current)} fetches Go {asked} for itself"
    return Go({"GOTOOLCHAIN": f"go{asked}+auto"}, note=note)


def _numbers(text: str) -> Version:
    match = _VERSION.search(text)
    if match is None:
        return (0, 0, 0)
    return int(match[1]), int(match[2]), int(match[3] or 0)


def _spoken(version: Version) -> str:
    return ".".join(map(str, version))
