"""Merge patches (RFC 7386) and JSON patches (RFC 6902), as the API server applies them.

Both leave what they are given as it is and return what became of it. Where the API server's
library is laxer than the standard, so are they: `test` for null passes where nothing is, and
`replace` sets a field that is not there.
"""

from collections.abc import Sequence
from typing import Any


class DoesNotApply(Exception):
    """An operation names what is not there, or a test fails."""


def merged(value: Any, patch: Any) -> Any:
    """Return `value` with a merge patch applied; null takes a field away."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for name, change in patch.items():
        if change is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), change)
    return result


def patched(value: Any, operations: Sequence[dict[str, Any]]) -> Any:
    """Return `value` with all operations applied; raise `DoesNotApply` where one fails."""
    for operation in operations:
        value = _applied(value, operation)
    return value


def _applied(value: Any, operation: dict[str, Any]) -> Any:
    path = _parts(operation["path"])
    match operation["op"]:
        case "test":
            if _tested(value, path) != operation.get("value"):
                raise DoesNotApply(f"testing value {operation['path']} failed")
            return value
        case "add":
            return _added(value, path, operation.get("value"))
        case "remove":
            return _removed(value, path)
        case "replace":
            return _replaced(value, path, operation.get("value"))
        case "move":
            source = _parts(operation["from"])
            return _added(_removed(value, source), path, _read(value, source))
        case "copy":
            return _added(value, path, _read(value, _parts(operation["from"])))
        case unknown:
            raise DoesNotApply(f"unexpected kind: {unknown}")


def _parts(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise DoesNotApply(f"doc is missing path: {path}")
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _tested(value: Any, path: list[str]) -> Any:
    holder = _read(value, path[:-1])
    if isinstance(holder, dict) and path:
        return holder.get(path[-1])
    return _read(value, path)


def _read(value: Any, path: list[str]) -> Any:
    for part in path:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list):
            value = value[_index(value, part, len(value) - 1)]
        else:
            raise DoesNotApply(f"doc is missing path: {'/'.join(path)}")
    return value


def _index(items: list[Any], part: str, last: int) -> int:
    try:
        index = int(part)
    except ValueError:
        raise DoesNotApply(f"value was not a proper array index: {part}") from None
    index += len(items) if index < 0 else 0
    if not 0 <= index <= last:
        raise DoesNotApply(f"Unable to access invalid index: {part}")
    return index


def _added(value: Any, path: list[str], new: Any) -> Any:
    if not path:
        raise DoesNotApply("doc is missing path")
    holder, part = _read(value, path[:-1]), path[-1]
    if isinstance(holder, dict):
        return _rebuilt(value, path[:-1], holder | {part: new})
    if not isinstance(holder, list):
        raise DoesNotApply(f"doc is missing path: {'/'.join(path)}")
    index = len(holder) if part == "-" else _index(holder, part, len(holder))
    return _rebuilt(value, path[:-1], [*holder[:index], new, *holder[index:]])


def _removed(value: Any, path: list[str]) -> Any:
    _read(value, path)
    if not path:
        raise DoesNotApply("doc is missing path")
    holder, part = _read(value, path[:-1]), path[-1]
    if isinstance(holder, dict):
        rest: Any = {name: held for name, held in holder.items() if name != part}
    else:
        index = _index(holder, part, len(holder) - 1)
        rest = [*holder[:index], *holder[index + 1 :]]
    return _rebuilt(value, path[:-1], rest)


def _replaced(value: Any, path: list[str], new: Any) -> Any:
    if not path:
        return new
    holder = _read(value, path[:-1])
    if isinstance(holder, list):
        index = _index(holder, path[-1], len(holder) - 1)
        return _rebuilt(value, path[:-1], [*holder[:index], new, *holder[index + 1 :]])
    return _added(value, path, new)


def _rebuilt(value: Any, path: list[str], new: Any) -> Any:
    """Return `value` with what is at `path` exchanged, and everything else shared."""
    if not path:
        return new
    head, rest = path[0], path[1:]
    if isinstance(value, dict):
        return value | {head: _rebuilt(value[head], rest, new)}
    index = _index(value, head, len(value) - 1)
    return [*value[:index], _rebuilt(value[index], rest, new), *value[index + 1 :]]
