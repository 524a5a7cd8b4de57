"""Facts of the command `deputy-simulate`, and of the distribution that brings it."""

from __future__ import annotations

import pathlib
import tomllib
from typing import Any

import pytest

from deputy_simulator.__main__ import main

PROJECT = pathlib.Path(__file__).parents[2]


def project_of(folder: pathlib.Path) -> dict[str, Any]:
    told: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return told


@pytest.mark.parametrize("arguments", [[], ["weather"], ["weather", "--help"]])
def test_what_it_does_not_know_it_refuses(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    assert "usage: deputy-simulate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("simulator", "flag"),
    [("linear", "--webhook-url"), ("forge", "--seed-repo"), ("model", "--script")],
)
def test_a_simulator_reads_its_own_flags(
    simulator: str, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([simulator, "--help"])

    assert caught.value.code == 0
    assert flag in capsys.readouterr().out


def test_the_distribution_needs_what_is_locked_for_it() -> None:
    extras = project_of(PROJECT)["optional-dependencies"]

    assert project_of(PROJECT / "simulator")["dependencies"] == extras["simulator"]


def test_both_distributions_have_one_version() -> None:
    assert project_of(PROJECT / "simulator")["version"] == project_of(PROJECT)["version"]


def test_the_folder_simulator_is_no_package() -> None:
    assert not (PROJECT / "simulator" / "__init__.py").exists()
