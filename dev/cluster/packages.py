"""Debian packages that the cluster and its images need."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster import paths
from dev.cluster.commands import run_long, step
from dev.cluster.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: The program that is needed, and the Debian package it comes from.
FOR_CLUSTER: Mapping[str, str] = {
    "conntrack": "conntrack",
    "ip": "iproute2",
    "iptables": "iptables",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "runc": "runc",
}
FOR_IMAGES: Mapping[str, str] = {"buildah": "buildah", "mmdebstrap": "mmdebstrap"}
#: The shim is tried in every shell that images have, between users, and git beside it; Node.js
#: runs Linear's own client.
FOR_TESTS: Mapping[str, str] = {
    "busybox": "busybox-static",
    "dash": "dash",
    "git": "git",
    "node": "nodejs",
    "npm": "npm",
    "python3": "python3",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}

#: The system's folders, daemons' among them. They come first, so that a start from another shell
#: finds the same programs and leaves alone what runs.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SEARCHED = f"{SYSTEM_PATH}:{os.environ.get('PATH', '')}"


def path_of(name: str) -> Path:
    """Give where an installed program is.

    Raises:
        CommandError: it is not installed.
    """
    path = shutil.which(name, path=_SEARCHED)
    if path is None:
        raise CommandError(f"{name} is not installed; install it and run this again.")
    return Path(path)


def ensure(wanted: Mapping[str, str]) -> None:
    """Install the packages of those programs that are missing.

    Raises:
        CommandError: this is no Debian, or we are not root; with the one command to run.
    """
    if not (missing := lacking(wanted)):
        return
    packages = sorted({wanted[name] for name in missing})
    if reason := not_installable(missing, packages, root=os.geteuid() == 0, debian=_is_debian()):
        raise CommandError(reason)
    with step(f"Install {' '.join(packages)}"), _alone():
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run_long(["apt-get", "update", "-q"], environment=quiet)
        run_long(_install(packages), environment=quiet)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Wait until nobody else of ours has apt install something."""
    file = paths.cache() / "apt.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def lacking(wanted: Mapping[str, str]) -> list[str]:
    """Return those of the programs that are not installed."""
    return [name for name in wanted if shutil.which(name, path=_SEARCHED) is None]


def problem(wanted: Mapping[str, str]) -> str | None:
    """Say which of the programs are missing and cannot be installed by us, and the way out."""
    if not (missing := lacking(wanted)):
        return None
    packages = sorted({wanted[name] for name in missing})
    return not_installable(missing, packages, root=os.geteuid() == 0, debian=_is_debian())


def not_installable(
    missing: Iterable[str], packages: Iterable[str], *, root: bool, debian: bool
) -> str | None:
    """Say why we cannot install packages ourselves, and the way out; None where we can."""
    names = ", ".join(missing)
    if not debian:
        return (
            f"Not installed: {names}; install them with your system's package manager "
            f"(on Debian: {' '.join(packages)}), or start Docker to have kind used."
        )
    if not root:
        return f"Not installed: {names}; run `sudo {' '.join(_install(packages))}`."
    return None


def _install(packages: Iterable[str]) -> list[str]:
    return ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]


def _is_debian() -> bool:
    return Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None
