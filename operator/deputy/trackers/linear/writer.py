"""The only one who spends the budget that Linear gives an organisation.

What to send next is decided in `schedule` and how fast in `pacing`; this module carries it out
and learns from the answers. It keeps nothing on disk: after a crash everybody submits again what
has no result yet, and the ids let Linear recognise what it has.
"""

import asyncio
import contextlib
import dataclasses
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, assert_never

import structlog

from deputy.trackers.linear import metrics
from deputy.trackers.linear.budget import Budget
from deputy.trackers.linear.client import ApplyResult, Indeterminate
from deputy.trackers.linear.content import is_empty
from deputy.trackers.linear.errors import LinearError, LinearUnavailable, RateLimited, Rejected
from deputy.trackers.linear.giving_up import is_at_fault, overdue
from deputy.trackers.linear.pacing import Pacing, backoff, is_short
from deputy.trackers.linear.pending import PendingResults, resolved, stopped
from deputy.trackers.linear.schedule import (
    CLOSED,
    PRESSURE,
    SUPERSEDED,
    DroppedUpdate,
    QueuedUpdate,
    Schedule,
    SendBatch,
    SendState,
)
from deputy.trackers.updates import Dropped, Refused, Sent, Update, UpdateResult

_LOG = structlog.stdlib.get_logger(__name__)

#: Seconds until the writer looks again while something fails.
_LOOK_AGAIN = 1.0

#: What a metric calls a reason.
_REASONS = {SUPERSEDED: "superseded", CLOSED: "closed", PRESSURE: "pressure"}


class WriterClient(Protocol):
    """What the writer needs of a client."""

    @property
    def budget(self) -> Budget:
        """What may still be asked for, as the newest answer said it."""

    async def apply(self, updates: Sequence[Update]) -> list[ApplyResult]:
        """Carry out updates in one request."""

    async def probe(self) -> None:
        """Ask for next to nothing; raise a `LinearError` where Linear does not work."""


class Writer:
    """Sends updates: in order within a session, the urgent first, many in one request.

    What is permanent is sent, however long Linear is away, unless Linear refuses it, or fails on it
    alone for so long that others wait for it; ephemerals and replaced plans may be dropped.
    Everything is to be called from the event loop's thread.
    """

    def __init__(
        self,
        client: WriterClient,
        *,
        pacing: Pacing | None = None,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._pacing = pacing or Pacing()
        self._clock = clock
        self._jitter = jitter
        self._schedule = Schedule()
        self._pending = PendingResults()
        self._state = SendState()
        self._failures = 0
        self._worked_at = float("-inf")
        self._probed_at = float("-inf")
        self._left_alone_until = 0.0
        self._changed = asyncio.Event()
        self._stopped = False

    def submit(self, update: Update) -> asyncio.Future[UpdateResult]:
        """Submit an update; the future holds what became of it.

        An id that was submitted before, or is in flight, is not sent again: the future holds the
        same. When the writer stops first, the future raises `WriterStopped`.
        """
        if self._stopped:
            return stopped()
        if (future := self._pending.known(update)) is not None:
            return future
        if is_empty(update):
            return resolved(Dropped("nothing to say"))
        if self._schedule.is_closed_to(update):
            metrics.DROPPED.labels(_REASONS[CLOSED]).inc()
            return resolved(Dropped(CLOSED))
        entry, dropped = self._schedule.add(update, self._clock())
        future = self._pending.add(entry.number, update)
        self._drop(dropped)
        self._changed.set()
        return future

    def close_session(self, session_id: str) -> None:
        """Send nothing more in a session but what is terminal, and drop what waits for it."""
        self._drop(self._schedule.close(session_id))

    def open_session(self, session_id: str) -> None:
        """Send everything again in a session that was closed, as a new run begins in it."""
        self._schedule.open(session_id)

    def lag(self) -> float:
        """Return the seconds for which the oldest update has been waiting."""
        oldest = self._schedule.oldest()
        return 0.0 if oldest is None else max(0.0, self._clock() - oldest)

    async def idle(self) -> None:
        """Return when everything that was submitted is settled."""
        while waiting := self._pending.unresolved():
            await asyncio.wait(waiting)

    async def run(self) -> None:
        """Send what is submitted, for ever; cancel it to stop.

        Whoever still waits then gets `WriterStopped`.
        """
        metrics.QUEUED.set_function(lambda: len(self._schedule))
        metrics.LAG.set_function(self.lag)
        try:
            while True:
                await self._step()
        finally:
            self._stopped = True
            self._pending.fail_all()

    async def _step(self) -> None:
        """Send one request, or wait until there is a reason to look again."""
        self._changed.clear()
        now = self._clock()
        self._state = dataclasses.replace(self._state, budget=self._client.budget)
        if is_short(self._state.budget, self._pacing, now):
            self._drop(self._schedule.drop_ephemerals())
        await self._look_after_failing(now)
        step = self._schedule.next(self._clock(), self._state, self._pacing)
        if isinstance(step, SendBatch):
            await self._send(step.entries)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pause(step.seconds)):
                await self._changed.wait()

    def _pause(self, seconds: float | None) -> float | None:
        """Return how long to wait: while something fails, its time may come meanwhile."""
        failing = any(entry.failing_since for queue in self._schedule.queues() for entry in queue)
        return min(seconds or _LOOK_AGAIN, _LOOK_AGAIN) if failing else seconds

    async def _look_after_failing(self, now: float) -> None:
        """Give up what only Linear fails on, once it has kept others waiting for too long."""
        overdue = self._overdue(now)
        for entry in overdue:
            if is_at_fault(entry, self._worked_at):
                self._end_backoff()
                self._settle(entry, Refused(f"Linear failed on it again and again: {entry.error}"))
        doubtful = [entry for entry in overdue if not is_at_fault(entry, self._worked_at)]
        if doubtful and await self._linear_works(now):
            # It may have been Linear so far; it is not if the next attempt fails as well.
            for entry in doubtful:
                self._schedule.send_next(entry)

    def _overdue(self, now: float) -> list[QueuedUpdate]:
        """Return the first of each queue that has failed for too long and is not in flight."""
        heads: list[QueuedUpdate] = []
        for queue in self._schedule.queues():
            first = next(iter(reversed([*overdue(queue, now, self._pacing)])), None)
            if first is not None and not first.in_flight:
                heads.append(first)
        return heads

    async def _linear_works(self, now: float) -> bool:
        """Find out whether Linear works, unless it was asked just now, or wants no question."""
        if now < max(self._probed_at + self._pacing.probe_every, self._left_alone_until):
            return False
        self._probed_at = now
        try:
            async with asyncio.timeout(self._pacing.alone_timeout):
                await self._client.probe()
        except (LinearError, TimeoutError):
            return False
        self._worked_at = self._clock()
        self._end_backoff()
        return True

    def _end_backoff(self) -> None:
        """Ask on: it was not Linear that failed."""
        self._failures = 0
        self._state = dataclasses.replace(self._state, backoff_until=self._left_alone_until)

    async def _send(self, entries: tuple[QueuedUpdate, ...]) -> None:
        self._state = dataclasses.replace(self._state, last_request=self._clock())
        try:
            async with asyncio.timeout(self._timeout(entries)):
                results = await self._client.apply([entry.update for entry in entries])
        except TimeoutError:
            self._failed(entries, LinearUnavailable("no answer from Linear in time"))
        except LinearError as error:
            self._failed(entries, error)
        except Exception as error:  # noqa: BLE001  what we cannot write must not end the rest
            _LOG.exception("an update cannot be written", updates=_kinds(entries))
            self._failed(
                entries, Rejected("INTERNAL", f"cannot be written: {type(error).__name__}")
            )
        else:
            self._answered(entries, results)

    def _timeout(self, entries: tuple[QueuedUpdate, ...]) -> float:
        failed_before = entries[0].alone and entries[0].failing_since is not None
        return self._pacing.alone_timeout if failed_before else self._pacing.answer_timeout

    def _answered(self, entries: tuple[QueuedUpdate, ...], results: Iterable[ApplyResult]) -> None:
        if self._failures:
            _LOG.info("Linear takes updates again", failures=self._failures)
        self._failures = 0
        self._worked_at = self._clock()
        for entry, result in zip(entries, results, strict=True):
            match result:
                case Sent() | Refused():
                    self._settle(entry, result)
                case Indeterminate():
                    entry.alone = True
                    self._requeue(entry, self._clock())
                case _:
                    assert_never(result)

    def _failed(self, entries: tuple[QueuedUpdate, ...], error: LinearError) -> None:
        """Decide what a request that failed as a whole means for each of its updates."""
        match error:
            case Rejected() if len(entries) == 1:
                self._settle(entries[0], Refused(str(error)))
            case Rejected():
                for entry in entries:
                    entry.alone = True
                    self._requeue(entry, self._clock())
            case LinearUnavailable():
                self._back_off(error, error.retry_after)
                for entry in entries:
                    self._retry_later(entry, error)
            case _:
                waits = error.retry_after if isinstance(error, RateLimited) else None
                self._back_off(error, waits)
                for entry in entries:
                    self._requeue(entry, self._clock())

    def _back_off(self, error: LinearError, wanted: float | None) -> None:
        """Leave Linear alone for a while: as long as it said, else longer with each failure."""
        self._failures += 1
        reason = type(error).__name__
        metrics.RETRIES.labels(reason).inc()
        wait = max(wanted or 0.0, backoff(self._pacing, self._failures, self._jitter()))
        until = self._clock() + min(wait, 3600.0)
        if wanted:
            self._left_alone_until = until
        self._state = dataclasses.replace(self._state, backoff_until=until)
        log = _LOG.warning if self._failures == 1 else _LOG.debug
        log("Linear takes no updates", reason=reason, error=str(error), seconds=round(wait, 1))

    def _retry_later(self, entry: QueuedUpdate, error: LinearError) -> None:
        """Let an update wait by itself, so that others pass it when only it fails."""
        now = self._clock()
        entry.attempts += 1
        entry.alone = entry.alone or entry.attempts > 1
        entry.failing_since = entry.failing_since or now
        entry.failed_at, entry.error = now, str(error)
        wait = backoff(self._pacing, entry.attempts, self._jitter())
        self._requeue(entry, now + wait)

    def _requeue(self, entry: QueuedUpdate, not_before: float) -> None:
        dropped = self._schedule.requeue(entry, not_before)
        if dropped is not None:
            self._drop([dropped])

    def _settle(self, entry: QueuedUpdate, result: Sent | Refused) -> None:
        self._schedule.remove(entry)
        self._pending.resolve(entry.number, result)
        if isinstance(result, Sent):
            metrics.UPDATES.labels("sent").inc()
            metrics.DELIVERY.observe(max(0.0, self._clock() - entry.since))
        else:
            metrics.UPDATES.labels("refused").inc()
            _LOG.warning("Linear refused an update", updates=_kinds([entry]), reason=result.reason)

    def _drop(self, dropped: Iterable[DroppedUpdate]) -> None:
        for one in dropped:
            metrics.DROPPED.labels(_REASONS[one.reason]).inc()
            metrics.UPDATES.labels("dropped").inc()
            # A session may be opened again; then what was dropped with it is new.
            remember = one.reason != CLOSED
            self._pending.resolve(one.entry.number, Dropped(one.reason), remember=remember)


def _kinds(entries: Iterable[QueuedUpdate]) -> str:
    """Name updates without their texts, which are nobody's business in a log."""
    return ", ".join(type(entry.update).__name__ for entry in entries)
