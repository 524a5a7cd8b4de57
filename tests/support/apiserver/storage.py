"""What the API server stores: every object's newest state, and every change in order.

Nothing that is stored is ever changed in place, so states may share what they have in common.
"""

import bisect
import dataclasses
import json
from collections.abc import Callable, Iterator

from tests.support.apiserver.kinds import Kind, Object

#: Namespace and name.
Key = tuple[str, str]

#: The first version: larger than what a test would name as a very old one.
_FIRST = 1000

#: Changes of a kind that are kept for watches, as the API server's own cache has a limit.
_WINDOW = 10_000


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """An object as of one version."""

    body: Object
    encoded: bytes
    version: int

    @property
    def name(self) -> str:
        name: str = self.body["metadata"]["name"]
        return name

    @property
    def namespace(self) -> str:
        namespace: str = self.body["metadata"].get("namespace", "")
        return namespace

    @property
    def key(self) -> Key:
        return self.namespace, self.name


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """What one write did to one object: `after` is None where it was deleted."""

    version: int
    before: Stored | None
    after: Stored | None


@dataclasses.dataclass(slots=True)
class _Table:
    """The objects of one kind, and their changes."""

    objects: dict[Key, Stored] = dataclasses.field(default_factory=dict)
    changes: list[Change] = dataclasses.field(default_factory=list)
    oldest: int = _FIRST
    listeners: dict[Callable[[], None], None] = dataclasses.field(default_factory=dict)


class TooOld(Exception):
    """What was at that version is forgotten."""

    def __init__(self, oldest: int) -> None:
        super().__init__(str(oldest))
        self.oldest = oldest


class Storage:
    """All objects under one version that grows with every write."""

    def __init__(self) -> None:
        self.version = _FIRST
        self._tables: dict[Kind, _Table] = {}

    def get(self, kind: Kind, key: Key) -> Stored | None:
        """Return the newest state of an object."""
        return self._table(kind).objects.get(key)

    def put(self, kind: Kind, key: Key, body: Object) -> Stored:
        """Store a new state under the next version."""
        table = self._table(kind)
        stored = versioned(body, self.version + 1)
        before = table.objects.get(key)
        table.objects[key] = stored
        self._record(table, Change(stored.version, before, stored))
        return stored

    def remove(self, kind: Kind, key: Key) -> Stored:
        """Delete an object; return its last state, under the version of its deletion."""
        table = self._table(kind)
        before = table.objects.pop(key)
        self._record(table, Change(self.version + 1, before, None))
        return versioned(before.body, self.version)

    def items(self, kind: Kind, at: int | None = None) -> list[Stored]:
        """Return all objects in the order of their keys, now or as of a version.

        Raises `TooOld` where that version is forgotten.
        """
        objects = self._table(kind).objects
        if at is not None and at < self.version:
            objects = dict(objects)
            for change in reversed(self.changes_after(kind, at)):
                _undo(objects, change)
        return [objects[key] for key in sorted(objects)]

    def changes_after(self, kind: Kind, version: int) -> list[Change]:
        """Return the changes after `version`, in order; raise `TooOld` where one is forgotten."""
        table = self._table(kind)
        if version < table.oldest:
            raise TooOld(table.oldest)
        start = bisect.bisect_right(table.changes, version, key=lambda change: change.version)
        return table.changes[start:]

    def forget_changes(self) -> None:
        """Forget how everything came to be as it is; a watch under way has what it needs."""
        for kind in self._tables:
            table = self._tables[kind]
            table.changes.clear()
            table.oldest = self.version

    def listen(self, kind: Kind, listener: Callable[[], None]) -> None:
        """Have `listener` called after each change of a kind."""
        self._table(kind).listeners[listener] = None

    def unlisten(self, kind: Kind, listener: Callable[[], None]) -> None:
        """Call `listener` no more."""
        self._table(kind).listeners.pop(listener, None)

    def __iter__(self) -> Iterator[tuple[Kind, Stored]]:
        for kind in list(self._tables):
            for stored in self.items(kind):
                yield kind, stored

    def _record(self, table: _Table, change: Change) -> None:
        self.version = change.version
        table.changes.append(change)
        if len(table.changes) > 2 * _WINDOW:
            table.oldest = table.changes[-_WINDOW - 1].version
            del table.changes[:-_WINDOW]
        for listener in list(table.listeners):
            listener()

    def _table(self, kind: Kind) -> _Table:
        if kind not in self._tables:
            self._tables[kind] = _Table()
        return self._tables[kind]


def versioned(body: Object, version: int) -> Stored:
    """Return `body` as it is stored under `version`."""
    metadata = body["metadata"] | {"resourceVersion": str(version)}
    body = body | {"metadata": metadata}
    return Stored(body, json.dumps(body, separators=(",", ":")).encode(), version)


def _undo(objects: dict[Key, Stored], change: Change) -> None:
    if change.before is not None:
        objects[change.before.key] = change.before
    elif change.after is not None:
        del objects[change.after.key]
