"""Read entities the way GraphQL names them, page through them, and filter them."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from deputy_simulator.linear.clock import iso
from deputy_simulator.linear.entities import Issue, IssueLabel, Json, Node
from deputy_simulator.linear.errors import InvalidInputError

if TYPE_CHECKING:
    from deputy_simulator.linear.store import Store

N = TypeVar("N", bound=Node)

#: Size of a page where neither `first` nor `last` is given, and the largest one.
PAGE = 50
LARGEST_PAGE = 250


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


def connection(store: Store, nodes: Iterable[Node], arguments: Json) -> Json:
    """Return a page of `nodes`, newest first, filtered and cut as `arguments` say."""
    wanted = arguments.get("filter")
    archived = arguments.get("includeArchived")
    chosen = [
        node
        for node in nodes
        if (archived or node.archived_at is None) and (not wanted or matches(store, node, wanted))
    ]
    field = "updated_at" if arguments.get("orderBy") == "updatedAt" else "created_at"
    chosen.reverse()  # of two made in the same millisecond, the later one comes first
    chosen.sort(key=lambda node: getattr(node, field), reverse=True)
    return _page(chosen, arguments)


def _page(nodes: list[Node], arguments: Json) -> Json:
    ids = [node.id for node in nodes]
    after, before = arguments.get("after"), arguments.get("before")
    start = _position(ids, after, "after") + 1 if after else 0
    stop = _position(ids, before, "before") if before else len(nodes)
    first, last = arguments.get("first"), arguments.get("last")
    if last is not None:
        start = max(start, stop - _size(last))
    else:
        stop = min(stop, start + _size(first if first is not None else PAGE))
    page = nodes[start:stop]
    return {
        "nodes": page,
        "edges": [{"cursor": node.id, "node": node} for node in page],
        "pageInfo": {
            "hasNextPage": stop < len(nodes),
            "hasPreviousPage": start > 0,
            "startCursor": page[0].id if page else None,
            "endCursor": page[-1].id if page else None,
        },
    }


def _position(ids: list[str], cursor: str, argument: str) -> int:
    if cursor not in ids:
        raise InvalidInputError(argument, f"{argument} is not a cursor of this list.")
    return ids.index(cursor)


def _size(asked: int) -> int:
    if not 0 < asked <= LARGEST_PAGE:
        raise InvalidInputError("first", f"A page has 1 to {LARGEST_PAGE} items.")
    return asked


def matches(store: Store, node: Any, wanted: Json) -> bool:
    """Say whether an entity passes one of Linear's filters."""
    return all(_passes(store, node, field, value) for field, value in wanted.items())


def _passes(store: Store, node: Any, field: str, wanted: Any) -> bool:
    if wanted is None:
        return True
    match field:
        case "and":
            return all(matches(store, node, part) for part in wanted)
        case "or":
            return any(matches(store, node, part) for part in wanted)
        case "null":
            return (node is None) is bool(wanted)
        case "labels" if isinstance(node, Issue):
            labels = [store.get(IssueLabel, known) for known in node.label_ids]
            return _passes_collection(store, labels, wanted)
        case _:
            value = read(store, node, field) if node is not None else None
    if isinstance(value, Node) or _is_relation(wanted):
        return _passes_relation(store, value, wanted)
    return all(_compares(value, name, operand) for name, operand in wanted.items())


def _passes_relation(store: Store, related: Any, wanted: Json) -> bool:
    if related is None:
        return wanted.get("null") is True
    return matches(store, related, {k: v for k, v in wanted.items() if k != "null" or v})


def _passes_collection(store: Store, related: list[IssueLabel], wanted: Json) -> bool:
    """Pass a collection: `every` wants all, `length` counts, the rest wants one at least."""
    rest = {k: v for k, v in wanted.items() if k not in {"some", "every", "length"}}
    some = [wanted["some"]] if wanted.get("some") else []
    tests = [*some, rest] if rest else some
    every = wanted.get("every")
    length = wanted.get("length") or {}
    return (
        all(any(matches(store, label, test) for label in related) for test in tests)
        and (every is None or all(matches(store, label, every) for label in related))
        and all(_compares(len(related), name, operand) for name, operand in length.items())
    )


def _is_relation(wanted: Json) -> bool:
    return any(name not in _COMPARISONS and name != "null" for name in wanted)


def _compares(value: Any, name: str, operand: Any) -> bool:
    if name == "null":
        return (value is None) is bool(operand)
    return _COMPARISONS[name](value, operand)


def _folded(value: Any) -> str:
    return str(value).casefold() if value is not None else ""


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, operand: value is not None and compare(value, operand)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, operand: bool(value == operand),
    "neq": lambda value, operand: bool(value != operand),
    "in": lambda value, operand: value in operand,
    "nin": lambda value, operand: value not in operand,
    "gt": _ordered(lambda value, operand: bool(value > operand)),
    "gte": _ordered(lambda value, operand: bool(value >= operand)),
    "lt": _ordered(lambda value, operand: bool(value < operand)),
    "lte": _ordered(lambda value, operand: bool(value <= operand)),
    "contains": _ordered(lambda value, operand: operand in value),
    "notContains": lambda value, operand: operand not in (value or ""),
    "startsWith": _ordered(lambda value, operand: str(value).startswith(operand)),
    "notStartsWith": lambda value, operand: not str(value or "").startswith(operand),
    "endsWith": _ordered(lambda value, operand: str(value).endswith(operand)),
    "notEndsWith": lambda value, operand: not str(value or "").endswith(operand),
    "eqIgnoreCase": lambda value, operand: _folded(value) == _folded(operand),
    "neqIgnoreCase": lambda value, operand: _folded(value) != _folded(operand),
    "containsIgnoreCase": lambda value, operand: _folded(operand) in _folded(value),
    "containsIgnoreCaseAndAccent": lambda value, operand: _folded(operand) in _folded(value),
    "notContainsIgnoreCase": lambda value, operand: _folded(operand) not in _folded(value),
    "startsWithIgnoreCase": lambda value, operand: _folded(value).startswith(_folded(operand)),
}
