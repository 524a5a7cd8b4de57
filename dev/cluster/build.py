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
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster import golang, paths
from dev.cluster.commands import run_long, step
from dev.cluster.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dev.cluster.commands import Step

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
    # What follows does not change the binaries, so the key of the cache leaves it out.
    module: str = field(default="", repr=False)
    """The folder of its go.mod; by default it is called like the tool."""
    usual: float = field(default=30.0, repr=False)
    """Seconds that it takes on two cores with nothing cached."""

    @property
    def source(self) -> Path:
        """Return the folder of its go.mod."""
        return paths.TOOLS / (self.module or self.name)


_CONTAINERD = "github.com/containerd/containerd/v2/cmd"
_CNI = "github.com/containernetworking/plugins/plugins"

# Without the stamp Helm and the version skew checks see v0.0.0.
_STAMPED = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")

KUBERNETES = Tool(
    "kubernetes",
    tuple(
        (name, f"k8s.io/kubernetes/cmd/{name}")
        for name in (
            "kube-apiserver",
            "kube-controller-manager",
            "kube-proxy",
            "kube-scheduler",
            "kubelet",
        )
    ),
    stamped=_STAMPED,
    usual=200,
)
KUBECTL = Tool(
    "kubectl",
    (("kubectl", "k8s.io/kubernetes/cmd/kubectl"),),
    stamped=_STAMPED,
    module="kubernetes",
    usual=80,
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

#: What only the local cluster runs.
LOCAL_CLUSTER = (KUBERNETES, ETCD, CONTAINERD, CNI, COREDNS, PAUSE)


def version(go_mod: str) -> str:
    """Give the version of the module that a go.mod is about: the first one that it requires."""
    required = re.search(r"^require \S+ v(\S+)$", go_mod, re.MULTILINE)
    return required.group(1) if required else "0"


def minor_before(tool: Tool) -> tuple[int, int]:
    """Return the minor version before a tool's own."""
    major, minor, *_ = version((tool.source / "go.mod").read_text()).split(".")
    return int(major), int(minor) - 1


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
    sources = [(path.name, path.read_bytes()) for path in tool.source.iterdir() if path.is_file()]
    return paths.cache() / "bin" / cache_key(tool, sources, platform.machine())


def program(tool: Tool, name: str) -> Path:
    """Give the path of one program."""
    return folder(tool) / name


def missing(tools: Iterable[Tool]) -> list[Tool]:
    """Return those of the tools that are not in the cache yet."""
    return [tool for tool in tools if not folder(tool).is_dir()]


def ensure(tools: Iterable[Tool]) -> None:
    """Build what is not in the cache yet; safe to run twice at once and to interrupt.

    Raises:
        CommandError: Go is missing or too old, or a build failed.
    """
    if not (lacking := missing(tools)):
        return
    go = golang.inspect(os.environ)
    if go.problem:
        raise CommandError(f"{go.problem} ({', '.join(tool.name for tool in lacking)} is built).")
    for tool in lacking:
        _build(tool, {**GO_ENVIRONMENT, **go.environment})


def _build(tool: Tool, environment: Mapping[str, str]) -> None:
    target = folder(tool)
    target.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{target}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return  # somebody else built it while we waited
        half = Path(f"{target}.{os.getpid()}.tmp")
        what = f"Build {target.name.rpartition('-')[0]}, once; it is kept in {target.parent}"
        with step(what, key=f"build {tool.name}", usual=tool.usual) as building:
            command = _command(tool, half)
            total = _count_packages(tool, environment, building)
            run_long(
                command,
                cwd=tool.source,
                environment=environment,
                within=building,
                progress=lambda output: packages_compiled(output, total),
            )
        half.rename(target)


def packages_compiled(output: str, total: int) -> str:
    """Say how far `go build -v` is, which prints the name of each package. Pure."""
    names = [line for line in output.splitlines() if line and not line.startswith(("go: ", "#"))]
    if not names:
        return "nothing has to be compiled; linking"
    rest = "" if len(names) < total else ", linking"
    return f"{len(names):,} of at most {total:,} packages compiled{rest}"


def _count_packages(tool: Tool, environment: Mapping[str, str], building: Step) -> int:
    """Return how many packages the programs are made of; their modules are downloaded for it."""
    tags = ["-tags", tool.tags] if tool.tags else []
    command = ["go", "list", "-deps", *tags, *(package for _, package in tool.programs)]
    with tempfile.NamedTemporaryFile() as listed:
        run_long(
            command,
            cwd=tool.source,
            environment=environment,
            within=building,
            file_out=Path(listed.name),
        )
        return len(Path(listed.name).read_bytes().splitlines())


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
    release = version((tool.source / "go.mod").read_text())
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
