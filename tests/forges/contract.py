"""GitHub's own description of its REST interface, as a judge of requests and answers.

OpenAPI 3.0 is JSON Schema but for `nullable`; that much is translated here.
"""

import dataclasses
import datetime as dt
import functools
import json
import pathlib
import re
import urllib.parse
from typing import Any

import jsonschema
from jsonschema.validators import Draft4Validator

DESCRIPTION = pathlib.Path(__file__).parents[1] / "data" / "github" / "github-pulls.openapi.json"

_FORMATS = jsonschema.FormatChecker(formats=())


@_FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urllib.parse.urlsplit(value).scheme)


@_FORMATS.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or dt.datetime.fromisoformat(value).tzinfo is not None


@dataclasses.dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer; `path` begins at the root of the interface."""

    method: str
    path: str
    query: dict[str, str]
    sent: Any
    status: int
    received: Any


def complaints(exchange: Exchange) -> list[str]:
    """Return what GitHub's description has against an exchange, in either direction."""
    operation = _operation(exchange.method, exchange.path)
    if operation is None:
        return [f"GitHub describes no {exchange.method} {exchange.path}"]
    return [*_of_request(operation, exchange), *_of_answer(operation, exchange)]


def _of_request(operation: dict[str, Any], exchange: Exchange) -> list[str]:
    known = {
        parameter["name"]: parameter["schema"]
        for parameter in map(_resolved, operation.get("parameters", []))
        if parameter["in"] == "query"
    }
    against = [f"there is no query parameter {name}" for name in exchange.query.keys() - known]
    for name in exchange.query.keys() & known:
        value = exchange.query[name]
        is_number = known[name].get("type") == "integer" and value.isdecimal()
        against += _errors(known[name], int(value) if is_number else value, f"query {name}")
    body = _resolved(operation.get("requestBody", {}))
    if exchange.sent is None:
        return [*against, "the body is missing"] if body.get("required") else against
    schema = _resolved(body["content"]["application/json"]["schema"])
    unknown = exchange.sent.keys() - schema.get("properties", exchange.sent)
    against += [f"the request has no field {name}" for name in unknown]
    return [*against, *_errors(schema, exchange.sent, "request")]


def _of_answer(operation: dict[str, Any], exchange: Exchange) -> list[str]:
    described = operation["responses"].get(str(exchange.status))
    if described is None and exchange.status < 400:
        return [f"GitHub does not answer {exchange.status}"]
    # Refusals that can meet any request are described once, as `basic-error`.
    content = {} if described is None else _resolved(described).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    if schema is None:
        schema = {"$ref": "#/components/schemas/basic-error"}
    return _errors(schema, exchange.received, f"answer {exchange.status}")


def _errors(schema: dict[str, Any], value: Any, what: str) -> list[str]:
    whole = _translated(schema) | {"components": _description()["components"]}
    validator = Draft4Validator(whole, format_checker=_FORMATS)
    return [
        f"{what}: {'.'.join(map(str, error.absolute_path))}: {error.message:.200}"
        for error in validator.iter_errors(value)
    ]


@functools.cache
def _description() -> dict[str, Any]:
    description: dict[str, Any] = _translated(json.loads(DESCRIPTION.read_text("utf-8")))
    return description


def _translated(part: Any) -> Any:
    """Return a part of the description with `nullable` said in JSON Schema's words."""
    if isinstance(part, list):
        return [_translated(item) for item in part]
    if not isinstance(part, dict):
        return part
    inner = {key: _translated(value) for key, value in part.items() if key != "nullable"}
    if part.get("nullable") is True:
        return {"anyOf": [{"type": "null"}, inner]}
    return inner


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for template, methods in _description()["paths"].items():
        pattern = re.sub(r"\\{ref\\}", ".+", re.escape(template))
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", pattern)
        if re.fullmatch(pattern, path) and method.lower() in methods:
            operation: dict[str, Any] = methods[method.lower()]
            return operation
    return None


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        node: Any = _description()
        for step in part["$ref"].removeprefix("#/").split("/"):
            node = node[step]
        part = node
    return part
