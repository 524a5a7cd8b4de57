"""A copy of a list of objects that follows the API server."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import structlog

from deputy.kube.client import Kube
from deputy.kube.errors import Expired, KubeError

_LOG = structlog.stdlib.get_logger(__name__)

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 15.0
_TOO_SHORT = 1.0
#: The API server sends a bookmark about every minute; five without a word means a dead line.
SILENT_AFTER = 330.0


class Reflector:
    """Follows the objects of one path, by list and watch, for as long as `run` runs.

    A watch that ends is resumed at once from where it was; only a version that the server has
    forgotten costs a new list. What was seen last stays readable while the server is away.
    """

    def __init__(self, kube: Kube, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._kube = kube
        self._path = path
        self._clock = clock
        self._items: dict[str, dict[str, Any]] = {}
        self._version = ""
        self._heard: float | None = None
        self._told = False
        self._failures = 0
        self._synced = False

    @property
    def synced(self) -> bool:
        """Whether the list has been read once."""
        return self._synced

    def items(self) -> list[dict[str, Any]]:
        """Return the objects as they were last seen."""
        return list(self._items.values())

    def age(self) -> float:
        """Return the seconds since the API server was last heard; infinite before it was."""
        return float("inf") if self._heard is None else self._clock() - self._heard

    async def run(self) -> None:
        """Follow until cancelled; whatever goes wrong is retried, with growing pauses."""
        while True:
            try:
                await self._follow()
            except Expired:
                self._version = ""
            except KubeError as error:
                self._failures += 1
                pause = self._pause()
                _LOG.warning(
                    "cannot follow", path=self._path, error=str(error), seconds=round(pause, 1)
                )
                await asyncio.sleep(pause)

    async def _follow(self) -> None:
        """List if need be, then watch until the server ends the watch."""
        if not self._version:
            await self._list()
        began, self._told = self._clock(), False
        async for change in self._kube.watch(self._path, self._version):
            self._take(change)
        if not self._told and self._clock() - began < _TOO_SHORT:
            # A server that ends every watch at once must not be hammered.
            self._failures += 1
            await asyncio.sleep(self._pause())

    async def _list(self) -> None:
        found = await self._kube.get(self._path)
        self._items = {item["metadata"]["uid"]: item for item in found["items"]}
        self._version = found["metadata"]["resourceVersion"]
        self._hear()
        self._synced = True

    def _take(self, change: dict[str, Any]) -> None:
        item = change["object"]
        self._version = item["metadata"]["resourceVersion"]
        self._hear()
        match change["type"]:
            case "ADDED" | "MODIFIED":
                self._items[item["metadata"]["uid"]] = item
            case "DELETED":
                self._items.pop(item["metadata"]["uid"], None)

    def _hear(self) -> None:
        self._heard = self._clock()
        self._told = True
        self._failures = 0

    def _pause(self) -> float:
        longest: float = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._failures, 10))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  jitter is no secret
