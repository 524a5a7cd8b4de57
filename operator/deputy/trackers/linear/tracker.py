"""The operator's side of Linear: one client, one writer, for the one connected organisation."""

import asyncio
import datetime as dt
from collections.abc import Sequence

import structlog

from deputy.log import described
from deputy.trackers.linear.client import LinearClient
from deputy.trackers.linear.errors import LinearError
from deputy.trackers.linear.issues import IssueReader
from deputy.trackers.linear.teams import TeamReader
from deputy.trackers.linear.writer import Writer
from deputy.trackers.models import Issue, Session, TeamDirectory
from deputy.trackers.updates import Dropped, Refused, Update, UpdateResult

_LOG = structlog.stdlib.get_logger(__name__)

#: How long the start of a run may wait for the issue's facts before it fails open.
_ISSUE_TIMEOUT = 4.0
#: Most requests for one look at our sessions.
_MOST_PAGES = 10


class Tracker:
    """What the operator asks of Linear and tells it."""

    def __init__(self, client: LinearClient, writer: Writer) -> None:
        self._client = client
        self._teams = TeamReader(client)
        self._issues = IssueReader(client)
        self._writer = writer

    def submit(self, update: Update) -> asyncio.Future[str]:
        """Submit `update`; the future holds an empty text once Linear has it, else why not."""
        outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        sent = self._writer.submit(update)
        sent.add_done_callback(lambda done: _copy_result(outcome, done))
        return outcome

    async def submit_all(self, updates: Sequence[Update]) -> list[str]:
        """Submit `updates` in this order, and return what `submit` tells of each."""
        return list(await asyncio.gather(*(self.submit(update) for update in updates)))

    def close_session(self, session: str) -> None:
        """Drop what is queued for `session` and let nothing but the closing activity through."""
        self._writer.close_session(session)

    def open_session(self, session: str) -> None:
        """Let a session be written to again: a follow-up run begins in it."""
        self._writer.open_session(session)

    async def issue(self, issue_id: str) -> Issue | None:
        """Return what Linear tells of an issue; None where it cannot be read."""
        try:
            async with asyncio.timeout(_ISSUE_TIMEOUT):
                return await self._issues.read(issue_id)
        except (LinearError, TimeoutError) as error:
            _LOG.warning(
                "the issue cannot be read; it is picked up whatever its state",
                issue=issue_id,
                error=described(error),
            )
            return None

    async def sessions(self, since: dt.datetime) -> tuple[Session, ...]:
        """Return our sessions that have changed `since` then, or the newest of them.

        Raises `LinearError` where Linear cannot be asked.
        """
        sessions: list[Session] = []
        after: str | None = None
        for _ in range(_MOST_PAGES):
            page = await self._client.sessions_page(after)
            sessions += [session for session in page.sessions if session.updated >= since]
            after = page.next
            if after is None or page.oldest is None or page.oldest < since:
                break
        return tuple(sessions)

    async def teams(self, max_age: float) -> TeamDirectory:
        """Return our organisation and its teams, as they were `max_age` seconds ago or later.

        They may be older where asking would cost too much. Raises `LinearError` where Linear
        cannot be asked.
        """
        return await self._teams.read(max_age)


def _copy_result(outcome: asyncio.Future[str], done: asyncio.Future[UpdateResult]) -> None:
    if outcome.done() or done.cancelled():
        return
    if (error := done.exception()) is not None:
        outcome.set_exception(error)
        return
    match done.result():
        case Refused(reason) | Dropped(reason):
            outcome.set_result(reason)
        case _:
            outcome.set_result("")
