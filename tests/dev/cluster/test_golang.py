"""Which Go builds, and what is said where none can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dev.cluster import golang

if TYPE_CHECKING:
    from tests.dev.conftest import Machine

NEEDED = (1, 26, 3)


def test_what_is_needed_is_the_newest_that_any_module_asks_for() -> None:
    assert golang.wanted() == NEEDED


@pytest.mark.parametrize("version", ["go1.26.3", "go1.26.8", "go1.27", "go2.0.0"])
def test_a_new_enough_go_builds_as_it_is(version: str) -> None:
    go = golang.judge(f"go version {version} linux/amd64", NEEDED, {})

    assert go == golang.Go({})


@pytest.mark.parametrize("version", ["go1.24.4", "go1.22.2", "go1.26.2"])
def test_an_older_go_may_fetch_a_newer_one_whatever_its_packager_says(version: str) -> None:
    go = golang.judge(f"go version {version} linux/amd64", NEEDED, {})

    assert go.environment == {"GOTOOLCHAIN": "go1.26.3+auto"}
    assert go.note.endswith("fetches Go 1.26.3 for itself")
    assert not go.problem


def test_whoever_forbids_that_himself_is_told_so() -> None:
    go = golang.judge("go version go1.24.4 linux/amd64", NEEDED, {"GOTOOLCHAIN": "local"})

    assert go.problem == (
        "Go 1.24.4 is too old, 1.26.3 is needed, and GOTOOLCHAIN=local keeps it from fetching "
        "that: `unset GOTOOLCHAIN`"
    )


def test_a_go_that_cannot_fetch_is_named_with_the_way_out() -> None:
    go = golang.judge("go version go1.18.1 linux/amd64", NEEDED, {})

    assert go.problem == "Go 1.18.1 is too old, 1.26.3 is needed: https://go.dev/dl/"


def test_no_go_is_named_with_the_way_out() -> None:
    assert golang.judge("", NEEDED, {}).problem == (
        "Go 1.26.3 is not installed: https://go.dev/dl/"
    )


def test_debians_go_builds_with_the_toolchain_that_it_fetches(machine: Machine) -> None:
    machine.has("go")
    machine.tell("version-of-go", "go version go1.24.4 linux/amd64")
    (machine.folder / "bin" / "kind").unlink()

    machine.run("dev.cluster", "up")

    builds = [
        call["variables"]["GOTOOLCHAIN"]
        for call in machine.all_calls()
        if call["program"] == "go" and call["words"][0] == "build"
    ]
    assert builds == ["go1.26.3+auto"]
