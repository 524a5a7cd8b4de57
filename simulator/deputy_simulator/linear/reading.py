"""Read entities the way GraphQL names them."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deputy_simulator.linear.clock import iso

if TYPE_CHECKING:
    from deputy_simulator.linear.store import Store


@functools.cache
def snake(name: str) -> str:
    """Return a GraphQL name as our dataclasses spell it."""
    return re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", name)


def read(store: Store, source: Any, name: str) -> Any:
    """Return the field `name` (as GraphQL has it) of an entity, or None where it has none.

    A field that our entity holds as an id is returned as the entity with that id.
    """
    if isinstance(source, Mapping):
        return source.get(name)
    attribute = snake(name)
    if hasattr(source, attribute):
        value = getattr(source, attribute)
        return iso(value) if isinstance(value, dt.datetime) else value
    related = getattr(source, f"{attribute}_id", None)
    return store.any(related) if related is not None else None
