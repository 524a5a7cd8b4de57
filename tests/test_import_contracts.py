"""Facts of the layers: who may import whom, and that core knows neither clock nor dice."""

import ast
import os
import pathlib
import subprocess
import sys

import pytest

PROJECT = pathlib.Path(__file__).parents[1]
CORE = sorted((PROJECT / "operator" / "deputy" / "core").glob("*.py"))

#: What gives another answer when it is asked again.
UNSTEADY = {"now", "utcnow", "today", "monotonic", "time_ns", "uuid1", "uuid4", "token_hex"}


def test_the_import_contracts_are_kept() -> None:
    program = pathlib.Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache"],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": "operator:sidecar:simulator"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_core_asks_no_clock_and_throws_no_dice(path: pathlib.Path) -> None:
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    }

    assert not called & UNSTEADY


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_core_waits_for_nothing(path: pathlib.Path) -> None:
    kinds = {type(node) for node in ast.walk(ast.parse(path.read_text()))}

    assert not kinds & {ast.AsyncFunctionDef, ast.Await}


def test_the_folder_operator_is_no_package() -> None:
    # It would shadow the standard library's module of that name.
    assert not (PROJECT / "operator" / "__init__.py").exists()
