"""Linear's filters: which entities pass.

A filter compares what a query would show: of what the simulator holds no data, the empty value.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from deputy_simulator.linear.clock import iso
from deputy_simulator.linear.entities import Json, Node
from deputy_simulator.linear.errors import NotSupportedError

if TYPE_CHECKING:
    from deputy_simulator.linear.call import Call

_OF_COLLECTIONS = frozenset({"some", "every", "length"})

#: A duration of ISO 8601, which in a filter means the moment so long from now.
_DURATION = re.compile(
    r"(?P<sign>-?)P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?"
    r"(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)


def matches(call: Call, node: Any, wanted: Json) -> bool:
    """Say whether an entity passes a filter.

    Raises:
        NotSupportedError: the filter asks for something that no query can show.
    """
    return all(_passes(call, node, field, value) for field, value in wanted.items())


def _passes(call: Call, node: Any, field: str, wanted: Any) -> bool:
    if wanted is None:
        return True
    match field:
        case "and":
            return all(matches(call, node, part) for part in wanted)
        case "or":
            return any(matches(call, node, part) for part in wanted)
        case "null":
            return (node is None) is bool(wanted)
        case _:
            return _passes_value(call, call.value(node, field), wanted)


def _passes_value(call: Call, value: Any, wanted: Json) -> bool:
    match value:
        case list() | tuple():
            return _passes_collection(call, list(value), wanted)
        case Node() | Mapping():
            return _passes_relation(call, value, wanted)
        case None if _is_relation(wanted):
            return wanted.get("null") is True
        case _:
            return all(
                _compares(value, name, _moment(call, operand)) for name, operand in wanted.items()
            )


def _moment(call: Call, operand: Any) -> Any:
    """Return what to compare with: the moment, where a duration is given."""
    duration = _DURATION.fullmatch(operand) if isinstance(operand, str) else None
    if duration is None:
        return operand
    parts = {k: int(v) for k, v in duration.groupdict().items() if v and k != "sign"}
    days = parts.pop("years", 0) * 365 + parts.pop("months", 0) * 30 + parts.pop("days", 0)
    length = dt.timedelta(days=days, **parts)
    return iso(call.workspace.clock.stamp() + (-length if duration["sign"] else length))


def _passes_relation(call: Call, related: Any, wanted: Json) -> bool:
    return matches(call, related, {k: v for k, v in wanted.items() if k != "null" or v})


def _passes_collection(call: Call, related: list[Any], wanted: Json) -> bool:
    """Pass a collection: `every` wants all, `length` counts, the rest wants one at least."""
    rest = {k: v for k, v in wanted.items() if k not in _OF_COLLECTIONS}
    some = [wanted["some"]] if wanted.get("some") else []
    tests = [*some, rest] if rest else some
    every = wanted.get("every")
    length = wanted.get("length") or {}
    return (
        all(any(_passes_item(call, one, test) for one in related) for test in tests)
        and (every is None or all(_passes_item(call, one, every) for one in related))
        and all(_compares(len(related), name, operand) for name, operand in length.items())
    )


def _passes_item(call: Call, item: Any, wanted: Json) -> bool:
    if isinstance(item, Node | Mapping):
        return matches(call, item, wanted)
    return _passes_value(call, item, wanted)


def _is_relation(wanted: Json) -> bool:
    return any(name not in _COMPARISONS and name != "null" for name in wanted)


def _compares(value: Any, name: str, operand: Any) -> bool:
    if name == "null":
        return (value is None) is bool(operand)
    if name not in _COMPARISONS:
        raise NotSupportedError(f"filters with {name}")
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
