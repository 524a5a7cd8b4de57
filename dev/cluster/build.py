"""Build the cluster's programs from Go modules, once per version, into the cache folder.

Versions are written in one place each: the checked-in `go.mod` beside the tool. The folder of a
tool's binaries is named by a hash of everything that determines them, so a changed version or
flag builds anew and an unchanged one never does.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster import paths
from dev.cluster.commands import run_long, step
from dev.cluster.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterable

GO_ENVIRONMENT = {
    "CGO_ENABLED": "0",
    "GOFLAGS": "-mod=readonly -buildvcs=false",
    "GOWORK": "off",
}


@dataclass(frozen=True, slots=True)
class Tool:
    """Programs that one Go module gives: what each is called, and the package it is made of."""

    name: str
    programs: tuple[tuple[str, str], ...]
    tags: str = ""
    stamped: tuple[str, ...] = ()


_CONTAINERD = "github.com/containerd/containerd/v2/cmd"
_CNI = "github.com/containernetworking/plugins/plugins"

KUBERNETES = Tool(
    "kubernetes",
    tuple(
        (name, f"k8s.io/kubernetes/cmd/{name}")
        for name in (
            "kube-apiserver",
            "kube-controller-manager",
            "kube-proxy",
            "kube-scheduler",
            "kubectl",
            "kubelet",
        )
    ),
    # Without the stamp Helm and the version skew checks see v0.0.0.
    stamped=("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"),
)
ETCD = Tool("etcd", (("etcd", "go.etcd.io/etcd/server/v3"),))
CONTAINERD = Tool(
    "containerd",
    tuple((n, f"{_CONTAINERD}/{n}") for n in ("containerd", "containerd-shim-runc-v2", "ctr")),
    tags="no_btrfs no_devmapper no_zfs",
)
CNI = Tool(
    "cni",
    (
        ("host-local", f"{_CNI}/ipam/host-local"),
        ("loopback", f"{_CNI}/main/loopback"),
        ("portmap", f"{_CNI}/meta/portmap"),
        ("ptp", f"{_CNI}/main/ptp"),
    ),
)
COREDNS = Tool("coredns", (("coredns", "."),))
PAUSE = Tool("pause", (("pause", "."),))
HELM = Tool("helm", (("helm", "helm.sh/helm/v3/cmd/helm"),))
KIND = Tool("kind", (("kind", "sigs.k8s.io/kind"),))

LOCAL_CLUSTER = (KUBERNETES, ETCD, CONTAINERD, CNI, COREDNS, PAUSE, HELM)


def version(go_mod: str) -> str:
    """Give the version of the module that a go.mod is about: the first one that it requires."""
    required = re.search(r"^require \S+ v(\S+)$", go_mod, re.MULTILINE)
    return required.group(1) if required else "0"


def cache_key(tool: Tool, sources: Iterable[tuple[str, bytes]], machine: str) -> str:
    """Name the folder of a tool's binaries.

    Promise: the same sources, flags and machine give the same name, in whatever order the
    sources come.
    """
    digest = hashlib.sha256(repr((tool, GO_ENVIRONMENT, machine)).encode())
    go_mod = ""
    for name, content in sorted(sources):
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
        go_mod = content.decode() if name == "go.mod" else go_mod
    return f"{tool.name}-{version(go_mod)}-{digest.hexdigest()[:12]}"


def folder(tool: Tool) -> Path:
    """Give the folder in which a tool's binaries are, or will be."""
    module = paths.TOOLS / tool.name
    sources = [(path.name, path.read_bytes()) for path in module.iterdir() if path.is_file()]
    return paths.cache() / "bin" / cache_key(tool, sources, platform.machine())


def program(tool: Tool, name: str) -> Path:
    """Give the path of one program."""
    return folder(tool) / name


def ensure(tools: Iterable[Tool]) -> None:
    """Build what is not in the cache yet; safe to run twice at once and to interrupt.

    Raises:
        CommandError: Go is missing, or a build failed.
    """
    if not (missing := [tool for tool in tools if not folder(tool).is_dir()]):
        return
    if shutil.which("go") is None:
        raise CommandError(
            "go is not installed, and the cluster's programs are built from their Go modules; "
            "install Go 1.26.3 or newer from https://go.dev/dl/ and run this again."
        )
    for tool in missing:
        _build(tool)


def _build(tool: Tool) -> None:
    target = folder(tool)
    target.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{target}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return  # somebody else built it while we waited
        half = Path(f"{target}.{os.getpid()}.tmp")
        with step(f"Build {target.name.rsplit('-', 1)[0]} (once; it is kept in {target.parent})"):
            run_long(_command(tool, half), cwd=paths.TOOLS / tool.name, environment=GO_ENVIRONMENT)
        half.rename(target)


def _command(tool: Tool, into: Path) -> list[str]:
    into.mkdir()
    packages = [package for _, package in tool.programs]
    # One package may be called otherwise than its program; several go by their own names.
    output = into / tool.programs[0][0] if len(packages) == 1 else f"{into}/"
    flags = " ".join(["-s", "-w", *_stamps(tool)])
    tags = ["-tags", tool.tags] if tool.tags else []
    return [
        "go",
        "build",
        "-v",
        "-trimpath",
        *tags,
        "-ldflags",
        flags,
        "-o",
        str(output),
        *packages,
    ]


def _stamps(tool: Tool) -> list[str]:
    release = version((paths.TOOLS / tool.name / "go.mod").read_text())
    major, minor, *_ = [*release.split("."), "0"]
    values = {
        "gitVersion": f"v{release}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
    }
    return [
        f"-X {package}.{key}={value}" for package in tool.stamped for key, value in values.items()
    ]
