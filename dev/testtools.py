"""`python3 -m dev.testtools`: have the programs that tests start, beside those of the cluster."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import sys
from typing import TYPE_CHECKING

from dev.cluster import packages, paths
from dev.cluster.commands import run_long, step
from dev.cluster.errors import CommandError

if TYPE_CHECKING:
    from pathlib import Path

#: Linear's own client, as npm has it.
SDK = paths.PROJECT / "tests" / "simulator" / "linear" / "linear-sdk"


def main() -> int:
    """Install what is missing, or name the one command that does."""
    try:
        packages.ensure(packages.FOR_TESTS)
        npm_packages(SDK)
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def npm_packages(project: Path) -> Path:
    """Install what the project's `package-lock.json` names; return the folder it is in.

    An installation is kept in the cache, by the content of the lock file.

    Raises:
        CommandError: Node.js or npm is not installed, or npm failed.
    """
    packages.path_of("node")
    npm = packages.path_of("npm")
    files = [project / "package.json", project / "package-lock.json"]
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]
    folder = paths.cache() / "npm" / f"{project.name}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    installed = folder / ".installed"
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists():
            for file in files:
                shutil.copy(file, folder)
            with step(f"Install the npm packages of {project.name}"):
                run_long([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)
            installed.touch()
    return folder


if __name__ == "__main__":
    sys.exit(main())
