"""The guide for people who change the code names what is there."""

import ast
import re
from pathlib import Path

import pytest

from tests.docs.generated import DEVELOPMENT, PROJECT

TEXT = DEVELOPMENT.read_text()
PACKAGES = (
    PROJECT / "operator" / "deputy",
    PROJECT / "sidecar" / "deputy_sidecar",
    PROJECT / "simulator" / "deputy_simulator",
)
IN_BACKTICKS = re.findall(r"`([^`\n]+)`", TEXT)
PATHS = sorted({word for word in IN_BACKTICKS if "/" in word and re.fullmatch(r"[\w./-]+", word)})
CLASSES = sorted({word for word in IN_BACKTICKS if re.fullmatch(r"([A-Z][a-z]+){1,4}", word)})


def defined() -> set[str]:
    """Return the name of every class of ours."""
    files = [file for package in PACKAGES for file in package.rglob("*.py")]
    return {
        node.name
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef)
    }


@pytest.mark.parametrize("path", PATHS)
def test_a_file_that_it_names_is_there(path: str) -> None:
    roots = (PROJECT, *PACKAGES)

    assert any((root / path).exists() for root in roots)


def test_a_class_that_it_names_is_there() -> None:
    assert CLASSES
    assert set(CLASSES) - defined() == set()


@pytest.mark.parametrize("package", PACKAGES[:2], ids=lambda package: package.name)
def test_every_room_is_in_the_picture(package: Path) -> None:
    rooms = {file.name for file in package.iterdir() if (file / "__init__.py").exists()}

    assert {room for room in rooms if not re.search(rf'"{room}(\.\w+)?"', TEXT)} == set()
