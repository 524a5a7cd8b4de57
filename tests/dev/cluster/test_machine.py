"""The pure readings of this machine's state."""

from __future__ import annotations

from pathlib import Path

from dev.cluster import cleanup, network, packages, requirements
from dev.cluster.network import Route


def test_a_route_into_the_clusters_ranges_by_somebody_else_is_a_clash() -> None:
    routes = [Route("default", "eth0"), Route("198.18.0.0/16", "tun0")]

    clash = network.clashing(routes)

    assert clash is not None
    assert "198.18.0.0/16 through tun0" in clash


def test_the_routes_of_clusters_on_this_machine_clash_with_nothing() -> None:
    routes = [Route("default", "eth0"), Route("198.19.16.0/20", "deputy-host1")]

    assert network.clashing(routes) is None


def test_missing_packages_can_be_installed_by_root_on_debian() -> None:
    assert packages.not_installable(["ip"], ["iproute2"], root=True, debian=True) is None


def test_others_than_root_are_told_the_command() -> None:
    assert packages.not_installable(["ip"], ["iproute2"], root=False, debian=True) == (
        "Not installed: ip; run `sudo apt-get install -y -q --no-install-recommends iproute2`."
    )


def test_other_systems_are_told_what_is_missing_and_that_docker_does_too() -> None:
    reason = packages.not_installable(["ip"], ["iproute2"], root=True, debian=False)

    assert reason is not None
    assert reason.startswith("Not installed: ip; install them with your system's package manager")
    assert "Docker" in reason


def test_the_capabilities_of_an_unprivileged_container_are_found_lacking() -> None:
    status = "CapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\n"

    assert requirements.lacking_capabilities(status) == ["CAP_NET_ADMIN", "CAP_SYS_ADMIN"]


def test_root_without_sys_resource_lacks_nothing() -> None:
    assert requirements.lacking_capabilities("CapEff:\t000001fffeffffff\n") == []


def test_the_clusters_mounts_are_listed_from_the_inside_out_and_no_others() -> None:
    listing = """\
/dev/vda / ext4 rw 0 0
tmpfs /state/pod/volume tmpfs rw 0 0
overlay /state/pod/volume/deeper overlay rw 0 0
tmpfs /state-of-others tmpfs rw 0 0
tmpfs /run/it/with\\040space tmpfs rw 0 0
"""

    assert cleanup.mounts(listing, [Path("/state"), Path("/run/it")]) == [
        "/state/pod/volume/deeper",
        "/run/it/with space",
        "/state/pod/volume",
    ]
