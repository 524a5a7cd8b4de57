"""How images get into a cluster that somebody else has made. Pure but for running the command."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from dev.cluster.commands import run_long, step
from dev.cluster.errors import CommandError
from dev.images.archive import ARCHITECTURES

if TYPE_CHECKING:
    from pathlib import Path

#: Names a registry that images are pushed to, and that the cluster pulls them from.
REGISTRY_VARIABLE = "DEPUTY_REGISTRY"

Node: TypeAlias = Mapping[str, Any]

_K3D_NODE = re.compile(r"k3d-(.+)-(?:server|agent)-\d+$")


@dataclass(frozen=True, slots=True)
class Importer:
    """The command that brings an image archive, named last, into a cluster."""

    words: tuple[str, ...]
    on_every_node: bool = False
    """It has to be run as root on each node, not here."""

    def shown(self, archive: Path) -> str:
        """Return the command as a person types it."""
        sudo = "sudo " if self.on_every_node else ""
        return sudo + shlex.join([*self.words, str(archive)])


def importer(nodes: Sequence[Node]) -> Importer | None:
    """Return how kind, minikube, k3d or k3s takes images; None for a cluster of another kind."""
    node = nodes[0]
    name = str(node["metadata"]["name"])
    provider = str(node.get("spec", {}).get("providerID", ""))
    labels = node["metadata"].get("labels", {})
    if provider.startswith("kind://"):
        return Importer(("kind", "load", "image-archive", "--name", provider.split("/")[3]))
    if profile := labels.get("minikube.k8s.io/name"):
        return Importer(("minikube", "--profile", profile, "image", "load"))
    if match := _K3D_NODE.match(name):
        return Importer(("k3d", "image", "import", "--cluster", match[1]))
    if "+k3s" in node["status"]["nodeInfo"]["kubeletVersion"]:
        return Importer(("k3s", "ctr", "images", "import"), on_every_node=True)
    return None


def can_run_here(command: Importer, nodes: Sequence[Node], host: str, *, root: bool) -> bool:
    """Tell whether the command does all of it when it is run here."""
    if not command.on_every_node:
        return True
    return root and [node["metadata"]["name"] for node in nodes] == [host]


def lacking(nodes: Sequence[Node], references: Sequence[str]) -> list[str]:
    """Return the images that some node does not say it has."""
    held = [
        {name for image in node["status"].get("images", ()) for name in image.get("names") or ()}
        for node in nodes
    ]
    return [name for name in references if not all(name in names for names in held)]


def wrong_architecture(nodes: Sequence[Node], machine: str) -> str | None:
    """Say that the nodes cannot run what is built here, where that is so."""
    ours = ARCHITECTURES.get(machine, machine)
    theirs = {str(node["status"]["nodeInfo"]["architecture"]) for node in nodes}
    if ours in theirs:
        return None
    return f"the cluster's nodes are {', '.join(sorted(theirs))}, and what is built here is {ours}"


def bring(archives: Mapping[str, Path], nodes: Sequence[Node]) -> None:
    """Bring images, named by what pods call them, into a cluster of somebody else's.

    Raises:
        CommandError: that cannot be done from here; with the commands that do it.
    """
    if problem := wrong_architecture(nodes, platform.machine()):
        raise CommandError(f"{problem[0].upper()}{problem[1:]}.")
    command = importer(nodes)
    if command is None:
        raise CommandError(
            "The nodes take images from a registry only; name one that you may push to and the "
            f"cluster pulls from, and run this again: export {REGISTRY_VARIABLE}="
            "registry.example.com/you"
        )
    root = os.geteuid() == 0
    is_ours = can_run_here(command, nodes, socket.gethostname(), root=root)
    if is_ours and shutil.which(command.words[0]) is not None:
        for archive in archives.values():
            with step(command.shown(archive), key=f"load {archive.stem.rpartition('-')[0]}"):
                run_long([*command.words, archive])
        return
    if lacking(nodes, list(archives)):
        raise CommandError(_by_hand(command, archives.values()))


def _by_hand(command: Importer, archives: Iterable[Path]) -> str:
    where = "On every node" if command.on_every_node else "Where that program is"
    lines = [f"    {command.shown(archive)}" for archive in archives]
    return "\n".join(
        [
            f"{where}, run this, and then what you have just run once more:",
            *lines,
            f"Or name a registry that the cluster pulls from in {REGISTRY_VARIABLE}.",
        ]
    )
