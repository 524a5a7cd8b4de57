"""kubectl on the cluster of this checkout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dev.cluster import paths, proxies
from dev.cluster.commands import run, succeeds

if TYPE_CHECKING:
    from pathlib import Path

    from dev.cluster.commands import Argv


def kubectl(*words: str, text_in: str | None = None) -> str:
    """Run kubectl and return what it printed; raise `CommandError` with its last words."""
    return run(command(*words), text_in=text_in, environment=proxies.bypassed())


def kubectl_succeeds(*words: str, seconds: float = 5.0) -> bool:
    """Tell whether kubectl ends well within this time."""
    return succeeds(command(*words), seconds=seconds, environment=proxies.bypassed())


def command(*words: str) -> Argv:
    """Return the command line of kubectl."""
    return [paths.PROGRAMS / "kubectl", "--kubeconfig", paths.KUBECONFIG, *words]


def to_use_it(kubeconfig: Path = paths.KUBECONFIG) -> str:
    """Return the line with which a person's shell gets the cluster and its programs."""
    bypassed = "".join(f" {name}={value}" for name, value in proxies.bypassed().items())
    return f'export KUBECONFIG={kubeconfig} PATH={paths.PROGRAMS}:"$PATH"{bypassed}'


def cluster_id() -> str:
    """Return what tells this cluster from every other, also from one of the same name."""
    return kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}").strip()
