"""What a person who cleans up may remove beside the cluster, each with the command."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster import paths
from dev.cluster.commands import run
from dev.cluster.docker import docker
from dev.cluster.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The label that every image of ours has.
IMAGE_LABEL = "dev.deputy.built-by=deputy-dev"


def lines() -> list[str]:
    """Say what stays; nothing where nothing does."""
    remains = list(_remains())
    if not remains:
        return []
    width = max(len(command) for command, _ in remains)
    return [
        "Kept for the next time; to remove it as well:",
        *(f"    {command:<{width}}  # {what}" for command, what in remains),
    ]


def _remains() -> Iterator[tuple[str, str]]:
    cache = paths.cache()
    if cache.exists():
        size = f"{size_of(cache) / 2**30:.1f} GiB"
        # Packages of a base image belong to root, and folders of Go are read-only.
        yield f"rm -rf {shlex.quote(str(cache))}", f"{size}: programs, images, durations"
    for folder in _go_caches():
        yield f"go clean {folder}", "what Go has kept; other projects use it, too"
    if docker().answers:
        yield from _in_docker()


def _go_caches() -> list[str]:
    # Asking go itself would make it needed; these are its defaults.
    defaults = {"-cache": ".cache/go-build", "-modcache": "go/pkg/mod"}
    return [flag for flag, folder in defaults.items() if Path.home().joinpath(folder).exists()]


def _in_docker() -> Iterator[tuple[str, str]]:
    try:
        images = run(["docker", "images", "--quiet", "--filter", f"label={IMAGE_LABEL}"]).split()
        nodes = run(["docker", "images", "--quiet", "kindest/node"]).split()
        network = run(["docker", "network", "ls", "--quiet", "--filter", "name=^kind$"]).strip()
        others = run(["docker", "ps", "--all", "--quiet", "--filter", "network=kind"]).strip()
    except CommandError:
        return
    if images:
        yield f"docker image rm --force {' '.join(sorted(set(images)))}", "the images in Docker"
    if nodes and not others:
        yield f"docker image rm {' '.join(sorted(set(nodes)))}", "kind's image of a node"
    if network and not others:
        yield "docker network rm kind", "kind's network, which no container uses"


def size_of(folder: Path) -> int:
    """Return how much a folder holds; what cannot be read counts as nothing."""
    total = 0
    for path, _, names in os.walk(folder, onerror=lambda _: None):
        for name in names:
            try:
                total += os.lstat(os.path.join(path, name)).st_blocks * 512  # noqa: PTH118  fast
            except OSError:
                continue
    return total
