"""Watches: every change of what is selected, once, in order, for as long as the line holds."""

import asyncio
import dataclasses
import enum
import json
from collections.abc import AsyncIterator

import aiohttp

from tests.support.apiserver import refusals
from tests.support.apiserver.kinds import POD, Kind, Object
from tests.support.apiserver.selectors import Selector
from tests.support.apiserver.storage import Change, Storage, Stored, TooOld, versioned

#: Bytes that arrive at once at most, as from a socket: longer lines come in pieces.
_CHUNK = 64 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Watched:
    """What a watch is of."""

    kind: Kind
    namespace: str = ""
    selector: Selector | None = None
    bookmarks: bool = False
    #: Seconds after which the server ends it.
    lasts: float | None = None

    def selects(self, stored: Stored | None) -> bool:
        """Say whether an object is among what is watched."""
        if stored is None or (self.namespace and stored.namespace != self.namespace):
            return False
        return self.selector is None or self.selector(stored.body)


class _Line(enum.Enum):
    """Whether a watch goes on."""

    OPEN = enum.auto()
    SILENT = enum.auto()
    ENDED = enum.auto()
    CUT = enum.auto()


class Watch:
    """One client's watch; what happens while nobody reads it is not lost."""

    def __init__(self, storage: Storage, watched: Watched, start: int | None) -> None:
        self.watched = watched
        self._storage = storage
        self._line = _Line.OPEN
        self._closed = False
        self._awake = asyncio.Event()
        self._ready: list[bytes] = []
        self._version = storage.version if start is None else start
        storage.listen(watched.kind, self._look)
        if start is None:
            self._ready += [_event("ADDED", stored) for stored in self._present()]
        else:
            self._look()

    @property
    def is_open(self) -> bool:
        """Whether a client follows it."""
        return not self._closed

    def bookmark(self) -> None:
        """Tell how far the watch has come, if the client wants to know."""
        if self.watched.bookmarks and self._line is _Line.OPEN:
            self._tell(_bookmark(self.watched.kind, self._storage.version))

    def end(self) -> None:
        """End it as the server does when its time is up."""
        self._close(_Line.ENDED)

    def cut(self) -> None:
        """Break the connection."""
        self._close(_Line.CUT)

    def silence(self) -> None:
        """Have nothing arrive any more, without a word that the line is dead."""
        self._close(_Line.SILENT)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield what arrives, in pieces that need not end where a line ends."""
        loop = asyncio.get_running_loop()
        lasts = self.watched.lasts
        ends = None if lasts is None else loop.time() + lasts
        while self._line is not _Line.ENDED:
            for chunk in self._arrived():
                yield chunk
            try:
                async with asyncio.timeout_at(ends):
                    await self._awake.wait()
            except TimeoutError:
                self.bookmark()
                self.end()
            self._awake.clear()
        for chunk in self._arrived():
            yield chunk

    def close(self) -> None:
        """Take no more notice of changes: the client is gone."""
        self._closed = True
        self._storage.unlisten(self.watched.kind, self._look)

    def _arrived(self) -> list[bytes]:
        if self._line is _Line.CUT:
            raise aiohttp.ClientPayloadError("Response payload is not completed")
        text, self._ready = b"".join(self._ready), []
        return [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]

    def _close(self, line: _Line) -> None:
        if self._line in (_Line.OPEN, _Line.SILENT):
            self._line = line
            self._awake.set()

    def _look(self) -> None:
        """Take in what has changed since the last look."""
        try:
            changes = self._storage.changes_after(self.watched.kind, self._version)
        except TooOld as error:
            self._tell(_too_old(self._version, error.oldest))
            self.end()
            return
        for change in changes:
            self._version = change.version
            if event := self._event(change):
                self._tell(event)

    def _tell(self, event: bytes) -> None:
        if self._line is _Line.OPEN:
            self._ready.append(event)
            self._awake.set()

    def _present(self) -> list[Stored]:
        return [one for one in self._storage.items(self.watched.kind) if self.watched.selects(one)]

    def _event(self, change: Change) -> bytes:
        """Return what a client sees: what leaves a selection is deleted for who watches it."""
        before, after = self.watched.selects(change.before), self.watched.selects(change.after)
        if after and change.after is not None:
            return _event("MODIFIED" if before else "ADDED", change.after)
        if before and change.before is not None:
            return _event("DELETED", versioned(change.before.body, change.version))
        return b""


def _event(kind: str, stored: Stored) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (kind.encode(), stored.encoded)


def _bookmark(kind: Kind, version: int) -> bytes:
    body: Object = {"kind": kind.name, "apiVersion": kind.api_version}
    body["metadata"] = {"resourceVersion": str(version)}
    if kind is POD:
        body |= {"spec": {"containers": None}, "status": {}}
    return json.dumps({"type": "BOOKMARK", "object": body}).encode() + b"\n"


def _too_old(version: int, oldest: int) -> bytes:
    status = refusals.expired(f"too old resource version: {version} ({oldest})").body()
    return json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"
