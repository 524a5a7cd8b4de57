"""What Debian has is used where it is new enough, and built where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dev.cluster import binaries, build

if TYPE_CHECKING:
    from pathlib import Path

ETCD, CONTAINERD, CNI = binaries.PACKAGED


def policy(package: str, version: str) -> str:
    other = "other:\n  Installed: (none)\n  Candidate: 9.9.9\n"
    return f"{other}{package}:\n  Installed: (none)\n  Candidate: {version}\n  Version table:\n"


@pytest.mark.parametrize(
    ("packaged", "candidate", "version"),
    [
        (ETCD, "3.4.23-4+b4", None),
        (ETCD, "3.5.24-1", "3.5.24"),
        (ETCD, "(none)", None),
        (CONTAINERD, "1.7.24~ds1-6+b4", None),
        (CONTAINERD, "2.1.4~ds1-1", "2.1.4"),
        (CNI, "1.1.1+ds1-3+b5", "1.1.1"),
        (CNI, "2:1.1.1-1", "1.1.1"),
    ],
)
def test_a_package_fits_from_a_version_on(
    packaged: binaries.Packaged, candidate: str, version: str | None
) -> None:
    assert binaries.fits(packaged, policy(packaged.package, candidate)) == version


def test_a_machine_without_apt_has_no_packages() -> None:
    assert binaries.fits(ETCD, "") is None


def test_what_is_built_already_is_used_before_what_was_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    unpacked = tmp_path / "deputy" / "bin" / "cni-1.1.1-debian"
    unpacked.mkdir(parents=True)

    assert binaries.program(build.CNI, "ptp") == unpacked / "ptp"

    build.folder(build.CNI).mkdir()

    assert binaries.folder(build.CNI) == build.folder(build.CNI)


def test_the_packages_are_of_tools_that_the_cluster_runs() -> None:
    assert {packaged.tool for packaged in binaries.PACKAGED} <= set(build.LOCAL_CLUSTER)
