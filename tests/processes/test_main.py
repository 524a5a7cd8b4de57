"""Facts of the command."""

import pathlib
import subprocess
import sys

import pytest

from deputy.__main__ import main
from deputy.api import crd

#: What only the operator or the simulators need, and what nobody needs.
HEAVY = ("graphql", "cryptography", "jinja2")


def test_the_webhook_process_loads_nothing_heavy() -> None:
    code = f"import sys, deputy.processes.webhook; print([m for m in {HEAVY} if m in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": "operator"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "[]\n"


def test_crds_are_written_where_they_are_wanted(tmp_path: pathlib.Path) -> None:
    status = main(["crds", str(tmp_path / "a"), str(tmp_path / "b")])

    assert status == 0
    for folder in ("a", "b"):
        written = {file.name: file.read_text() for file in (tmp_path / folder).iterdir()}
        assert written == dict(crd.files())


@pytest.mark.parametrize("arguments", [[], ["fly"], ["simulate", "linear"]])
def test_what_it_does_not_know_it_refuses(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    assert "usage: deputy" in capsys.readouterr().err
