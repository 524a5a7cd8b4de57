"""Talk to the running local cluster: its API server, its DNS and its containerd."""

from __future__ import annotations

import platform
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from dev.cluster import build, configuration, paths
from dev.cluster.certificates import NODE_NAME
from dev.cluster.commands import Argv, run, succeeds
from dev.cluster.configuration import DNS_READY_URL
from dev.images import archive

if TYPE_CHECKING:
    from pathlib import Path


def api_is_ready() -> bool:
    """Tell whether the API server answers that it is ready."""
    return succeeds(_kubectl("get", "--raw", "/readyz"))


def node_is_ready() -> bool:
    """Tell whether the node is Ready."""
    ready = '{.status.conditions[?(@.type=="Ready")].status}'
    command = _kubectl("get", "node", NODE_NAME, "-o", f"jsonpath={ready}")
    return succeeds(command) and run(command) == "True"


def dns_is_ready() -> bool:
    """Tell whether CoreDNS has read the services."""
    try:
        with urllib.request.urlopen(DNS_READY_URL, timeout=2):
            return True
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def containerd_is_ready() -> bool:
    """Tell whether containerd answers."""
    return succeeds(_ctr("version"))


def apply_permissions() -> None:
    """Give CoreDNS its rights; applying them again changes nothing."""
    run(
        _kubectl("apply", "--server-side", "-f", "-"),
        text_in=configuration.dns_permissions(),
    )


def has_pause() -> bool:
    """Tell whether the pause image is there."""
    return configuration.PAUSE_IMAGE in run(_ctr("images", "ls", "-q")).split()


def import_pause() -> None:
    """Make the image of the process that holds a pod's namespaces, and import it."""
    path = paths.STATE / f"pause-{platform.machine()}.tar"
    content = build.program(build.PAUSE, "pause").read_bytes()
    config = {"Entrypoint": ["/pause"], "User": "65535:65535"}
    archive.write(path, configuration.PAUSE_IMAGE, {"pause": content}, config)
    import_image(path)
    path.unlink()


def import_image(path: Path) -> None:
    """Import an image archive into the node."""
    run(_ctr("images", "import", "--local", path))


def _kubectl(*words: str) -> Argv:
    program = build.program(build.KUBERNETES, "kubectl")
    return [program, "--kubeconfig", paths.KUBECONFIG, *words]


def _ctr(*words: str | Path) -> Argv:
    socket = str(configuration.CONTAINERD_SOCKET)
    return [build.program(build.CONTAINERD, "ctr"), "--address", socket, "-n", "k8s.io", *words]
