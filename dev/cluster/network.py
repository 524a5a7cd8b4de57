"""The one network namespace that holds the whole cluster.

It has a veth pair to the host and no default route, so nothing in the cluster can reach, or
disturb, any network but its own; deleting the namespace deletes all of it. The addresses are of
198.18.0.0/15, the benchmarking range (RFC 2544), which nobody routes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster import packages, paths
from dev.cluster.commands import run, succeeds
from dev.cluster.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

_SLOT = paths.SLOT or 0

NAMESPACE = f"deputy-cluster-{_SLOT}"
HANDLE = Path("/run/netns") / NAMESPACE

HOST_ADDRESS = f"198.18.{_SLOT}.1"
NODE_ADDRESS = f"198.18.{_SLOT}.2"
POD_RANGE = f"198.18.{64 + 16 * _SLOT}.0/20"
SERVICE_RANGE = f"198.19.{16 * _SLOT}.0/20"
API_SERVICE_ADDRESS = f"198.19.{16 * _SLOT}.1"

#: What the names of our ends of the links to all clusters on this machine begin with.
_HOST_LINKS = "deputy-host"
_HOST_LINK = f"{_HOST_LINKS}{_SLOT}"
_NODE_LINK = "deputy-node"
_SERVICE_LINK = "services"


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the host: where it leads, and through which device."""

    destination: str
    device: str


def inside(argv: Sequence[str | Path]) -> list[str]:
    """Give the command that runs a program in the cluster's network.

    Not `ip netns exec`: that remounts /sys and so hides the cgroups.
    """
    nsenter = packages.path_of("nsenter")
    return [str(nsenter), f"--net={HANDLE}", "--", *(str(word) for word in argv)]


def is_up() -> bool:
    """Tell whether the namespace, its links and the host's routes are all there."""
    if not HANDLE.exists():
        return False
    wanted = {POD_RANGE, SERVICE_RANGE}
    return wanted <= {route.destination for route in _host_routes() if route.device == _HOST_LINK}


def up() -> None:
    """Make the namespace; what a half-finished or foreign start left of it is replaced.

    Raises:
        CommandError: a kernel feature is missing, or something else uses the addresses.
    """
    down()
    if clash := clashing(_host_routes()):
        raise CommandError(clash)
    _ip("netns", "add", NAMESPACE)
    _links()
    _routes()
    run(inside(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]))


def down() -> None:
    """Delete the namespace and with it all links and routes; nothing happens where none is."""
    if HANDLE.exists():
        _ip("netns", "del", NAMESPACE)
    # A namespace lives on while a process is in it, and so would our end of the pair.
    if Path("/sys/class/net", _HOST_LINK).exists():
        succeeds([packages.path_of("ip"), "link", "del", _HOST_LINK])


def clashing(routes: Sequence[Route]) -> str | None:
    """Say which of the host's routes already leads into the cluster's ranges, if one does."""
    for route in routes:
        ours = route.device.startswith(_HOST_LINKS)
        if route.destination.startswith(("198.18.", "198.19.")) and not ours:
            return (
                f"The host already routes {route.destination} through {route.device}, and the "
                "local cluster needs 198.18.0.0/15; end what made that route (a VPN?), or start "
                "Docker to have kind used."
            )
    return None


def _links() -> None:
    try:
        _ip(
            *("link", "add", _HOST_LINK, "type", "veth"),
            *("peer", "name", _NODE_LINK, "netns", NAMESPACE),
        )
        # A bridge, because `dummy` devices do not exist in every kernel.
        _node("link", "add", _SERVICE_LINK, "type", "bridge")
    except CommandError as error:
        raise CommandError(
            "This kernel cannot make veth pairs or bridges; load its modules "
            f"(`modprobe -a veth bridge`) or use a machine with Docker. {error}"
        ) from error
    _ip("addr", "add", f"{HOST_ADDRESS}/24", "dev", _HOST_LINK)
    _node("addr", "add", f"{NODE_ADDRESS}/24", "dev", _NODE_LINK)
    _ip("link", "set", _HOST_LINK, "up")
    for link in ("lo", _NODE_LINK, _SERVICE_LINK):
        _node("link", "set", link, "up")


def _routes() -> None:
    # A packet to a service that has no rule yet must find a route, or it is an error at once.
    _node("route", "add", SERVICE_RANGE, "dev", _SERVICE_LINK, "src", NODE_ADDRESS)
    for reached in (POD_RANGE, SERVICE_RANGE):
        _ip("route", "add", reached, "via", NODE_ADDRESS, "dev", _HOST_LINK)


def _host_routes() -> list[Route]:
    listed = json.loads(_ip("-j", "-4", "route", "show") or "[]")
    return [Route(str(route["dst"]), str(route.get("dev", ""))) for route in listed]


def _node(*words: str) -> str:
    return _ip("-n", NAMESPACE, *words)


def _ip(*words: str) -> str:
    return run([packages.path_of("ip"), *words])
