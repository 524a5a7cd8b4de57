"""What the watches have told, newest wins, with our own writes ahead of the watch."""

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import structlog
from pydantic import ValidationError

_log = structlog.get_logger()

Thing = TypeVar("Thing")


class Store(Generic[Thing]):
    """The objects of one kind by namespace and name, parsed once a change.

    Resource versions are integers that grow (Kubernetes promises so since 1.35), so an older
    view never replaces a newer one, from whichever of watch, list and our own writes it comes.
    """

    def __init__(self, parse: Callable[[dict[str, Any]], Thing]) -> None:
        self._parse = parse
        self._things: dict[tuple[str, str], tuple[int, str, Thing]] = {}
        self._gone: dict[str, None] = {}

    def put(self, body: dict[str, Any]) -> bool:
        """Take in `body`; return whether it was news."""
        metadata = body["metadata"]
        key, uid = (metadata["namespace"], metadata["name"]), metadata["uid"]
        version = int(metadata["resourceVersion"])
        known = self._things.get(key)
        if uid in self._gone or (known is not None and known[0] >= version):
            return False
        try:
            self._things[key] = (version, uid, self._parse(body))
        except ValidationError as error:
            _log.error(
                "an object cannot be read and is left alone; correct it or delete it",
                kind=body.get("kind", ""),
                name="/".join(key),
                error=_told(error),
            )
            return False
        return True

    def remove(self, body: dict[str, Any]) -> None:
        """Forget the object that `body` was the last word of, and never take it back."""
        metadata = body["metadata"]
        key, uid = (metadata["namespace"], metadata["name"]), metadata["uid"]
        self._gone[uid] = None
        if len(self._gone) > 4096:
            del self._gone[next(iter(self._gone))]
        known = self._things.get(key)
        if known is not None and known[1] == uid:
            del self._things[key]

    def drop(self, namespace: str, name: str, version: int) -> bool:
        """Forget what a list does not show any more; return False where it is newer or gone."""
        known = self._things.get((namespace, name))
        if known is None or known[0] != version:
            return False
        self._gone[known[1]] = None
        del self._things[namespace, name]
        return True

    def get(self, namespace: str, name: str) -> Thing | None:
        """Return the newest known state of an object."""
        known = self._things.get((namespace, name))
        return known[2] if known is not None else None

    def version(self, namespace: str, name: str) -> int:
        """Return the resource version of the newest known state, 0 where nothing is known."""
        known = self._things.get((namespace, name))
        return known[0] if known is not None else 0

    def keys(self) -> list[tuple[str, str]]:
        """Return the namespace and name of everything that is known."""
        return list(self._things)

    def __iter__(self) -> Iterator[Thing]:
        return (thing for _, _, thing in list(self._things.values()))


def _told(error: ValidationError) -> str:
    """Return which fields are wrong and why, without what they hold."""
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
