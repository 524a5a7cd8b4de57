"""A running simulator: the organisation with all that surrounds it."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import functools
from typing import TYPE_CHECKING

from deputy_simulator.linear import views
from deputy_simulator.linear.agent import silence
from deputy_simulator.linear.change_stream import ChangeStream
from deputy_simulator.linear.clock import Clock, iso
from deputy_simulator.linear.entities import Json, Node, User
from deputy_simulator.linear.faults import Faults
from deputy_simulator.linear.oauth import Authority, Client
from deputy_simulator.linear.ratelimit import RateLimiter
from deputy_simulator.linear.seed import populate
from deputy_simulator.linear.sessions import SILENCE
from deputy_simulator.linear.webhooks import Delivery, WebhookSender
from deputy_simulator.linear.workspace import WebhookEvent, Workspace

if TYPE_CHECKING:
    import datetime as dt

    from deputy_simulator.linear.settings import Settings

#: Most GraphQL requests that are remembered.
MEMORY = 20_000

#: Seconds between two looks for sessions that fell silent.
SWEEP = 1.0

APP_SCOPE = "read,write,app:assignable,app:mentionable"
OTHER_APP_TOKEN = "lin_oauth_otherbot"  # noqa: S105


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """One request to the GraphQL endpoint, as tests measure it."""

    at: dt.datetime
    milliseconds: float
    caller: str | None
    operation: str
    fields: tuple[str, ...]
    complexity: int
    status: int
    errors: tuple[str, ...]
    fault: str | None

    def view(self) -> Json:
        """Return the request as JSON."""
        return dataclasses.asdict(self) | {
            "at": iso(self.at),
            "fields": list(self.fields),
            "errors": list(self.errors),
        }


class Simulator:
    """Everything that lives as long as the process, and the workspace, which `reset` replaces."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = Clock()
        self.faults = Faults()
        self.changes = ChangeStream()
        self.authority = Authority()
        self.limiter = RateLimiter(settings.requests_per_hour, settings.complexity_per_hour)
        self.requests: collections.deque[RecordedRequest] = collections.deque(maxlen=MEMORY)
        self.sender = self._new_sender(settings.webhook_url, settings.webhook_secret)
        self.workspace = self._new_world()
        self._grant_seeded()

    @property
    def client(self) -> Client:
        """The application under test."""
        return self.authority.clients[self.settings.client_id]

    async def reset(self) -> None:
        """Begin anew with the seed; tokens, and where webhooks go, stay as they are."""
        sender = self.sender
        await sender.close()
        self.faults.clear()
        self.requests.clear()
        self.limiter.set_limits(self.settings.requests_per_hour, self.settings.complexity_per_hour)
        self.sender = self._new_sender(sender.url, sender.secret)
        self.workspace = self._new_world()
        self.changes.publish("reset", {})
        self.changes.notify()

    def advance(self, seconds: float) -> None:
        """Skip time, with everything that becomes due by it."""
        self.clock.advance(seconds)
        self.sweep()

    def sweep(self) -> None:
        """Mark sessions stale whose agent fell silent."""
        silence(self.workspace, SILENCE)

    async def run(self) -> None:
        """Look after sessions until cancelled."""
        while True:
            await asyncio.sleep(SWEEP)
            self.sweep()

    async def close(self) -> None:
        """End deliveries and watching."""
        self.changes.close()
        await self.sender.close()

    def record(self, request: RecordedRequest) -> None:
        """Remember a GraphQL request."""
        self.requests.append(request)
        self.changes.notify()

    def _new_sender(self, url: str | None, secret: str) -> WebhookSender:
        settings = dataclasses.replace(self.settings, webhook_url=url, webhook_secret=secret)
        sender = WebhookSender(settings, self.clock, self.faults)
        sender.changed = self._delivery_changed
        return sender

    def _new_world(self) -> Workspace:
        workspace = Workspace(self.settings, self.clock, self._outbox)
        populate(workspace)
        workspace.store.watch(functools.partial(self._node_changed, workspace))
        return workspace

    def _outbox(self, event: WebhookEvent) -> None:
        self.sender.send(event)

    def _node_changed(self, workspace: Workspace, node: Node) -> None:
        self.changes.notify()
        if self.changes.has_subscribers() and (shown := views.node(workspace, node)) is not None:
            self.changes.publish(*shown)

    def _delivery_changed(self, delivery: Delivery) -> None:
        self.changes.notify()
        if self.changes.has_subscribers():
            self.changes.publish("delivery", views.delivery(delivery))

    def _grant_seeded(self) -> None:
        settings, store = self.settings, self.workspace.store
        self.authority.clients[settings.client_id] = Client(
            id=settings.client_id,
            secret=settings.client_secret,
            name=settings.app_name,
            user_id=self.workspace.app_user_id,
            redirect_uris=settings.redirect_uris,
        )
        if settings.access_token:
            app = self.workspace.app_user_id
            self.authority.seed(settings.access_token, app, settings.client_id, APP_SCOPE)
        self.authority.seed(OTHER_APP_TOKEN, store.user("otherbot").id, "otherbot", APP_SCOPE)
        for user in store.all(User):
            if not user.app:
                key = f"lin_api_{user.display_name}"
                self.authority.seed(key, user.id, None, "read,write")
