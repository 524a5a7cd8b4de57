"""Custom resources against the schemas of crds/*.yaml: what is pruned, and what is refused.

The rules of a schema are written in CEL. They are looked up by their text, so a rule that is not
known here fails at once instead of going unchecked.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from tests.support.apiserver.refusals import Cause, required, shown, wrong

Schema: TypeAlias = Mapping[str, Any]

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}
_NAMES = {dict: "object", list: "array", str: "string", int: "integer", float: "number"}
_INT32 = 2**31
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")

_RULES_SKIPPED = Cause(
    "<nil>",
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
)


def _has(value: Any, name: str) -> bool:
    return name in value


def _only_grows(new: list[Any], old: list[Any]) -> bool:
    """Add two list-maps by id as CEL does: the right one's entry takes the place of the left's."""
    later = {entry["id"]: entry for entry in old}
    return [later.pop(entry["id"], entry) for entry in new] + list(later.values()) == new


#: What CEL says, in Python. A rule that names `oldSelf` is asked of updates only.
_RULES: dict[str, Callable[[Any, Any], bool]] = {
    "self == oldSelf": lambda new, old: bool(new == old),
    "self >= oldSelf": lambda new, old: bool(new >= old),
    "self + oldSelf == self": _only_grows,
    "has(self.linear) || (has(self.prompt) && size(self.prompt) > 0)": lambda new, _: (
        _has(new, "linear") or bool(new.get("prompt"))
    ),
    (
        "has(self.linear) || !has(self.prompt) || self.prompt == '' || self.prompt.trim() != ''"
    ): lambda new, _: _has(new, "linear") or not new.get("prompt") or bool(new["prompt"].strip()),
    "has(self.attempt) || !has(oldSelf.attempt) || oldSelf.attempt == 1": lambda new, old: (
        _has(new, "attempt") or old.get("attempt", 1) == 1
    ),
    (
        "!has(oldSelf.desiredState) || oldSelf.desiredState != 'Stopped' || "
        "(has(self.desiredState) && self.desiredState == 'Stopped')"
    ): lambda new, old: (
        old.get("desiredState") != "Stopped" or new.get("desiredState") == "Stopped"
    ),
    "has(self.prompt) == has(oldSelf.prompt)": lambda new, old: (
        _has(new, "prompt") == _has(old, "prompt")
    ),
    "has(self.linear) == has(oldSelf.linear)": lambda new, old: (
        _has(new, "linear") == _has(old, "linear")
    ),
    "has(self.inbox) || !has(oldSelf.inbox) || size(oldSelf.inbox) == 0": lambda new, old: (
        _has(new, "inbox") or not old.get("inbox")
    ),
}


def pruned(schema: Schema, value: Any, unknown: list[str], path: str = "") -> Any:
    """Return `value` without the fields that `schema` does not know; name them in `unknown`."""
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return value
    if isinstance(value, list) and "items" in schema:
        items = schema["items"]
        return [pruned(items, one, unknown, f"{path}[{n}]") for n, one in enumerate(value)]
    if not isinstance(value, dict) or "additionalProperties" in schema:
        return value
    known = schema.get("properties", {})
    unknown += [_below(path, name) for name in value if name not in known]
    return {
        name: pruned(known[name], inner, unknown, _below(path, name))
        for name, inner in value.items()
        # None of our fields can be null, and null is what is not there.
        if name in known and inner is not None
    }


def causes(schema: Schema, new: Any, old: Any = None) -> list[Cause]:
    """Return what is wrong with `new`; what is as it was in `old` is not looked at again."""
    wrongs = list(_shape(schema, new, old, ""))
    if any(cause.blocks_rules for cause in wrongs):
        return [*wrongs, _RULES_SKIPPED]
    return [*wrongs, *_rules(schema, new, old, "")]


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _shape(schema: Schema, new: Any, old: Any, path: str) -> Iterator[Cause]:
    if old is not None and new == old:
        return
    if cause := _type(schema, new, path):
        yield cause
        return
    match new:
        case dict():
            yield from _object(schema, new, old, path)
        case list():
            yield from _array(schema, new, old, path)
        case _:
            yield from _scalar(schema, new, path)


def _type(schema: Schema, value: Any, path: str) -> Cause | None:
    wanted = schema.get("type")
    if wanted is None:
        return None
    fits = isinstance(value, _TYPES[wanted]) and isinstance(value, bool) == (wanted == "boolean")
    if wanted == "integer" and isinstance(value, bool):
        # The format is looked at before the type.
        wanted = schema.get("format", wanted)
    if fits and wanted == "integer" and schema.get("format") == "int32":
        fits, wanted = -_INT32 <= value < _INT32, "int32"
    if fits and schema.get("format") == "date-time":
        fits, wanted = _is_time(value), "date-time"
        text = f"{path} in body must be of type {wanted}: {shown(value)}"
        return None if fits else Cause(path, f"Invalid value: {shown(value)}: {text}")
    if fits:
        return None
    name = "boolean" if isinstance(value, bool) else _NAMES.get(type(value), "null")
    text = f'Invalid value: "{name}": {path} in body must be of type {wanted}: "{name}"'
    return Cause(path, text, blocks_rules=True)


def _is_time(text: str) -> bool:
    if not _DATE_TIME.fullmatch(text):
        return False
    try:
        dt.datetime.fromisoformat(text.upper())
    except ValueError:
        return False
    return True


def _object(schema: Schema, new: dict[str, Any], old: Any, path: str) -> Iterator[Cause]:
    for name in schema.get("required", ()):
        if name not in new:
            yield required(_below(path, name))
    before = old if isinstance(old, dict) else {}
    known = schema.get("properties", {})
    every = schema.get("additionalProperties")
    for name, value in new.items():
        inner = known.get(name, every)
        if isinstance(inner, dict):
            yield from _shape(inner, value, before.get(name), _below(path, name))


def _array(schema: Schema, new: list[Any], old: Any, path: str) -> Iterator[Cause]:
    most, least = schema.get("maxItems"), schema.get("minItems", 0)
    if most is not None and len(new) > most:
        text = f"Too many: {len(new)}: must have at most {most} items"
        yield Cause(path, text, blocks_rules=True)
    if len(new) < least:
        yield wrong(path, len(new), f"{path} in body should have at least {least} items")
    before = old if isinstance(old, list) else []
    for number, value in enumerate(new):
        was = before[number] if number < len(before) else None
        yield from _shape(schema.get("items", {}), value, was, f"{path}[{number}]")
    yield from _repeated(schema, new, path)


def _repeated(schema: Schema, new: list[Any], path: str) -> Iterator[Cause]:
    kind = schema.get("x-kubernetes-list-type")
    names = schema.get("x-kubernetes-list-map-keys", ())
    seen: set[str] = set()
    for number, value in enumerate(new):
        if kind == "map" and isinstance(value, dict) and set(names) <= set(value):
            key = shown({name: value[name] for name in names})
        elif kind == "set":
            key = shown(value)
        else:
            continue
        if key in seen:
            yield Cause(f"{path}[{number}]", f"Duplicate value: {key}", blocks_rules=True)
        seen.add(key)


def _scalar(schema: Schema, new: Any, path: str) -> Iterator[Cause]:
    if isinstance(new, str):
        yield from _text(schema, new, path)
    if "enum" in schema and new not in schema["enum"]:
        allowed = ", ".join(shown(value) for value in sorted(schema["enum"]))
        yield Cause(path, f"Unsupported value: {shown(new)}: supported values: {allowed}")
    if "minimum" in schema and new < schema["minimum"]:
        least = schema["minimum"]
        yield wrong(path, new, f"{path} in body should be greater than or equal to {least}")
    if "maximum" in schema and new > schema["maximum"]:
        most = schema["maximum"]
        yield wrong(path, new, f"{path} in body should be less than or equal to {most}")


def _text(schema: Schema, new: str, path: str) -> Iterator[Cause]:
    most, least, pattern = (
        schema.get("maxLength"),
        schema.get("minLength", 0),
        schema.get("pattern"),
    )
    if most is not None and len(new) > most:
        yield Cause(path, f"Too long: may not be more than {most} bytes", blocks_rules=True)
    if len(new) < least:
        yield wrong(path, new, f"{path} in body should be at least {least} chars long")
    if pattern is not None and not re.search(pattern, new):
        yield wrong(path, new, f"{path} in body should match '{pattern}'")


def _rules(schema: Schema, new: Any, old: Any, path: str) -> Iterator[Cause]:
    for rule in schema.get("x-kubernetes-validations", ()):
        if "oldSelf" in rule["rule"] and old is None:
            continue
        if not _RULES[rule["rule"]](new, old):
            name = "boolean" if isinstance(new, bool) else _NAMES.get(type(new), "null")
            value = shown(new) if isinstance(new, str | int) else f'"{name}"'
            yield Cause(path, f"Invalid value: {value}: {rule['message']}")
    if isinstance(new, list):
        for number, value in enumerate(new):
            yield from _rules(schema.get("items", {}), value, None, f"{path}[{number}]")
    before = old if isinstance(old, dict) else {}
    for name, inner in schema.get("properties", {}).items():
        if isinstance(new, dict) and name in new:
            yield from _rules(inner, new[name], before.get(name), _below(path, name))


def unknown_rules(schema: Schema) -> set[str]:
    """Return the rules within `schema` that are not known here."""
    rules = {rule["rule"] for rule in schema.get("x-kubernetes-validations", ())}
    inner = [*schema.get("properties", {}).values(), schema.get("items", {})]
    return (rules - set(_RULES)).union(*(unknown_rules(one) for one in inner if one))
