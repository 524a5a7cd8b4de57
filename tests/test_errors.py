"""Facts of the errors: one tree, drawn in one docstring, and every class of it says what it is."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import pytest

import deputy
from deputy import errors
from deputy.errors import DeputyError

_LINE = re.compile(r"(?P<indent>[│ ]*)[├└]── (?P<name>\w+)  +\S")


def drawn() -> dict[str, str]:
    """Return the parent of each class, as the docstring draws them."""
    path = [DeputyError.__name__]
    parents: dict[str, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        if match := _LINE.match(line):
            depth = len(match["indent"]) // 4
            path[depth + 1 :] = [match["name"]]
            parents[match["name"]] = path[depth]
    return parents


def defined() -> Iterator[type[BaseException]]:
    """Yield every class of an exception that a module of deputy defines."""
    for module in pkgutil.walk_packages(deputy.__path__, "deputy."):
        for _, cls in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(cls, BaseException) and cls.__module__ == module.name:
                yield cls


CLASSES = sorted(set(defined()), key=lambda cls: cls.__name__)


def test_the_picture_is_the_tree_of_the_classes() -> None:
    parents = {cls.__name__: cls.__base__.__name__ for cls in CLASSES if cls.__base__}

    assert drawn() == {name: base for name, base in parents.items() if name != "DeputyError"}


def test_no_two_errors_have_one_name() -> None:
    assert len({cls.__name__ for cls in CLASSES}) == len(CLASSES)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_an_error_belongs_to_the_tree_and_says_what_it_is(cls: type[BaseException]) -> None:
    assert issubclass(cls, DeputyError)
    assert vars(cls).get("__doc__"), f"{cls.__name__} has no docstring"
