"""The operator's side of Linear: one client, one writer, for the one connected organisation."""

import asyncio
from collections.abc import Sequence

import structlog

from deputy.controller.memory import IssueSeen
from deputy.core.blueprint import State, TeamSeen
from deputy.trackers.linear.client import LinearClient
from deputy.trackers.linear.errors import LinearError, NotFound
from deputy.trackers.linear.writer import Writer
from deputy.trackers.updates import Dropped, Refused, Result, Update

_log = structlog.get_logger()

#: How long the start of a run may wait for the issue's facts before it fails open.
_ISSUE_PATIENCE = 4.0


class Tracker:
    """What the operator asks of Linear and tells it."""

    def __init__(self, client: LinearClient, writer: Writer) -> None:
        self._client = client
        self._writer = writer

    def submit(self, update: Update) -> asyncio.Future[str]:
        """Hand over `update`; the future holds an empty text once Linear has it, else why not."""
        outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        sent = self._writer.submit(update)
        sent.add_done_callback(lambda done: _settle(outcome, done))
        return outcome

    async def submit_all(self, updates: Sequence[Update]) -> None:
        """Hand over `updates` in this order; return once Linear has, or never wants, them all."""
        await asyncio.gather(*(self.submit(update) for update in updates))

    def close_session(self, session: str) -> None:
        """Drop what is queued for `session` and let nothing but the closing activity through."""
        self._writer.close_session(session)

    def open_session(self, session: str) -> None:
        """Let a session be written to again: a follow-up run begins in it."""
        self._writer.open_session(session)

    async def issue(self, issue_id: str) -> IssueSeen:
        """Return what Linear tells of an issue; nothing at all where it cannot be read."""
        try:
            async with asyncio.timeout(_ISSUE_PATIENCE):
                found = await self._client.issue(issue_id)
        except (LinearError, TimeoutError) as error:
            _log.warning(
                "the issue cannot be read; it is picked up whatever its state",
                issue=issue_id,
                error=f"{type(error).__name__}: {error}",
            )
            return IssueSeen()
        return IssueSeen(found.state.type, found.labels, found.priority, found.branch_name)

    async def team(self, name: str) -> TeamSeen | None:
        """Return the team that `name` (a key, a name or an id) stands for; raise `LinearError`."""
        viewer = await self._client.viewer()
        try:
            found = await self._client.team(name)
        except NotFound:
            return None
        return TeamSeen(
            id=found.id,
            key=found.key,
            organization_id=viewer.organization.id,
            organization_key=viewer.organization.url_key,
            states=tuple(State(state.id, state.name) for state in found.states),
        )


def _settle(outcome: asyncio.Future[str], done: asyncio.Future[Result]) -> None:
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
