"""The two tasks that speak with the relay: events go out, messages come in."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable

from deputy.wire import MAX_BATCH, Message, NumberedEvent
from deputy_sidecar import log
from deputy_sidecar.backoff import Backoff
from deputy_sidecar.errors import RelayError, RelayRefused
from deputy_sidecar.relay.client import RelayClient
from deputy_sidecar.relay.outbox import Outbox

#: An inbox poll waits so long; a little less than what proxies and the relay allow.
_WAIT_SECONDS = 25.0
#: The relay changes hands within seconds; whoever waits for long then keeps a person waiting.
_FIRST_DELAY, _LONGEST_DELAY = 0.2, 3.0


class EventSender:
    """Sends events in their order until the relay has acknowledged them."""

    def __init__(self, client: RelayClient, outbox: Outbox) -> None:
        self._client = client
        self._outbox = outbox
        self._acked = outbox.acked
        self._pending: deque[NumberedEvent] = deque()
        self._more = asyncio.Event()
        self._arrived = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()

    def add(self, events: Iterable[NumberedEvent]) -> None:
        """Send `events`, but for those that were acknowledged in an earlier life."""
        new = [event for event in events if event.seq > self._acked]
        self._pending.extend(new)
        if new:
            self._drained.clear()
            self._more.set()
            self._arrived.set()

    async def drained(self) -> None:
        """Return once everything is acknowledged."""
        await self._drained.wait()

    async def run(self) -> None:
        """Send for ever."""
        backoff = Backoff(_FIRST_DELAY, _LONGEST_DELAY)
        while True:
            await self._more.wait()
            batch = [self._pending[i] for i in range(min(len(self._pending), MAX_BATCH))]
            self._arrived.clear()
            try:
                progress = await self._send(batch)
            except (RelayError, OSError) as error:
                log.warning("events are not taken", error=str(error), waiting=len(self._pending))
                await asyncio.sleep(backoff.delay())
            else:
                if progress:
                    backoff.reset()
                else:
                    await self._until_more(backoff.delay())

    async def _until_more(self, seconds: float) -> None:
        """Wait before the relay is asked for the same again, but not with what is new."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), seconds)

    async def _send(self, batch: list[NumberedEvent]) -> bool:
        """Send a batch and return whether the relay has more than before."""
        try:
            answer = await self._client.events(batch)
        except RelayRefused as error:
            if not error.is_final:
                raise
            if len(batch) > 1:
                return await self._send(batch[: len(batch) // 2])
            # It would block everything after it, for ever.
            log.warning("an event is refused for good", seq=batch[0].seq, error=str(error))
            self._acknowledge(batch[0].seq)
            return True
        for number, reason in answer.refused.items():
            log.info("an event is not shown", seq=number, reason=reason)
        return self._acknowledge(min(answer.acked, batch[-1].seq))

    def _acknowledge(self, number: int) -> bool:
        if number <= self._acked:
            return False
        self._acked = number
        self._outbox.acknowledge(number)
        while self._pending and self._pending[0].seq <= number:
            self._pending.popleft()
        if not self._pending:
            self._more.clear()
            self._drained.set()
        return True


async def poll_inbox(
    client: RelayClient, last_id: Callable[[], str], take: Callable[[Message], None]
) -> None:
    """Give every message that comes to `take`, for ever; `last_id` names the newest one taken."""
    backoff = Backoff(_FIRST_DELAY, _LONGEST_DELAY)
    while True:
        began = time.monotonic()
        try:
            messages = await client.inbox(last_id(), _WAIT_SECONDS)
        except (RelayError, OSError) as error:
            log.warning("the inbox cannot be read", error=str(error))
            await asyncio.sleep(backoff.delay())
            continue
        for message in messages:
            take(message)
        if messages or time.monotonic() - began > 1:
            backoff.reset()
        else:
            # It answers at once with nothing: that is no reason to ask all the time.
            await asyncio.sleep(backoff.delay())
