"""What the watches have told, newest wins, with our own writes ahead of the watch."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeAlias, TypeVar

import structlog
from pydantic import BaseModel, ValidationError

_LOG = structlog.stdlib.get_logger(__name__)

#: Namespace and name of an object: what stores and work queues go by.
Key: TypeAlias = tuple[str, str]

Object = TypeVar("Object")
Model = TypeVar("Model", bound=BaseModel)

#: So many deleted objects are remembered, so that a late event of one does not bring it back.
_MAX_DELETED = 4096


def reader_of(model: type[Model]) -> Callable[[Mapping[str, Any]], Model]:
    """Return what reads `model` and ignores fields that a newer version has added."""
    return lambda body: model.model_validate(body, extra="ignore")


class Store(Generic[Object]):
    """The objects of one kind by namespace and name, parsed once a change.

    Resource versions are integers that grow (Kubernetes promises so since 1.35), so an older
    view never replaces a newer one, from whichever of watch, list and our own writes it comes.
    """

    def __init__(self, parse: Callable[[dict[str, Any]], Object]) -> None:
        self._parse = parse
        self._objects: dict[Key, tuple[int, str, Object]] = {}
        self._deleted: dict[str, None] = {}

    def put(self, body: dict[str, Any]) -> bool:
        """Take in `body`; return whether it was newer than what was known."""
        metadata = body["metadata"]
        key, uid = (metadata["namespace"], metadata["name"]), metadata["uid"]
        version = int(metadata["resourceVersion"])
        known = self._objects.get(key)
        if uid in self._deleted or (known is not None and known[0] >= version):
            return False
        parsed = self._parsed(body)
        if parsed is None:
            return False
        self._objects[key] = (version, uid, parsed)
        return True

    def remove(self, body: dict[str, Any]) -> Object | None:
        """Forget the object whose last state `body` is, and never take it back.

        Returns that last state, or what was known before where it cannot be read; None where
        neither tells anything.
        """
        metadata = body["metadata"]
        key, uid = (metadata["namespace"], metadata["name"]), metadata["uid"]
        self._note_deleted(uid)
        known = self._objects.get(key)
        last = None
        if known is not None and known[1] == uid:
            last = known[2]
            del self._objects[key]
        parsed = self._parsed(body)
        return last if parsed is None else parsed

    def drop(self, namespace: str, name: str, version: int) -> bool:
        """Forget what a list does not show any more; return False where it is newer or gone."""
        known = self._objects.get((namespace, name))
        if known is None or known[0] != version:
            return False
        self._note_deleted(known[1])
        del self._objects[namespace, name]
        return True

    def get(self, namespace: str, name: str) -> Object | None:
        """Return the newest known state of an object."""
        known = self._objects.get((namespace, name))
        return known[2] if known is not None else None

    def version(self, namespace: str, name: str) -> int:
        """Return the resource version of the newest known state, 0 where nothing is known."""
        known = self._objects.get((namespace, name))
        return known[0] if known is not None else 0

    def keys(self) -> list[Key]:
        """Return the namespace and name of everything that is known."""
        return list(self._objects)

    def __iter__(self) -> Iterator[Object]:
        return (parsed for _, _, parsed in list(self._objects.values()))

    def _note_deleted(self, uid: str) -> None:
        self._deleted[uid] = None
        if len(self._deleted) > _MAX_DELETED:
            del self._deleted[next(iter(self._deleted))]

    def _parsed(self, body: dict[str, Any]) -> Object | None:
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
