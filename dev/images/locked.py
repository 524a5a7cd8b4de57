"""Take from the lock file the part that one image needs.

    python3 locked.py EXTRA >EXTRA.lock

Reads `pyproject.toml` and `requirements.lock` in the current folder. Runs inside the image's
build, so it is one file and needs the standard library only. Whatever the lock says is kept word
for word, hashes included.
"""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Locked:
    """One package in the lock file: its lines, and which packages asked for it."""

    name: str
    lines: tuple[str, ...]
    wanted_by: frozenset[str]


def normalize(name: str) -> str:
    """Write a package's name as the lock file does."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse(lock: str) -> list[Locked]:
    """Read the lock file's packages in their order."""
    blocks: list[list[str]] = []
    for line in lock.splitlines():
        if line and line[0] not in " #":
            blocks.append([])
        if blocks:
            blocks[-1].append(line)
    return [_locked(block) for block in blocks]


def _locked(block: list[str]) -> Locked:
    comments = [line.strip() for line in block if line.strip().startswith("#")]
    # "# via a" on one line, or "# via" and then one line for each.
    asking = [text.lstrip("# ").removeprefix("via").strip() for text in comments]
    names = [_NAME.match(text) for text in asking]
    return Locked(
        normalize(block[0].split("==")[0].split("[")[0]),
        tuple(line for line in block if not line.strip().startswith("#")),
        frozenset(normalize(name.group()) for name in names if name),
    )


def needed(packages: list[Locked], roots: frozenset[str]) -> list[Locked]:
    """Give the packages that these roots need, directly or through others."""
    chosen = set(roots)
    while True:
        added = {each.name for each in packages if each.wanted_by & chosen} - chosen
        if not added:
            return [each for each in packages if each.name in chosen]
        chosen |= added


def main() -> int:
    """Print the part of the lock file for the extra that the command line names."""
    extras = tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = extras[sys.argv[1]]
    roots = frozenset(normalize(name.group()) for each in asked if (name := _NAME.match(each)))
    packages = needed(parse(Path("requirements.lock").read_text()), roots)
    if missing := roots - {each.name for each in packages}:
        print(f"requirements.lock lacks {sorted(missing)}; lock anew", file=sys.stderr)
        return 1
    print("\n".join(line for each in packages for line in each.lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
