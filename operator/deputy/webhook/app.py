"""The HTTP application: reads a delivery, has it taken, answers. Nothing is decided here."""

import asyncio
import datetime as dt
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog
from aiohttp import web

from deputy.health import Health
from deputy.kube.errors import KubeError
from deputy.trackers import events
from deputy.trackers.linear.errors import CredentialsMissing, WebhookRefused
from deputy.trackers.linear.webhooks import from_http, signature_of
from deputy.webhook import metrics
from deputy.webhook.acknowledger import NotAcknowledged
from deputy.webhook.bodies import BodyReader
from deputy.webhook.claiming import ClaimUnsettled
from deputy.webhook.single_flight import EventIntake

_LOG = structlog.stdlib.get_logger(__name__)

#: Linear waits five seconds for an answer; ours says then that the event has to come again.
_ANSWER_TIMEOUT = 4.5
_RETRY_AFTER = {"Retry-After": "10"}
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


class Secrets(Protocol):
    """Where the webhook secrets come from."""

    def webhook_secrets(self) -> tuple[bytes, ...]:
        """Return the secrets; raise `CredentialsMissing` while there are none."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is made of."""

    intake: EventIntake
    secrets: Secrets
    health: Health
    now: Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True)
class _WebhookResponse:
    """What to answer, and how to count it."""

    status: int
    text: str
    kind: str
    result: str


def make_app(parts: Parts) -> web.Application:
    """Return the application; the caller starts what `parts` need."""
    app = web.Application()
    handlers = _Handlers(parts)
    app.router.add_post("/webhooks/linear", handlers.receive)
    app.router.add_routes(parts.health.routes())
    return app


class _Handlers:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._bodies = BodyReader()

    async def receive(self, request: web.Request) -> web.Response:
        """Answer 200 once the event is safe, else with the status that says what to do."""
        began = time.perf_counter()
        answer = await self._answer(request)
        metrics.SECONDS.observe(time.perf_counter() - began)
        metrics.RECEIVED.labels(answer.kind, answer.result).inc()
        headers = _RETRY_AFTER if answer.status == 503 else None
        return web.json_response(
            {"result": answer.result, "message": answer.text},
            status=answer.status,
            headers=headers,
        )

    async def _answer(self, request: web.Request) -> _WebhookResponse:
        try:
            event = await self._event(request)
        except WebhookRefused as error:
            _LOG.warning("delivery refused", status=error.status, error=str(error))
            return _WebhookResponse(error.status, str(error), "unknown", error.result)
        except CredentialsMissing as error:
            return _WebhookResponse(503, str(error), "unknown", "credentials_missing")
        return await self._take(event)

    async def _event(self, request: web.Request) -> events.TrackerEvent:
        secrets = self._parts.secrets.webhook_secrets()
        # Whoever does not even say that it is signed has nothing read.
        signature_of(request.headers)
        body = await self._bodies.read(request)
        return from_http(request.headers, body, secrets, self._parts.now())

    async def _take(self, event: events.TrackerEvent) -> _WebhookResponse:
        kind = _label_of(event)
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT):
                return _WebhookResponse(200, "", kind, await self._parts.intake.take(event))
        except KubeError as error:
            return _unavailable(kind, "api_server", error)
        except (NotAcknowledged, CredentialsMissing) as error:
            return _unavailable(kind, "tracker", error)
        except (ClaimUnsettled, TimeoutError) as error:
            return _unavailable(kind, "unsettled", error)


def _unavailable(kind: str, result: str, error: Exception) -> _WebhookResponse:
    _LOG.warning("delivery has to come again", kind=kind, result=result, error=str(error))
    return _WebhookResponse(503, "not taken; send it again", kind, result)


def _label_of(event: object) -> str:
    """Return an event's class as a metric's label: SessionCreated → session_created."""
    return _CAPITAL.sub("_", type(event).__name__).lower()
