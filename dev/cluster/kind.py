"""A cluster by kind (Kubernetes in Docker), where a Docker daemon answers."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster import paths, programs
from dev.cluster.commands import run, run_long, say, step
from dev.cluster.docker import docker
from dev.cluster.errors import CommandError
from dev.cluster.kubectl import kubectl_succeeds
from dev.cluster.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dev.cluster.commands import Argv

#: Of this checkout: a cluster of another name is somebody else's.
NAME = f"deputy-{hashlib.sha256(str(paths.PROJECT).encode()).hexdigest()[:8]}"

#: Names an image of a node other than kind's own, as one from a mirror.
IMAGE_VARIABLE = "DEPUTY_KIND_IMAGE"
#: Names a file with kind's configuration.
CONFIG_VARIABLE = "DEPUTY_KIND_CONFIG"

_READY_SECONDS = 180.0
_LABEL = f"io.x-k8s.kind.cluster={NAME}"
_ROLE = "io.x-k8s.kind.role"
#: Kubernetes 1.35 and later refuse to start on version 1 unless they are told otherwise.
_CGROUP_V1 = """\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
kubeadmConfigPatches:
  - |
    kind: KubeletConfiguration
    apiVersion: kubelet.config.k8s.io/v1beta1
    failCgroupV1: false
"""


def up(*, trusted: bool) -> None:
    """Have the cluster, with its kubeconfig written.

    Args:
        trusted: whether an earlier start finished; what an unfinished one left is removed.

    Raises:
        CommandError: Docker or kind fails.
    """
    nodes = _nodes()
    if nodes and not trusted:
        with step("Remove what an unfinished start left"):
            down()
        nodes = {}
    if not nodes:
        _create()
        return
    if stopped := [name for name, state in nodes.items() if state != "running"]:
        with step(f"Start {', '.join(stopped)} again"):
            run(["docker", "start", *stopped])
    run(_kind("export", "kubeconfig", "--name", NAME, "--kubeconfig", paths.KUBECONFIG))
    _wait_until_ready()


def down() -> None:
    """Delete the cluster; nothing happens where there is none, and nothing is built for it."""
    kind = programs.linked(programs.KIND) or programs.find(programs.KIND)
    if kind is not None:
        run_long([kind, "delete", "cluster", "--name", NAME, "--kubeconfig", paths.KUBECONFIG])
    elif nodes := _nodes():
        run(["docker", "rm", "--force", "--volumes", *nodes])


def exists() -> bool:
    """Tell whether Docker has a container of the cluster, running or not."""
    return bool(_nodes())


def import_images(archives: Sequence[Path]) -> None:
    """Import image archives into every node."""
    for node in _nodes(role=f"{_ROLE}=control-plane") | _nodes(role=f"{_ROLE}=worker"):
        inside: Argv = ["docker", "exec", "--interactive", node]
        for archive in archives:
            image = archive.stem.rpartition("-")[0]
            with step(f"Load image {image} into {node}", key=f"load {image}") as loading:
                snapshotter = _snapshotter(run([*inside, "containerd", "config", "dump"]))
                run_long(
                    [
                        *(*inside, "ctr", "--namespace=k8s.io", "images", "import"),
                        *("--digests", f"--snapshotter={snapshotter}", "-"),
                    ],
                    within=loading,
                    file_in=archive,
                )


def creation_words(
    environment: Mapping[str, str], cgroup_version: str, written: Path
) -> tuple[list[str], str]:
    """Return the words about image and configuration of `kind create cluster`. Pure.

    Args:
        environment: may name an image and a configuration.
        cgroup_version: Docker's.
        written: where a configuration of our own would be.

    Returns:
        The words, and what has to be in `written`; empty where it is not needed.
    """
    image = environment.get(IMAGE_VARIABLE, "")
    words = ["--image", image] if image else []
    if named := environment.get(CONFIG_VARIABLE, ""):
        return [*words, "--config", named], ""
    if cgroup_version == "1":
        return [*words, "--config", str(written)], _CGROUP_V1
    return words, ""


def _create() -> None:
    config = paths.STATE / "kind.yaml"
    words, text = creation_words(os.environ, docker().cgroup_version, config)
    named = os.environ.get(CONFIG_VARIABLE)
    if named and not Path(named).is_file():
        raise CommandError(f"{CONFIG_VARIABLE} names {named}, which is not a file.")
    if text:
        say("    this machine has version 1 of cgroups; the kubelet is told to accept it")
        config.write_text(text)
    command = ("create", "cluster", "--name", NAME, "--wait", f"{_READY_SECONDS:.0f}s")
    try:
        with step("Create a cluster with kind", key="kind create", usual=90) as creating:
            run_long(_kind(*command, "--kubeconfig", paths.KUBECONFIG, *words), within=creating)
            _wait_until_ready()
    except BaseException:
        say("    removing the node, which is only half made")
        down()
        raise


def _wait_until_ready() -> None:
    """Return once API server and nodes are ready.

    Raises:
        CommandError: they are not within three minutes.
    """
    words = ("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=4s")
    if not wait_until(lambda: kubectl_succeeds(*words, seconds=8), _READY_SECONDS, pause=1):
        raise CommandError(
            f"The nodes of cluster {NAME} are not ready after {_READY_SECONDS:.0f} s; "
            f"`docker logs {NAME}-control-plane` may say why, `make cluster-down` starts afresh."
        )


def _nodes(role: str = "") -> dict[str, str]:
    """Return the state of each of the cluster's containers, by name."""
    labels = [word for label in (_LABEL, role) if label for word in ("--filter", f"label={label}")]
    listed = run(["docker", "ps", "--all", *labels, "--format", "{{.Names}} {{.State}}"])
    return dict(line.split(maxsplit=1) for line in listed.splitlines() if " " in line)


def _snapshotter(config: str) -> str:
    """Return what containerd's configuration says of where layers are unpacked."""
    lines = (line.strip() for line in config.splitlines())
    values = [
        line.partition("=")[2].strip(" '\"") for line in lines if line.startswith("snapshotter")
    ]
    return next(filter(None, values), "overlayfs")


def _kind(*words: str | Path) -> Argv:
    return [paths.PROGRAMS / "kind", *words]
