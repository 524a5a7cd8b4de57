"""Compare what the watches told with what is there: heals a gap, and notices a silent watch."""

import asyncio
import dataclasses
import time
from collections.abc import Callable
from typing import Any

import structlog

from deputy.api.agentrun import AgentRun
from deputy.controller import metrics
from deputy.controller.cluster import Cluster, Key
from deputy.controller.store import Store
from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.errors import KubeError

_log = structlog.get_logger()

WORKSPACES = "app.kubernetes.io/component=workspace,deputy.dev/run"

#: Seconds between two comparisons, and how long a watch may take to tell what a list shows.
_EVERY = 60.0
_LAG = 5.0
#: Seconds without a good comparison after which the process is not healthy.
_SILENT = 300.0


@dataclasses.dataclass(frozen=True, slots=True)
class _Sight:
    """One object as a store had it."""

    store: Store[Any]
    key: Key
    version: int


class Resync:
    """Lists everything at the start and once a minute."""

    def __init__(
        self,
        kube: Kube,
        cluster: Cluster,
        namespaces: tuple[str, ...],
        run_changed: Callable[[Key], None],
        blueprint_changed: Callable[[Key], None],
        *,
        run_gone: Callable[[AgentRun], None],
    ) -> None:
        self._kube = kube
        self._cluster = cluster
        self._namespaces = namespaces
        self._run_changed = run_changed
        self._blueprint_changed = blueprint_changed
        self._run_gone = run_gone
        self._stale_in_a_row = 0
        self._good_at = time.monotonic()

    def unhealthy(self) -> str:
        """Return why the watches cannot be trusted, empty where they can."""
        if self._stale_in_a_row >= 2:
            return "the watches are silent: lists show changes that they did not tell"
        silent = time.monotonic() - self._good_at
        return f"no list has succeeded for {silent:.0f} s" if silent > _SILENT else ""

    async def seed(self) -> None:
        """Fill the stores from the API server's storage; raise `KubeError`.

        After this an admission is decided on everything that was written before it began.
        """
        for store, body in await self._listed():
            store.put(body)
        for key in self._cluster.blueprints.keys():  # noqa: SIM118  a store is no dict
            self._blueprint_changed(key)
        for key in self._cluster.runs.keys():  # noqa: SIM118  a store is no dict
            self._run_changed(key)

    async def run(self) -> None:
        """Compare once a minute until cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await self._compare()
            except KubeError as error:
                _log.warning("cannot compare lists with watches", error=str(error))

    async def _compare(self) -> None:
        known = self._known()
        found = await self._listed()
        late = [(store, body) for store, body in found if _is_news(store, body)]
        there = {(id(store), *_key_of(body)) for store, body in found}
        gone = [sight for sight in known if (id(sight.store), *sight.key) not in there]
        await asyncio.sleep(_LAG if late or gone else 0)
        # What the watches have told by now they had not missed.
        missed = sum(store.put(body) for store, body in late)
        missed += sum(self._dropped(sight) for sight in gone)
        self._stale_in_a_row = self._stale_in_a_row + 1 if missed else 0
        self._good_at = time.monotonic()
        if missed:
            metrics.STALE_WATCH.inc(missed)
            _log.warning("the watches had missed changes", count=missed)
            self._look_at_all()

    def _dropped(self, sight: _Sight) -> bool:
        """Forget what is gone; where it is a run its sessions have heard nothing of that yet."""
        thing = sight.store.get(*sight.key)
        if not sight.store.drop(*sight.key, sight.version):
            return False
        if isinstance(thing, AgentRun):
            self._run_gone(thing)
        return True

    def _look_at_all(self) -> None:
        for key in self._cluster.runs.keys():  # noqa: SIM118  a store is no dict
            self._run_changed(key)
        for key in self._cluster.blueprints.keys():  # noqa: SIM118  a store is no dict
            self._blueprint_changed(key)

    def _known(self) -> list["_Sight"]:
        """Return everything that the stores hold before a list is asked for."""
        stores = (self._cluster.runs, self._cluster.blueprints, self._cluster.pods)
        return [
            _Sight(store, key, store.version(*key))
            for store in stores
            for key in store.keys()  # noqa: SIM118  a store is no dict
        ]

    async def _listed(self) -> list[tuple[Store[Any], dict[str, Any]]]:
        found: list[tuple[Store[Any], dict[str, Any]]] = []
        for namespace in self._namespaces:
            runs = await self._kube.get(resources.agentruns(namespace))
            blueprints = await self._kube.get(resources.blueprints(namespace))
            pods = await self._kube.get(resources.pods(namespace), labelSelector=WORKSPACES)
            found += [(self._cluster.blueprints, body) for body in blueprints["items"]]
            found += [(self._cluster.pods, body) for body in pods["items"]]
            found += [(self._cluster.runs, body) for body in runs["items"]]
        return found


def _is_news(store: Store[Any], body: dict[str, Any]) -> bool:
    metadata = body["metadata"]
    known = store.version(metadata["namespace"], metadata["name"])
    return known < int(metadata["resourceVersion"])


def _key_of(body: dict[str, Any]) -> Key:
    return body["metadata"]["namespace"], body["metadata"]["name"]
