"""Label and field selectors, as requests write them."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from tests.support.apiserver import refusals
from tests.support.apiserver.kinds import Kind

Labels: TypeAlias = Mapping[str, str]
#: Whether an object is meant.
Selector: TypeAlias = Callable[[Mapping[str, Any]], bool]

#: Commas within parentheses separate the values of one requirement.
_COMMAS = re.compile(r",(?![^(]*\))")
_KEY = r"(?P<key>[A-Za-z0-9][A-Za-z0-9._/-]*)"
_SET = re.compile(rf"{_KEY}\s+(?P<operator>in|notin)\s+\((?P<values>[^()]*)\)")
_EQUALITY = re.compile(rf"{_KEY}\s*(?P<operator>==|=|!=)\s*(?P<values>[A-Za-z0-9._-]*)")
_EXISTENCE = re.compile(rf"(?P<operator>!?)\s*{_KEY}")


def selector_of(kind: Kind, query: Mapping[str, str]) -> Selector | None:
    """Return what the query selects, None where it selects everything."""
    tests = [
        *(_labelled(text) for text in _split(query.get("labelSelector", ""))),
        *(_field(kind, text) for text in _split(query.get("fieldSelector", ""))),
    ]
    if not tests:
        return None
    return lambda body: all(test(body) for test in tests)


def _split(text: str) -> list[str]:
    return [part.strip() for part in _COMMAS.split(text) if part.strip()]


def _labelled(text: str) -> Selector:
    test = _label_test(text)
    return lambda body: test(body["metadata"].get("labels") or {})


def _label_test(text: str) -> Callable[[Labels], bool]:
    if match := _SET.fullmatch(text) or _EQUALITY.fullmatch(text):
        key, negated = match["key"], match["operator"] in ("notin", "!=")
        values = {value.strip() for value in match["values"].split(",")}
        return lambda labels: (labels[key] in values) is not negated if key in labels else negated
    if match := _EXISTENCE.fullmatch(text):
        key, wanted = match["key"], not match["operator"]
        return lambda labels: (key in labels) is wanted
    raise refusals.bad_request(f"unable to parse requirement: {text}")


def _field(kind: Kind, text: str) -> Selector:
    name, operator, value = (*re.split(r"(==|=|!=)", text, maxsplit=1), "", "")[:3]
    if not operator:
        raise refusals.bad_request(f"invalid selector: '{text}'; can't understand '{text}'")
    if name not in kind.selectable:
        raise refusals.bad_request(f"field label not supported: {name}")
    negated = operator == "!="
    return lambda body: (_read(body, name) == value) is not negated


def _read(body: Mapping[str, Any], path: str) -> str:
    value: Any = body
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return "" if value is None else str(value)
