"""Whatever the sidecar raises is in one tree, and the tree is drawn."""

import importlib
import inspect
import pkgutil

import deputy_sidecar
from deputy_sidecar import errors


def test_every_error_of_the_sidecar_is_in_the_tree() -> None:
    modules = [
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(deputy_sidecar.__path__, "deputy_sidecar.")
    ]
    exceptions = {
        item
        for module in modules
        for _, item in inspect.getmembers(module, inspect.isclass)
        if issubclass(item, Exception) and item.__module__.startswith("deputy_sidecar.")
    }

    assert {item.__module__ for item in exceptions} == {errors.__name__}
    assert all(issubclass(item, errors.SidecarError) for item in exceptions)
    assert all(item.__name__ in (errors.__doc__ or "") for item in exceptions)
