"""Find and remove what a cluster leaves on a machine: processes, mounts, cgroups, links.

Everything is recognised by something only this cluster has: its cgroup, its network namespace,
its folders. So this also cleans up after a cluster whose records are lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster import network, packages, paths, processes
from dev.cluster.commands import run
from dev.cluster.configuration import CGROUP

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

CGROUPS = Path("/sys/fs/cgroup")

#: The kubelet sets these for the whole machine; they are put back at the end.
_TUNABLES = tuple(
    Path("/proc/sys") / name
    for name in (
        "vm/overcommit_memory",
        "vm/panic_on_oom",
        "kernel/panic",
        "kernel/panic_on_oops",
        "kernel/keys/root_maxkeys",
        "kernel/keys/root_maxbytes",
    )
)
#: Made by the programs whatever their settings say; the inner ones first.
_SHARED = tuple(
    Path(name)
    for name in (
        "/var/lib/kubelet/device-plugins",
        "/var/lib/kubelet",
        "/var/lib/cni/results",
        "/var/lib/cni",
        "/var/log/containers",
    )
)

_TUNED = paths.RUNTIME / "tunables.json"

#: Every program of a cluster, and the shim that containerd starts for each pod.
PROGRAMS = frozenset(
    {
        *("containerd", "containerd-shim-runc-v2", "etcd", "coredns", "kubelet"),
        *("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"),
    }
)


def pod_processes() -> list[int]:
    """Find the processes of pods: those in the cluster's cgroup."""
    pids: set[int] = set()
    for folder in _cgroups():
        for listed in folder.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                pids.update(int(line) for line in listed.read_text().split())
    return sorted(pids - {0})


def strays(names: Collection[str]) -> list[int]:
    """Find processes of the cluster's own programs, by name and network namespace.

    Both are asked for, because a person's shell may be in the namespace, and another containerd
    on the machine.
    """
    ours = network.HANDLE.stat().st_ino if network.HANDLE.exists() else None
    return [pid for pid in _pids() if _is_stray(pid, names, ours)]


def mounts(listing: str, folders: Iterable[Path]) -> list[str]:
    """Give the mount points below these folders, the innermost first. Pure."""
    points = [line.split()[1].replace("\\040", " ") for line in listing.splitlines()]
    below = [
        point for point in points if any(Path(point).is_relative_to(folder) for folder in folders)
    ]
    return sorted(below, key=len, reverse=True)


def unmount() -> None:
    """Unmount all that is mounted below the cluster's folders."""
    folders = (paths.STATE, paths.RUNTIME)
    for point in mounts(Path("/proc/self/mounts").read_text(), folders):
        run([packages.path_of("umount"), "--lazy", point])


def make_cgroups() -> None:
    """Make the cgroup that all pods are in: the kubelet wants it to exist."""
    for folder in _hierarchies():
        (folder / CGROUP).mkdir(exist_ok=True)


def remove_cgroups() -> None:
    """Remove the cluster's cgroups, which the kernel empties a little after their processes."""
    processes.wait_until(lambda: not any(_remove_cgroup(each) for each in _cgroups()), 5)


def save_tunables() -> None:
    """Write down what the kubelet is about to change for the whole machine."""
    if not _TUNED.exists():
        values = {str(path): path.read_text() for path in _TUNABLES if path.exists()}
        _TUNED.parent.mkdir(parents=True, exist_ok=True)
        _TUNED.write_text(json.dumps(values))


def restore_tunables() -> None:
    """Put back what the kubelet changed, as far as this machine allows it."""
    with contextlib.suppress(OSError, ValueError):
        for path, value in json.loads(_TUNED.read_text()).items():
            with contextlib.suppress(OSError):
                Path(path).write_text(value)


def remove_folders() -> None:
    """Remove the cluster's folders and the links and caches that point into them."""
    for link in Path("/var/log/containers").glob("*.log"):
        if link.is_symlink() and paths.STATE in link.readlink().parents:
            link.unlink()
    for cached in Path("/var/lib/cni/results").glob("*"):
        if str(paths.RUNTIME) in cached.read_text():
            cached.unlink()
    for folder in (paths.STATE, paths.RUNTIME):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in _SHARED:
        with contextlib.suppress(OSError):
            folder.rmdir()  # it stays where somebody else's kubelet has something in it


def _pids() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def _is_stray(pid: int, names: Collection[str], namespace: int | None) -> bool:
    process = Path("/proc") / str(pid)
    try:
        program = (process / "exe").readlink().name.removesuffix(" (deleted)")
        if program not in names:
            return False
        # A shim names our socket, also when the namespace has lost its handle.
        named = str(paths.RUNTIME).encode() in (process / "cmdline").read_bytes()
        return named or (process / "ns" / "net").stat().st_ino == namespace
    except OSError:
        return False


def _hierarchies() -> list[Path]:
    """Version 2 has one tree, version 1 a folder for each controller and named tree."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return [each for each in CGROUPS.iterdir() if (each / "cgroup.procs").exists()]


def _cgroups() -> list[Path]:
    return [each / CGROUP for each in _hierarchies() if (each / CGROUP).is_dir()]


def _remove_cgroup(folder: Path) -> bool:
    """Remove one tree from its leaves up; tell whether something of it is left."""
    for path, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            Path(path).rmdir()
    return folder.exists()
