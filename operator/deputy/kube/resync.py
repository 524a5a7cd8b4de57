"""Compare the stores, which watches feed, with lists: heals a gap, and notices a silent watch."""

import asyncio
import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from deputy.kube import metrics
from deputy.kube.client import Kube
from deputy.kube.errors import KubeError
from deputy.kube.store import Key, Store
from deputy.kube.watch import Watched

_LOG = structlog.stdlib.get_logger(__name__)


#: Seconds between two comparisons, and how long a watch may take to tell what a list shows.
_INTERVAL = 60.0
_LAG = 5.0
#: Seconds without a good comparison after which the process is not healthy.
_UNHEALTHY_AFTER = 300.0


@dataclasses.dataclass(frozen=True, slots=True)
class _Stored:
    """One object as a store had it before a list was asked for."""

    watched: Watched
    key: Key
    version: int


class Resync:
    """Lists everything at the start and once a minute."""

    def __init__(
        self,
        kube: Kube,
        watched: Sequence[Watched],
        namespaces: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._watched = watched
        self._namespaces = namespaces
        self._seeded = False
        self._clock = clock
        self._stale_comparisons = 0
        self._last_success = clock()

    @property
    def seeded(self) -> bool:
        """Whether everything has been listed once."""
        return self._seeded

    def unhealthy(self) -> str:
        """Return why the watches cannot be trusted, empty where they can, or begin only now."""
        if not self._seeded:
            return ""
        if self._stale_comparisons >= 2:
            return "the watches are silent: lists show changes that they did not tell"
        silent = self._clock() - self._last_success
        return f"no list has succeeded for {silent:.0f} s" if silent > _UNHEALTHY_AFTER else ""

    async def seed(self) -> None:
        """Fill the stores from the API server's storage; raise `KubeError`.

        After this an admission is decided on everything that was written before it began.
        """
        for watched, body in await self._listed():
            watched.store.put(body)
        self._seeded = True
        self._last_success = self._clock()
        self._notify_all()

    async def run(self) -> None:
        """Compare once a minute until cancelled."""
        while True:
            await asyncio.sleep(_INTERVAL)
            try:
                await self._compare()
            except KubeError as error:
                _LOG.warning("cannot compare lists with watches", error=str(error))

    async def _compare(self) -> None:
        stored = self._stored()
        listed = await self._listed()
        newer = [(one, body) for one, body in listed if _is_newer(one.store, body)]
        listed_keys = {(id(one), *_key_of(body)) for one, body in listed}
        unlisted = [one for one in stored if (id(one.watched), *one.key) not in listed_keys]
        await asyncio.sleep(_LAG if newer or unlisted else 0)
        # What the watches have told by now they had not missed.
        missed = sum(one.store.put(body) for one, body in newer)
        missed += sum(_forget_unlisted(one) for one in unlisted)
        self._stale_comparisons = self._stale_comparisons + 1 if missed else 0
        self._last_success = self._clock()
        if missed:
            metrics.STALE_WATCH.inc(missed)
            _LOG.warning("the watches had missed changes", count=missed)
            self._notify_all()

    def _notify_all(self) -> None:
        for watched in self._watched:
            for stored_object in watched.store:
                watched.changed(stored_object)

    def _stored(self) -> list[_Stored]:
        return [
            _Stored(watched, key, watched.store.version(*key))
            for watched in self._watched
            for key in watched.store.keys()  # noqa: SIM118  a store is no dict
        ]

    async def _listed(self) -> list[tuple[Watched, dict[str, Any]]]:
        bodies: list[tuple[Watched, dict[str, Any]]] = []
        for namespace in self._namespaces:
            for watched in self._watched:
                bodies += [(watched, body) for body in await self._list(watched, namespace)]
        return bodies

    async def _list(self, watched: Watched, namespace: str) -> list[dict[str, Any]]:
        selector = {"labelSelector": watched.label_selector} if watched.label_selector else {}
        answer = await self._kube.get(watched.path(namespace), **selector)
        items: list[dict[str, Any]] = answer["items"]
        return items


def _forget_unlisted(stored: _Stored) -> bool:
    """Forget what is not listed any more, and tell of it: the watch has not."""
    stored_object = stored.watched.store.get(*stored.key)
    if not stored.watched.store.drop(*stored.key, stored.version):
        return False
    stored.watched.deleted(stored_object)
    return True


def _is_newer(store: Store[Any], body: dict[str, Any]) -> bool:
    return store.version(*_key_of(body)) < int(body["metadata"]["resourceVersion"])


def _key_of(body: dict[str, Any]) -> Key:
    return body["metadata"]["namespace"], body["metadata"]["name"]
