"""What the local cluster requires of the machine: root's rights and the kernel's features."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dev.cluster.cleanup import CGROUPS

#: Bits of the capability masks in /proc/PID/status.
_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_CHROOT": 18, "CAP_SYS_ADMIN": 21}
_CONTROLLERS = ("cpu", "memory", "pids")


def problems() -> list[str]:
    """Say what keeps this machine from holding a cluster, each with the way out."""
    if sys.platform != "linux":
        return ["the local cluster needs Linux: start Docker"]
    if os.geteuid() != 0:
        problem = (
            "the local cluster makes namespaces, mounts and cgroups and so needs root: run this "
            "as root, or start Docker, or name a cluster's kubeconfig in DEPUTY_CLUSTER"
        )
        return [problem]
    listed = []
    if lacking := lacking_capabilities(Path("/proc/self/status").read_text()):
        listed.append(
            f"root lacks {', '.join(lacking)} here, as in an unprivileged container: "
            "use a privileged one, a virtual machine, or Docker"
        )
    if missing := [name for name in _CONTROLLERS if not _has_controller(name)]:
        listed.append(
            f"there is no cgroup controller {', '.join(missing)} in {CGROUPS}: mount the cgroup "
            "file system there, or start Docker"
        )
    return listed


def lacking_capabilities(status: str) -> list[str]:
    """Give the needed capabilities that a process's /proc status says it does not have."""
    held = next(int(line.split()[1], 16) for line in status.splitlines() if "CapEff" in line)
    return [name for name, bit in _CAPABILITIES.items() if not held >> bit & 1]


def _has_controller(name: str) -> bool:
    unified = CGROUPS / "cgroup.controllers"
    if unified.exists():
        return name in unified.read_text().split()
    return CGROUPS.is_dir() and any(name in each.name.split(",") for each in CGROUPS.iterdir())


def can_overlay(folder: Path) -> bool:
    """Tell whether overlays can be made of a folder.

    An overlay cannot lie on an overlay, and inside a container everything does.
    """
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    under = [each for each in mounts if folder.is_relative_to(each[1])]
    return max(under, key=lambda each: len(each[1]))[2] != "overlay"
