"""Talk to the running local cluster: its API server, its DNS and its containerd."""

from __future__ import annotations

import platform
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from dev.cluster import binaries, build, configuration, paths
from dev.cluster.certificates import NODE_NAME
from dev.cluster.commands import Argv, run, step, succeeds
from dev.cluster.configuration import DNS_READY_URL
from dev.cluster.kubectl import kubectl, kubectl_succeeds
from dev.images import archive as oci_archive

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: The cluster is on this machine, past whatever proxy there is.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def api_is_ready() -> bool:
    """Tell whether the API server answers that it is ready."""
    return kubectl_succeeds("get", "--raw", "/readyz")


def node_is_ready() -> bool:
    """Tell whether the node is Ready."""
    ready = '{.status.conditions[?(@.type=="Ready")].status}'
    words = ("get", "node", NODE_NAME, "-o", f"jsonpath={ready}")
    return kubectl_succeeds(*words) and kubectl(*words) == "True"


def dns_is_ready() -> bool:
    """Tell whether CoreDNS has read the services."""
    try:
        with _DIRECT.open(DNS_READY_URL, timeout=2):
            return True
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def containerd_is_ready() -> bool:
    """Tell whether containerd answers."""
    return succeeds(_ctr("version"))


def apply_permissions() -> None:
    """Give CoreDNS its rights; applying them again changes nothing."""
    kubectl("apply", "--server-side", "-f", "-", text_in=configuration.dns_permissions())


def has_pause() -> bool:
    """Tell whether the pause image is there."""
    return configuration.PAUSE_IMAGE in run(_ctr("images", "ls", "-q")).split()


def import_pause() -> None:
    """Make the image of the process that holds a pod's namespaces, and import it."""
    path = paths.STATE / f"pause-{platform.machine()}.tar"
    content = binaries.program(build.PAUSE, "pause").read_bytes()
    config = {"Entrypoint": ["/pause"], "User": "65535:65535"}
    oci_archive.write(path, configuration.PAUSE_IMAGE, {"pause": content}, config)
    _import(path)
    path.unlink()


def import_images(archives: Sequence[Path]) -> None:
    """Import image archives into the node."""
    for archive in archives:
        image = archive.stem.rpartition("-")[0]
        size = archive.stat().st_size / 2**20
        with step(f"Load image {image}, {size:.0f} MiB", key=f"load {image}"):
            _import(archive)


def _import(path: Path) -> None:
    run(_ctr("images", "import", "--local", path))


def _ctr(*words: str | Path) -> Argv:
    socket = str(configuration.CONTAINERD_SOCKET)
    return [binaries.program(build.CONTAINERD, "ctr"), "--address", socket, "-n", "k8s.io", *words]
