"""Post what cannot wait for the operator: acknowledgements after the answer, refusals before it.

An acknowledgement that fails here is not lost: the operator posts the same under the same id.
"""

import asyncio
import collections
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Protocol

import structlog

from deputy.core.acknowledgements import Acknowledgement, as_activity
from deputy.errors import DeputyError
from deputy.trackers.linear.client import Indeterminate
from deputy.trackers.linear.errors import LinearError, LinearUnavailable, RateLimited, Rejected
from deputy.trackers.updates import Content, PostActivity, Priority, Refused, Update
from deputy.webhook import metrics

_LOG = structlog.stdlib.get_logger(__name__)

#: Pauses between the tries to post an acknowledgement; after them it is left to the operator.
_PAUSES = (0.25, 1.0, 3.0)
#: Requests at once; what waits meanwhile is sent together.
_MAX_SENDERS = 4
_MAX_BATCH = 10


class UpdateClient(Protocol):
    """What is needed of the tracker's client."""

    async def apply(self, updates: Sequence[Update]) -> Sequence[object]:
        """Write updates; an id that is there already counts as written."""


class NotAcknowledged(DeputyError):
    """The tracker cannot be told now; the message says why."""


class Acknowledger:
    """Writes to the tracker for the webhook process."""

    def __init__(
        self,
        client: UpdateClient,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._pause = pause
        self._waiting: collections.deque[Acknowledgement] = collections.deque()
        self._senders = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def acknowledge(self, acknowledgement: Acknowledgement) -> None:
        """Post an acknowledgement in the background, trying a few times."""
        self._waiting.append(acknowledgement)
        if self._senders < _MAX_SENDERS:
            self._senders += 1
            self._begin(self._send())

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self) -> None:
        """Post what waits until nothing does; what fails is tried again by itself."""
        try:
            while self._waiting:
                count = min(len(self._waiting), _MAX_BATCH)
                await self._send_batch([self._waiting.popleft() for _ in range(count)])
        finally:
            self._senders -= 1

    async def _send_batch(self, batch: Sequence[Acknowledgement]) -> None:
        try:
            results = await self._client.apply([as_activity(one) for one in batch])
        except LinearError as error:
            if len(batch) == 1 and not _is_temporary(error):
                self._give_up(batch[0], error)
                return
            results = [Indeterminate()] * len(batch)
        for acknowledgement, result in zip(batch, results, strict=True):
            if isinstance(result, Indeterminate):
                self._begin(self._retry(acknowledgement))
            else:
                self._note(acknowledgement.session_id, result)

    async def refuse(self, session_id: str, activity_id: str, content: Content) -> None:
        """Post a refusal; raise `NotAcknowledged` where the event has to come again for it.

        A tracker that will not have it (a session that is gone) is not asked again.
        """
        try:
            await self._post(PostActivity(session_id, activity_id, content, Priority.TERMINAL))
        except Rejected as error:
            self._refused(session_id, str(error))
        except LinearError as error:
            metrics.ACKNOWLEDGEMENTS.labels("untold").inc()
            raise NotAcknowledged(str(error)) from error

    async def drain(self, seconds: float) -> None:
        """Wait for what is under way; what takes longer is left to the operator."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _retry(self, acknowledgement: Acknowledgement) -> None:
        for number, pause in enumerate(_PAUSES, 1):
            await self._pause(pause)
            try:
                await self._post(as_activity(acknowledgement))
            except LinearError as error:
                if not _is_temporary(error) or number == len(_PAUSES):
                    self._give_up(acknowledgement, error)
                    return
            else:
                return

    def _give_up(self, acknowledgement: Acknowledgement, error: LinearError) -> None:
        metrics.ACKNOWLEDGEMENTS.labels("left_to_operator").inc()
        _LOG.warning(
            "first word left to the operator", session=acknowledgement.session_id, error=str(error)
        )

    async def _post(self, update: PostActivity) -> None:
        (result,) = await self._client.apply([update])
        self._note(update.session_id, result)

    def _note(self, session_id: str, result: object) -> None:
        if isinstance(result, Refused):
            self._refused(session_id, result.reason)
        else:
            metrics.ACKNOWLEDGEMENTS.labels("sent").inc()

    def _refused(self, session_id: str, reason: str) -> None:
        metrics.ACKNOWLEDGEMENTS.labels("refused").inc()
        _LOG.warning("the tracker refuses a word", session=session_id, error=reason)


def _is_temporary(error: LinearError) -> bool:
    """Whether trying again may help."""
    return isinstance(error, LinearUnavailable | RateLimited)
