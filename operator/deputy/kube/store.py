"""What the watches have told, newest wins, with our own writes ahead of the watch."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeAlias, TypeVar

import structlog
from pydantic import BaseModel, ValidationError

_LOG = structlog.stdlib.get_logger(__name__)

#: Namespace and name of an object: what stores and work queues go by.
Key: TypeAlias = tuple[str, str]

Thing = TypeVar("Thing")
Model = TypeVar("Model", bound=BaseModel)

#: So many deleted objects are remembered, so that a late word of one does not bring it back.
_MOST_GONE = 4096


def reader_of(model: type[Model]) -> Callable[[Mapping[str, Any]], Model]:
    """Return what reads `model` and ignores fields that a newer version has added."""
    return lambda body: model.model_validate(body, extra="ignore")


class Store(Generic[Thing]):
    """The objects of one kind by namespace and name, parsed once a change.

    Resource versions are integers that grow (Kubernetes promises so since 1.35), so an older
    view never replaces a newer one, from whichever of watch, list and our own writes it comes.
    """

    def __init__(self, parse: Callable[[dict[str, Any]], Thing]) -> None:
        self._parse = parse
        self._things: dict[Key, tuple[int, str, Thing]] = {}
        self._gone: dict[str, None] = {}

    def put(self, body: dict[str, Any]) -> bool:
        """Take in `body`; return whether it was news."""
        metadata = body["metadata"]
        key, uid = (metadata["namespace"], metadata["name"]), metadata["uid"]
        version = int(metadata["resourceVersion"])
        known = self._things.get(key)
        if uid in self._gone or (known is not None and known[0] >= version):
            return False
        thing = self._parsed(body)
        if thing is None:
            return False
        self._things[key] = (version, uid, thing)
        return True

    def remove(self, body: dict[str, Any]) -> Thing | None:
        """Forget the object that `body` was the last word of, and never take it back.

        Returns that last word, or what was known before where it cannot be read; None where
        neither tells anything.
        """
        metadata = body["metadata"]
        key, uid = (metadata["namespace"], metadata["name"]), metadata["uid"]
        self._forget(uid)
        known = self._things.get(key)
        last = None
        if known is not None and known[1] == uid:
            last = known[2]
            del self._things[key]
        parsed = self._parsed(body)
        return last if parsed is None else parsed

    def drop(self, namespace: str, name: str, version: int) -> bool:
        """Forget what a list does not show any more; return False where it is newer or gone."""
        known = self._things.get((namespace, name))
        if known is None or known[0] != version:
            return False
        self._forget(known[1])
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

    def keys(self) -> list[Key]:
        """Return the namespace and name of everything that is known."""
        return list(self._things)

    def __iter__(self) -> Iterator[Thing]:
        return (thing for _, _, thing in list(self._things.values()))

    def _forget(self, uid: str) -> None:
        self._gone[uid] = None
        if len(self._gone) > _MOST_GONE:
            del self._gone[next(iter(self._gone))]

    def _parsed(self, body: dict[str, Any]) -> Thing | None:
        try:
            return self._parse(body)
        except ValidationError as error:
            metadata = body["metadata"]
            _LOG.error(
                "an object cannot be read and is left alone; correct it or delete it",
                kind=body.get("kind", ""),
                name=f"{metadata['namespace']}/{metadata['name']}",
                error=_fields_of(error),
            )
            return None


def _fields_of(error: ValidationError) -> str:
    """Return which fields are wrong and why, without what they hold."""
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
