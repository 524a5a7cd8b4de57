"""Deliver signed webhooks as Linear does: five seconds to answer, three more attempts."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import hashlib
import hmac
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import aiohttp

from deputy_simulator.linear.clock import Clock, epoch_ms

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Coroutine, Iterator

    from deputy_simulator.linear.faults import Faults
    from deputy_simulator.linear.settings import Settings
    from deputy_simulator.linear.workspace import WebhookEvent

#: Most deliveries that are remembered.
MEMORY = 20_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request to the webhook, and what came back."""

    sent_at: dt.datetime
    milliseconds: float
    status: int | None
    error: str | None


@dataclasses.dataclass(slots=True, kw_only=True)
class Delivery:
    """One event on its way to the webhook."""

    id: str
    event: WebhookEvent
    made_at: dt.datetime
    state: str = "pending"
    """pending, retrying, delivered, failed, dropped, disabled or unaddressed."""
    attempts: list[Attempt] = dataclasses.field(default_factory=list)


class WebhookSender:
    """The application's one webhook; `send` never waits."""

    def __init__(self, settings: Settings, clock: Clock, faults: Faults) -> None:
        self.url = settings.webhook_url
        self.secret = settings.webhook_secret
        self.resource_types = settings.resource_types
        self.retry_delays = settings.retry_delays
        self.enabled = True
        self.webhook_id = str(uuid.uuid4())
        self.deliveries: collections.deque[Delivery] = collections.deque(maxlen=MEMORY)
        self.changed: Callable[[Delivery], None] = lambda _delivery: None
        self._settings = settings
        self._clock = clock
        self._faults = faults
        self._failed_in_a_row = 0
        self._copies = 1
        self._held: list[WebhookEvent] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._http: aiohttp.ClientSession | None = None

    @contextlib.contextmanager
    def copying(self, copies: int) -> Iterator[None]:
        """Send every session event that is told inside `copies` times, at once."""
        self._copies = copies
        try:
            yield
        finally:
            self._copies = 1

    def send(self, event: WebhookEvent) -> None:
        """Deliver an event in the background, as the switches have it."""
        if event.type not in self.resource_types and event.type != "OAuthApp":
            return
        faults = self._faults.webhooks
        if faults.touches(event.type) and faults.drop:
            faults.drop -= 1
            self._record(event, "dropped")
        elif faults.touches(event.type) and faults.reorder:
            self._hold(event)
        else:
            for delivery in self._copied(event):
                self._start(self._deliver(delivery))

    def redeliver(self, delivery: Delivery) -> Delivery:
        """Deliver an event once more, under the same `Linear-Delivery`."""
        again = self._record(delivery.event, "pending", delivery.id)
        self._start(self._deliver(again))
        return again

    def enable(self) -> None:
        """Switch the webhook on again after Linear disabled it."""
        self.enabled = True
        self._failed_in_a_row = 0

    def pending(self) -> int:
        """Return how many deliveries have not come to an end."""
        return len(self._tasks)

    async def close(self) -> None:
        """Give up everything that is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()
            self._http = None

    def _copied(self, event: WebhookEvent) -> list[Delivery]:
        faults = self._faults.webhooks
        copies = faults.copies if faults.touches(event.type) else 1
        if event.type == "AgentSessionEvent":
            copies = max(copies, self._copies)
        first = self._record(event, "pending")
        same = None if faults.fresh_ids else first.id
        return [first, *(self._record(event, "pending", same) for _ in range(copies - 1))]

    def _hold(self, event: WebhookEvent) -> None:
        self._held.append(event)
        self._faults.webhooks.reorder -= 1
        if not self._faults.webhooks.reorder:
            held, self._held = self._held, []
            self._start(self._deliver_in_turn([self._record(e, "pending") for e in held[::-1]]))

    def _record(self, event: WebhookEvent, state: str, known: str | None = None) -> Delivery:
        made_at = self._clock.stamp()
        delivery = Delivery(
            id=known or str(uuid.uuid4()), event=event, made_at=made_at, state=state
        )
        self.deliveries.append(delivery)
        self.changed(delivery)
        return delivery

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver_in_turn(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            await self._attempt(delivery)
            if delivery.state != "delivered":
                self._start(self._retry(delivery))

    async def _deliver(self, delivery: Delivery) -> None:
        if self._faults.webhooks.delay and self._faults.webhooks.touches(delivery.event.type):
            await self._clock.sleep(self._faults.webhooks.delay)
        await self._attempt(delivery)
        await self._retry(delivery)

    async def _retry(self, delivery: Delivery) -> None:
        for delay in self.retry_delays:
            if delivery.state != "retrying":
                return
            await self._clock.sleep(delay)
            await self._attempt(delivery)
        if delivery.state == "retrying":
            self._give_up(delivery)

    def _give_up(self, delivery: Delivery) -> None:
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= self._settings.disable_after:
            self.enabled = False
        self._move(delivery, "failed")

    async def _attempt(self, delivery: Delivery) -> None:
        if self.url is None or not self.enabled:
            self._move(delivery, "unaddressed" if self.url is None else "disabled")
            return
        attempt = await self._post(self.url, delivery)
        delivery.attempts.append(attempt)
        if attempt.status == 200:
            self._failed_in_a_row = 0
            self._move(delivery, "delivered")
        else:
            self._move(delivery, "retrying")

    async def _post(self, url: str, delivery: Delivery) -> Attempt:
        sent_at = self._clock.stamp()
        body = self._body(delivery, sent_at)
        began = time.monotonic()
        status, error = None, None
        try:
            async with self._client().post(
                url,
                data=body,
                headers=self._headers(delivery, body, sent_at),
                allow_redirects=False,
            ) as answer:
                status = answer.status
        except TimeoutError:
            error = f"no answer within {self._settings.answer_timeout:g} s"
        except aiohttp.ClientError as broken:
            error = f"{type(broken).__name__}: {broken}"
        milliseconds = round((time.monotonic() - began) * 1000, 3)
        return Attempt(sent_at=sent_at, milliseconds=milliseconds, status=status, error=error)

    def _body(self, delivery: Delivery, sent_at: dt.datetime) -> bytes:
        stamped = delivery.event.body | {
            "webhookId": self.webhook_id,
            "webhookTimestamp": epoch_ms(sent_at),
        }
        return json.dumps(stamped, ensure_ascii=False, separators=(",", ":")).encode()

    def _headers(self, delivery: Delivery, body: bytes, sent_at: dt.datetime) -> dict[str, str]:
        repeated = bool(delivery.attempts) and self._faults.webhooks.fresh_ids
        signature = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        return {
            "Accept-Charset": "utf-8",
            "Content-Type": "application/json; charset=utf-8",
            "Linear-Delivery": str(uuid.uuid4()) if repeated else delivery.id,
            "Linear-Event": delivery.event.type,
            "Linear-Signature": signature,
            "Linear-Timestamp": str(epoch_ms(sent_at)),
            "User-Agent": "Linear-Webhook",
        }

    def _client(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                # A connection each: deliveries spread over the replicas behind one address.
                connector=aiohttp.TCPConnector(limit=512, force_close=True),
                timeout=aiohttp.ClientTimeout(total=self._settings.answer_timeout),
            )
        return self._http

    def _move(self, delivery: Delivery, state: str) -> None:
        delivery.state = state
        self.changed(delivery)
