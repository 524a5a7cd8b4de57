"""The one way in which Linear is asked for teams: one answer for all Blueprints, seldom renewed.

How often it is renewed does not depend on how many Blueprints there are, nor on how many of them
name what Linear does not have.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from deputy.trackers.linear.errors import LinearError, LinearUnavailable, RateLimited
from deputy.trackers.linear.parsing import TeamsPage
from deputy.trackers.models import Team, TeamDirectory

#: So many requests may follow one another, and so many in an hour; a page is a request.
_BURST = 20.0
_PER_SECOND = 60 / 3600

#: Seconds until Linear is asked again after it did not answer, growing with each failure.
_FIRST_PAUSE, _LONGEST_PAUSE = 3.0, 60.0
#: Seconds after it refused us, where it does not say itself.
_REFUSED_PAUSE = 60.0


class TeamSource(Protocol):
    """Where the teams come from."""

    async def teams_page(self, after: str | None = None) -> TeamsPage:
        """Return a page of the teams that Linear shows us."""


class TeamReader:
    """Reads the teams, and keeps them."""

    def __init__(self, source: TeamSource, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._lock = asyncio.Lock()
        self._directory: TeamDirectory | None = None
        self._read_at = 0.0
        self._left, self._counted_at = _BURST, clock()
        self._error: LinearError | None = None
        self._failures, self._retry_at = 0, 0.0

    async def read(self, max_age: float, *, budgeted: bool = True) -> TeamDirectory:
        """Return the teams as they were `max_age` seconds ago or later.

        They may be older while the budget for these reads is spent, unless the read is not
        `budgeted`: one that somebody waits for, who has just written the name. Raises
        `LinearError` where Linear cannot be asked; until it may be asked again it is not, and the
        error is the same.
        """
        oldest = self._clock() - max_age
        async with self._lock:
            now = self._clock()
            known = self._directory
            young = known is not None and self._read_at >= oldest
            if known is not None and (young or (budgeted and not self._may_ask(now))):
                return known
            if self._error is not None and now < self._retry_at:
                raise _waiting(self._error, self._retry_at - now)
            return await self._ask(now)

    def _may_ask(self, now: float) -> bool:
        """Say whether the budget allows a request; what was spent comes back evenly."""
        back = (now - self._counted_at) * _PER_SECOND
        self._left, self._counted_at = min(_BURST, self._left + back), now
        return self._left >= 1

    async def _ask(self, now: float) -> TeamDirectory:
        try:
            directory = await self._pages()
        except LinearError as error:
            self._failures += 1
            self._error, self._retry_at = error, now + _pause(error, self._failures)
            raise _waiting(error, self._retry_at - now) from error
        self._directory, self._read_at = directory, now
        self._error, self._failures = None, 0
        return directory

    async def _pages(self) -> TeamDirectory:
        teams: list[Team] = []
        after: str | None = None
        while True:
            self._left = max(0.0, self._left - 1)
            page = await self._source.teams_page(after)
            teams += page.teams
            if (after := page.next) is None:
                return TeamDirectory(page.organization, tuple(teams))


def _pause(error: LinearError, failures: int) -> float:
    if isinstance(error, LinearUnavailable):
        grown = _FIRST_PAUSE * 2.0 ** min(failures - 1, 10)
        return max(min(_LONGEST_PAUSE, grown), error.retry_after or 0.0)
    said = error.retry_after if isinstance(error, RateLimited) else None
    return said or _REFUSED_PAUSE


def _waiting(error: LinearError, seconds: float) -> LinearError:
    """Return `error`, which also says for how long Linear is left alone now."""
    if isinstance(error, LinearUnavailable | RateLimited):
        return type(error)(str(error), seconds)
    return error
