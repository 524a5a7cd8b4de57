"""Which cluster is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dev.cluster.choice import Choice, Provider, choose, from_json, to_json
from dev.cluster.errors import CommandError

if TYPE_CHECKING:
    from pathlib import Path


def test_kind_is_used_where_a_docker_daemon_answers() -> None:
    assert choose({}, docker_answers=True) == Choice(Provider.KIND)


def test_the_local_cluster_is_used_where_none_answers() -> None:
    assert choose({}, docker_answers=False) == Choice(Provider.LOCAL)


def test_a_kubeconfig_named_in_deputy_cluster_comes_before_docker(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.touch()

    chosen = choose({"DEPUTY_CLUSTER": str(kubeconfig)}, docker_answers=True)

    assert chosen == Choice(Provider.GIVEN, kubeconfig)


def test_the_ambient_kubeconfig_is_never_used(tmp_path: Path) -> None:
    production = tmp_path / "config"
    production.touch()

    assert choose({"KUBECONFIG": str(production)}, docker_answers=False) == Choice(Provider.LOCAL)


def test_a_kubeconfig_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(
        CommandError, match=r"DEPUTY_CLUSTER names /nowhere/config, which is not a file"
    ):
        choose({"DEPUTY_CLUSTER": "/nowhere/config"}, docker_answers=True)


@pytest.mark.parametrize(
    "chosen",
    [Choice(Provider.LOCAL), Choice(Provider.KIND)],
    ids=lambda chosen: chosen.provider.value,
)
def test_a_choice_written_down_is_read_back(chosen: Choice) -> None:
    assert from_json(to_json(chosen)) == chosen


def test_a_given_choice_keeps_its_kubeconfig(tmp_path: Path) -> None:
    chosen = Choice(Provider.GIVEN, tmp_path)

    assert from_json(to_json(chosen)) == chosen


@pytest.mark.parametrize("torn", ["", "{", "{}", "[]", '{"kind": "new", "kubeconfig": null}'])
def test_a_torn_choice_counts_as_none(torn: str) -> None:
    assert from_json(torn) is None
