"""What the cache folder of a tool's binaries depends on."""

from __future__ import annotations

import dataclasses

import pytest

from dev.cluster import build, paths

GO_MOD = (
    b"module x\n\ngo 1.26.0\n\nrequire example.org/tool/v2 v2.3.4\n\nrequire (\n\ta v1.0.0\n)\n"
)
SOURCES = [("go.mod", GO_MOD), ("go.sum", b"sum"), ("main.go", b"package main")]

TOOLS = (*build.LOCAL_CLUSTER, build.KIND)


def test_the_version_is_that_of_the_first_required_module() -> None:
    assert build.version(GO_MOD.decode()) == "2.3.4"


def test_a_module_that_requires_nothing_has_version_0() -> None:
    assert build.version("module x\n") == "0"


def test_the_key_names_the_tool_and_its_version() -> None:
    assert build.cache_key(build.ETCD, SOURCES, "x86_64").startswith("etcd-2.3.4-")


def test_the_key_does_not_depend_on_the_order_of_the_sources() -> None:
    keys = {build.cache_key(build.ETCD, order, "x86_64") for order in (SOURCES, SOURCES[::-1])}

    assert len(keys) == 1


def test_whatever_changes_the_binaries_changes_the_key() -> None:
    changed = dataclasses.replace(build.ETCD, tags="other")
    keys = [
        build.cache_key(build.ETCD, SOURCES, "x86_64"),
        build.cache_key(build.ETCD, SOURCES, "aarch64"),
        build.cache_key(build.ETCD, [*SOURCES[:2], ("main.go", b"package other")], "x86_64"),
        build.cache_key(build.ETCD, [SOURCES[0], ("go.sum", b"other"), SOURCES[2]], "x86_64"),
        build.cache_key(changed, SOURCES, "x86_64"),
    ]

    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_tool_is_pinned_by_a_checked_in_module(tool: build.Tool) -> None:
    module = paths.TOOLS / tool.name

    required = "require " in (module / "go.mod").read_text()

    assert (module / "go.sum").exists() is required
