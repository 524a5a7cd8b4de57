"""Who holds a Blueprint's slots and who waits for one, as the cache has it."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from deputy.api.agentrun import AgentRun
from deputy.api.facts import contender
from deputy.clock import utc_now
from deputy.core.admission import Contender, Slot, is_queued, queue, slot_of
from deputy.kube.cache import Cache
from deputy.kube.store import Key
from deputy.workspace.status import is_overdue


class Slots:
    """Grants slots. One is taken until the pod of its run is gone, be the run over or deleted."""

    def __init__(self, cache: Cache, clock: Callable[[], dt.datetime] = utc_now) -> None:
        self._cache = cache
        self._clock = clock
        self.assumed: set[str] = set()
        """Uids of runs that were granted a slot, until the cache shows it."""
        self.unwritable: set[str] = set()
        """Uids of runs whose status cannot be written: nobody waits behind them."""
        self._deleted: dict[str, AgentRun] = {}
        """Runs that are gone, by uid, whose pods may not be."""

    def contender(self, run: AgentRun, priority: int | None = None) -> Contender:
        """Return what admission must know of `run`; `priority` is one that was read just now."""
        return contender(run, priority, has_pod=self._has_pod(run))

    def contenders(self, namespace: str, blueprint: str) -> list[Contender]:
        """Return all runs of a Blueprint, and those that are gone but for their pods."""
        runs = self._cache.runs_of(namespace, blueprint)
        return [self.contender(run) for run in (*runs, *self._leaving(namespace, blueprint))]

    def slot_for(self, run: AgentRun, priority: int | None, cap: int) -> Slot:
        """Say whether `run` may start now; its own `priority` may be newer than its status."""
        uid, key = run.metadata.uid, (run.metadata.namespace, run.spec.blueprint_ref.name)
        rivals = [other for other in self.contenders(*key) if other.uid != uid]
        counted = [one for one in rivals if not self._is_passed_over(one)]
        return slot_of(uid, [self.contender(run, priority), *counted], self.assumed, cap)

    def next_in_line(self, run: AgentRun) -> list[Key]:
        """Return the runs that may get the slot of `run`."""
        blueprint = self._cache.blueprint_of(run)
        if blueprint is None:
            return []
        namespace = run.metadata.namespace
        waiting = queue(
            one
            for one in self.contenders(namespace, blueprint.metadata.name)
            if not self._is_passed_over(one)
        )
        # Not the whole queue: the others are looked at once a minute, for their place in it.
        return [(namespace, one.name) for one in waiting[: blueprint.spec.max_concurrent_runs]]

    def run_of(self, pod: Mapping[str, Any]) -> AgentRun | None:
        """Return the run whose slot a pod takes, be the run itself gone."""
        namespace = pod["metadata"]["namespace"]
        for owner in pod["metadata"].get("ownerReferences") or ():
            run = self._deleted.get(owner["uid"]) or self._cache.runs.get(namespace, owner["name"])
            if run is not None:
                return run
        return None

    def forget(self, run: AgentRun) -> None:
        """Note that `run` is gone; its slot is free with its pod."""
        self.assumed.discard(run.metadata.uid)
        self.unwritable.discard(run.metadata.uid)
        if self._cache.pod_of(run) is not None:
            self._deleted[run.metadata.uid] = run

    def _leaving(self, namespace: str, blueprint: str) -> Iterator[AgentRun]:
        for uid, run in list(self._deleted.items()):
            if self._cache.pod_of(run) is None:
                del self._deleted[uid]
            elif (run.metadata.namespace, run.spec.blueprint_ref.name) == (namespace, blueprint):
                yield run

    def _is_passed_over(self, one: Contender) -> bool:
        return one.uid in self.unwritable and is_queued(one)

    def _has_pod(self, run: AgentRun) -> bool:
        pod = self._cache.pod_of(run)
        return pod is not None and not is_overdue(pod, self._clock())
