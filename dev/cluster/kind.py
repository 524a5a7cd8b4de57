"""A cluster by kind (Kubernetes in Docker), where a Docker daemon answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dev.cluster import build, paths
from dev.cluster.commands import Argv, run, run_long, step, succeeds

if TYPE_CHECKING:
    from pathlib import Path

NAME = "deputy"


def docker_answers() -> bool:
    """Tell whether there is a Docker daemon that we may use."""
    return succeeds(["docker", "info", "--format", "{{.ServerVersion}}"]) and bool(
        run(["docker", "version", "--format", "{{.Server.Version}}"]).strip()
    )


def up() -> None:
    """Create the cluster where it does not exist; its kubeconfig is written every time."""
    build.ensure([build.KUBERNETES, build.HELM, build.KIND])
    paths.STATE.mkdir(exist_ok=True)
    if NAME in run(_kind("get", "clusters")).split():
        run(_kind("export", "kubeconfig", "--name", NAME, "--kubeconfig", paths.KUBECONFIG))
        return
    with step("Create a cluster with kind"):
        run_long(
            _kind(
                *("create", "cluster", "--name", NAME, "--wait", "180s"),
                *("--kubeconfig", paths.KUBECONFIG),
            )
        )


def down() -> None:
    """Delete the cluster; nothing happens where there is none."""
    build.ensure([build.KIND])
    run_long(_kind("delete", "cluster", "--name", NAME, "--kubeconfig", paths.KUBECONFIG))


def import_image(path: Path) -> None:
    """Import an image archive into the nodes."""
    run_long(_kind("load", "image-archive", "--name", NAME, path))


def _kind(*words: str | Path) -> Argv:
    return [build.program(build.KIND, "kind"), *words]
