"""Say what cannot wait for the operator: first words after the answer, refusals before it.

A first word that is lost here is not lost: the operator posts the same words under the same ids.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog

from deputy.core.acknowledge import Word
from deputy.trackers.linear.errors import LinearError, LinearUnavailable, RateLimited, Rejected
from deputy.trackers.updates import Content, PostActivity, Priority, Refused, Thought, Update
from deputy.webhook.metrics import Metrics

_LOG = structlog.stdlib.get_logger(__name__)

#: Pauses between the tries to post a first word; whoever has to wait longer hears the operator.
_PAUSES = (0.25, 1.0, 3.0)
_AT_ONCE = 16


class Tracker(Protocol):
    """What is needed of the tracker's client."""

    async def apply(self, updates: Sequence[Update]) -> Sequence[object]:
        """Write updates; an id that is there already counts as written."""


class Untold(Exception):
    """The tracker cannot be told now; the message says why."""


class Teller:
    """Writes to the tracker for the webhook process."""

    def __init__(
        self,
        tracker: Tracker,
        metrics: Metrics,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._tracker = tracker
        self._metrics = metrics
        self._pause = pause
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def later(self, word: Word) -> None:
        """Post a first word in the background, trying a few times."""
        task = asyncio.get_running_loop().create_task(self._try(word))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def now(self, session_id: str, activity_id: str, content: Content) -> None:
        """Post a refusal; raise `Untold` where the event has to come again for it.

        A tracker that will not have it (a session that is gone) is not asked again.
        """
        try:
            await self._post(PostActivity(session_id, activity_id, content, Priority.TERMINAL))
        except Rejected as error:
            self._refused(session_id, str(error))
        except LinearError as error:
            self._metrics.words.labels("untold").inc()
            raise Untold(str(error)) from error

    async def drain(self, seconds: float) -> None:
        """Wait for what is under way; what takes longer is left to the operator."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _try(self, word: Word) -> None:
        update = PostActivity(
            word.session_id, word.activity_id, Thought(word.body), Priority.ACKNOWLEDGEMENT
        )
        for pause in (*_PAUSES, None):
            try:
                async with self._slots:
                    await self._post(update)
                    return
            except (LinearUnavailable, RateLimited) as error:
                if pause is None:
                    self._give_up(word, error)
                    return
                await self._pause(pause)
            except LinearError as error:
                self._give_up(word, error)
                return

    def _give_up(self, word: Word, error: LinearError) -> None:
        self._metrics.words.labels("left_to_operator").inc()
        _LOG.warning("first word left to the operator", session=word.session_id, error=str(error))

    async def _post(self, update: PostActivity) -> None:
        (result,) = await self._tracker.apply([update])
        if isinstance(result, Refused):
            self._refused(update.session_id, result.reason)
        else:
            self._metrics.words.labels("sent").inc()

    def _refused(self, session_id: str, reason: str) -> None:
        self._metrics.words.labels("refused").inc()
        _LOG.warning("the tracker refuses a word", session=session_id, error=reason)
