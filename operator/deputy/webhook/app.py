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
from deputy.trackers.linear.webhooks import from_http
from deputy.webhook import metrics
from deputy.webhook.acknowledger import NotAcknowledged
from deputy.webhook.claiming import ClaimUnsettled
from deputy.webhook.single_flight import Takes

_LOG = structlog.stdlib.get_logger(__name__)

LARGEST_BODY = 1024 * 1024
#: Linear waits five seconds for an answer; ours says then that the event has to come again.
_ANSWER_TIMEOUT = 4.5
_RETRY_AFTER = {"Retry-After": "10"}
_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class Secrets(Protocol):
    """Where the webhook secrets come from."""

    def webhook_secrets(self) -> tuple[bytes, ...]:
        """Return the secrets; raise `CredentialsMissing` while there are none."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is made of."""

    intake: Takes
    secrets: Secrets
    health: Health
    now: Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What to answer, and how to count it."""

    status: int
    text: str
    kind: str
    result: str


def make_app(parts: Parts) -> web.Application:
    """Return the application; the caller starts what `parts` need."""
    app = web.Application(client_max_size=LARGEST_BODY)
    handlers = _Handlers(parts)
    app.router.add_post("/webhooks/linear", handlers.receive)
    app.router.add_routes(parts.health.routes())
    return app


class _Handlers:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

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

    async def _answer(self, request: web.Request) -> _Answer:
        try:
            event = await self._event(request)
        except web.HTTPRequestEntityTooLarge:
            return _Answer(413, f"more than {LARGEST_BODY} bytes", "unknown", "too_large")
        except WebhookRefused as error:
            _LOG.warning("delivery refused", status=error.status, error=str(error))
            return _Answer(error.status, str(error), "unknown", error.result)
        except CredentialsMissing as error:
            return _Answer(503, str(error), "unknown", "credentials_missing")
        return await self._take(event)

    async def _event(self, request: web.Request) -> events.Event:
        secrets = self._parts.secrets.webhook_secrets()
        if (request.content_length or 0) > LARGEST_BODY:
            raise web.HTTPRequestEntityTooLarge(LARGEST_BODY, request.content_length or 0)
        return from_http(request.headers, await request.read(), secrets, self._parts.now())

    async def _take(self, event: events.Event) -> _Answer:
        kind = _word(event)
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT):
                return _Answer(200, "", kind, await self._parts.intake.take(event))
        except KubeError as error:
            return _again(kind, "api_server", error)
        except (NotAcknowledged, CredentialsMissing) as error:
            return _again(kind, "tracker", error)
        except (ClaimUnsettled, TimeoutError) as error:
            return _again(kind, "unsettled", error)


def _again(kind: str, result: str, error: Exception) -> _Answer:
    _LOG.warning("delivery has to come again", kind=kind, result=result, error=str(error))
    return _Answer(503, "not taken; send it again", kind, result)


def _word(thing: object) -> str:
    """Return the name of a thing's class as a metric's label: SessionCreated → session_created."""
    return _WORD.sub("_", type(thing).__name__).lower()
