"""Observe, decide, apply, until nothing is left to do."""

import datetime as dt
from collections.abc import Callable

import structlog

from deputy.api.agentrun import AgentRun
from deputy.clock import utc_now
from deputy.controller.actor import Actor, DecisionOutdated
from deputy.controller.observer import Observer
from deputy.controller.run_state import RunStates
from deputy.core.run import decide
from deputy.kube import resources
from deputy.kube.cache import Cache
from deputy.kube.client import Kube
from deputy.kube.errors import Conflict, NotFound
from deputy.kube.store import Key

_LOG = structlog.stdlib.get_logger(__name__)

#: More rounds than any run needs in one go; a bound against a decision that never settles.
_MAX_ROUNDS = 12
#: Seconds to the next look, at the latest, at a run for which a job goes on: its time may be up.
_WHILE_BUSY = 60.0


class Reconciler:
    """Works on one run at a time, as the work queue asks."""

    def __init__(
        self,
        *,
        kube: Kube,
        cache: Cache,
        states: RunStates,
        observer: Observer,
        actor: Actor,
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._states = states
        self._observer = observer
        self._actor = actor
        self._clock = clock

    async def reconcile(self, key: Key) -> float | None:
        """Bring the run `key` as far as it goes now; return the seconds to the next look."""
        for _ in range(_MAX_ROUNDS):
            run = self._cache.runs.get(*key)
            if run is None or run.metadata.deletion_timestamp is not None:
                return None
            try:
                settled, pause = await self._round(run)
            except Conflict:
                # The view was stale; the newest one decides.
                await self._refresh(key)
                continue
            except DecisionOutdated as error:
                _LOG.info("looked at a run that had moved on", run=key[1], reason=str(error))
                return 1.0
            if settled:
                return pause
        _LOG.error("a run does not settle", run=key[1], namespace=key[0])
        return 5.0

    async def _round(self, run: AgentRun) -> tuple[bool, float | None]:
        """Look, decide and act once; return whether nothing is left, and when to look again."""
        now = self._clock()
        state = self._states.refresh(run)
        # A new leader does not know when the one before it spoke: it counts from its first look.
        state.conversation.shown_at = state.conversation.shown_at or now
        plan = decide(await self._observer.observe(run, state, now))
        pause = plan.requeue_after.total_seconds() if plan.requeue_after is not None else None
        for action in plan.actions:
            if not await self._actor.act(run, state, action, now):
                return True, pause or _WHILE_BUSY
        waits = state.notifying and not state.notified
        return not plan.actions or plan.requeue_after is not None or waits, pause

    async def _refresh(self, key: Key) -> None:
        try:
            self._cache.runs.put(await self._kube.get(resources.agentruns(*key)))
        except NotFound:
            return
