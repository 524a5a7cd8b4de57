"""The one way in which Linear is asked for issues: those that are wanted at once share a request.

Nothing is kept: whether an issue may be picked up depends on the state that it is in now.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from deputy.trackers.linear.budget import Budget
from deputy.trackers.linear.errors import EntityNotFound, RateLimited
from deputy.trackers.linear.pacing import Pacing, pause
from deputy.trackers.models import Issue

#: Most issues in one request.
_MOST = 50
#: Whoever asks for an issue does not wait for longer than some seconds.
_LONGEST_PAUSE = 3.0

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class IssueSource(Protocol):
    """Where issues come from."""

    @property
    def budget(self) -> Budget:
        """What may still be asked for, as the newest answer said it."""

    async def issue(self, issue_id: str) -> Issue:
        """Return an issue, by id or identifier; raise `EntityNotFound`."""

    async def issues(self, ids: Sequence[str]) -> tuple[Issue, ...]:
        """Return those of the issues with these ids that Linear shows us, in any order."""


class IssueReader:
    """Reads issues for as many as ask, within the budget."""

    def __init__(
        self,
        source: IssueSource,
        *,
        pacing: Pacing | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._pacing = pacing or Pacing()
        self._clock = clock
        self._wanted: dict[str, asyncio.Future[Issue]] = {}
        self._last = float("-inf")
        self._task: asyncio.Task[None] | None = None

    async def read(self, issue_id: str) -> Issue:
        """Return an issue, by id or identifier; raise a `LinearError` where that cannot be soon."""
        if _UUID.fullmatch(issue_id) is None:
            return await self._source.issue(issue_id)
        future = self._wanted.get(issue_id)
        if future is None:
            future = self._wanted[issue_id] = asyncio.get_running_loop().create_future()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._read_wanted())
        return await asyncio.shield(future)

    async def _read_wanted(self) -> None:
        while self._wanted:
            if (seconds := self._pause()) > _LONGEST_PAUSE:
                self._fail(RateLimited("Linear's budget is spent", seconds), self._wanted)
                return
            await asyncio.sleep(seconds)
            wanted = {one: self._wanted[one] for one in tuple(self._wanted)[:_MOST]}
            self._last = self._clock()
            try:
                self._settle(wanted, await self._source.issues(tuple(wanted)))
            except Exception as error:  # noqa: BLE001  whoever asked gets it
                self._fail(error, wanted)

    def _pause(self) -> float:
        budget, now = self._source.budget, self._clock()
        return pause(budget, self._pacing, now=now, last=self._last, is_urgent=True)

    def _settle(self, wanted: Mapping[str, asyncio.Future[Issue]], issues: Sequence[Issue]) -> None:
        for issue in issues:
            if issue.id in wanted:
                self._wanted.pop(issue.id).set_result(issue)
        missing = {one: future for one, future in wanted.items() if one in self._wanted}
        error = EntityNotFound("NOT_FOUND", "Linear has no such issue, or does not show it to us")
        self._fail(error, missing)

    def _fail(self, error: Exception, wanted: Mapping[str, asyncio.Future[Issue]]) -> None:
        for issue_id, future in tuple(wanted.items()):
            del self._wanted[issue_id]
            future.set_exception(error)
            future.exception()  # Not everybody waits for theirs any more.
