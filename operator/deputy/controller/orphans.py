"""Close the sessions that no run knows: on taking the lead, and every hour."""

import asyncio
import datetime as dt
from collections.abc import Callable, Collection

import structlog

from deputy.api.facts import sessions_of
from deputy.clock import utc_now
from deputy.core.orphans import FORGOTTEN_AFTER, QUIET, closing, orphans_of
from deputy.kube.cache import Cache
from deputy.trackers.linear.tracker import Tracker

_LOG = structlog.stdlib.get_logger(__name__)

#: Seconds until the next look: usually, and where Linear cannot be asked.
_USUALLY = 3600.0
_UNREACHABLE = 300.0


class OrphanedSessions:
    """Looks for sessions of ours that are open in the tracker and belong to no run.

    `told` are the sessions that were told the end of a deleted run by this leader.
    """

    def __init__(
        self,
        cache: Cache,
        tracker: Tracker,
        told: Collection[str],
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        self._cache = cache
        self._tracker = tracker
        self._told = told
        self._clock = clock

    async def run(self) -> None:
        """Look for ever."""
        pause = 0.0
        while True:
            await asyncio.sleep(pause)
            pause = await self.look()

    async def look(self) -> float:
        """Give every orphan its closing words; return the seconds to the next look."""
        now = self._clock()
        try:
            return await self._close_orphans(now)
        except Exception as error:  # noqa: BLE001  the leader has more to do than this
            _LOG.info("sessions are not looked after", error=f"{type(error).__name__}: {error}")
            return _UNREACHABLE

    async def _close_orphans(self, now: dt.datetime) -> float:
        sessions = await self._tracker.sessions(now - FORGOTTEN_AFTER)
        known = {session for run in self._cache.runs for session in sessions_of(run)}
        orphans = orphans_of(sessions, known.union(self._told), now)
        if orphans.sessions:
            _LOG.info("sessions without a run are closed", sessions=len(orphans.sessions))
            await self._tracker.submit_all([closing(session) for session in orphans.sessions])
        return QUIET.total_seconds() if orphans.unsettled else _USUALLY
