"""The controllers that go on deleting: what has lost its owners, and what a namespace held."""

from collections.abc import Mapping
from typing import Any

from tests.support.apiserver.deletion import FOREGROUND, ORPHAN, Deleter
from tests.support.apiserver.kinds import NAMESPACE, Kind
from tests.support.apiserver.storage import Storage, Stored

#: More rounds than any test's owners are deep.
_ROUNDS = 100

_EMPTY: dict[str, Any] = {}


class GarbageCollector:
    """Plays the garbage collector and the namespace controller of a cluster."""

    def __init__(self, storage: Storage, deleter: Deleter) -> None:
        self._storage = storage
        self._deleter = deleter

    def run(self) -> None:
        """Work until nothing changes any more; pods keep the time that their containers have."""
        for _ in range(_ROUNDS):
            version = self._storage.version
            for kind, stored in list(self._storage):
                self._visit(kind, stored)
            if self._storage.version == version:
                return
        raise AssertionError("the garbage collector does not come to an end")

    def _visit(self, kind: Kind, listed: Stored) -> None:
        stored = self._storage.get(kind, listed.key)
        if stored is None:
            return
        if kind is NAMESPACE:
            self._empty(stored)
        elif "deletionTimestamp" in stored.body["metadata"]:
            self._let_go(kind, stored)
        else:
            self._look_for_owners(kind, stored)

    def _empty(self, namespace: Stored) -> None:
        if "deletionTimestamp" not in namespace.body["metadata"]:
            return
        held = [(kind, one) for kind, one in self._storage if one.namespace == namespace.name]
        for kind, stored in held:
            if "deletionTimestamp" not in stored.body["metadata"]:
                self._deleter.delete(kind, stored, _EMPTY)
        if not held:
            self._deleter.finish(NAMESPACE, namespace)

    def _let_go(self, kind: Kind, stored: Stored) -> None:
        """Take away the finalizers of ours once the dependents are as they shall be."""
        finalizers = stored.body["metadata"].get("finalizers", ())
        dependents = self._dependents(stored)
        if ORPHAN in finalizers:
            for dependent_kind, dependent in dependents:
                self._disown(dependent_kind, dependent, {stored.body["metadata"]["uid"]})
            self._without(kind, stored, ORPHAN)
        elif FOREGROUND in finalizers:
            for dependent_kind, dependent in dependents:
                if "deletionTimestamp" not in dependent.body["metadata"]:
                    options = {"propagationPolicy": "Foreground"}
                    self._deleter.delete(dependent_kind, dependent, options)
            if not any(_blocks(dependent, stored) for _, dependent in self._dependents(stored)):
                self._without(kind, stored, FOREGROUND)

    def _look_for_owners(self, kind: Kind, stored: Stored) -> None:
        owners = _owners(stored)
        there = {one.body["metadata"]["uid"] for _, one in self._storage}
        absent = {owner["uid"] for owner in owners} - there
        if not absent:
            return
        if len(absent) == len({owner["uid"] for owner in owners}):
            self._deleter.delete(kind, stored, _EMPTY)
        else:
            self._disown(kind, stored, absent)

    def _dependents(self, owner: Stored) -> list[tuple[Kind, Stored]]:
        uid = owner.body["metadata"]["uid"]
        return [
            (kind, one)
            for kind, one in self._storage
            if any(reference["uid"] == uid for reference in _owners(one))
        ]

    def _disown(self, kind: Kind, stored: Stored, owners: set[str]) -> None:
        kept = [owner for owner in _owners(stored) if owner["uid"] not in owners]
        self._put(kind, stored, {"ownerReferences": kept})

    def _without(self, kind: Kind, stored: Stored, finalizer: str) -> None:
        kept = [one for one in stored.body["metadata"]["finalizers"] if one != finalizer]
        if kept:
            self._put(kind, stored, {"finalizers": kept})
        else:
            self._storage.remove(kind, stored.key)

    def _put(self, kind: Kind, stored: Stored, changes: Mapping[str, Any]) -> None:
        metadata = {
            name: value for name, value in (stored.body["metadata"] | changes).items() if value
        }
        self._storage.put(kind, stored.key, stored.body | {"metadata": metadata})


def _owners(stored: Stored) -> list[dict[str, Any]]:
    owners: list[dict[str, Any]] = stored.body["metadata"].get("ownerReferences", [])
    return owners


def _blocks(dependent: Stored, owner: Stored) -> bool:
    uid = owner.body["metadata"]["uid"]
    return any(
        reference["uid"] == uid and reference.get("blockOwnerDeletion")
        for reference in _owners(dependent)
    )
