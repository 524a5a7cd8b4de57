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
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from deputy.kube.errors import KubeError
from deputy.trackers import events
from deputy.trackers.linear.errors import CredentialsMissing
from deputy.trackers.linear.sansio import WebhookRefused, from_http
from deputy.webhook.claiming import Unsettled
from deputy.webhook.copies import Takes
from deputy.webhook.health import Health
from deputy.webhook.metrics import Metrics
from deputy.webhook.teller import Untold

_LOG = structlog.stdlib.get_logger(__name__)

LARGEST_BODY = 1024 * 1024
#: Linear waits five seconds for an answer; ours says then that the event has to come again.
_PATIENCE = 4.5
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
    metrics: Metrics
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
    app.router.add_get("/healthz", handlers.healthz)
    app.router.add_get("/readyz", handlers.readyz)
    app.router.add_get("/metrics", handlers.metrics)
    return app


class _Handlers:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def receive(self, request: web.Request) -> web.Response:
        """Answer 200 once the event is safe, else with the status that says what to do."""
        began = time.perf_counter()
        answer = await self._answer(request)
        self._parts.metrics.seconds.observe(time.perf_counter() - began)
        self._parts.metrics.received.labels(answer.kind, answer.result).inc()
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
            return _Answer(error.status, str(error), "unknown", _word(error))
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
            async with asyncio.timeout(_PATIENCE):
                return _Answer(200, "", kind, await self._parts.intake.take(event))
        except KubeError as error:
            return _again(kind, "api_server", error)
        except (Untold, CredentialsMissing) as error:
            return _again(kind, "tracker", error)
        except (Unsettled, TimeoutError) as error:
            return _again(kind, "unsettled", error)

    async def healthz(self, _request: web.Request) -> web.Response:
        """Answer 503 where only a restart helps."""
        return _told(self._parts.health.why_sick())

    async def readyz(self, _request: web.Request) -> web.Response:
        """Answer 503, and why, while no deliveries should be sent here."""
        return _told(self._parts.health.why_not_ready())

    async def metrics(self, _request: web.Request) -> web.Response:
        """Answer with the metrics in Prometheus' text format."""
        text = generate_latest(self._parts.metrics.registry)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _again(kind: str, result: str, error: Exception) -> _Answer:
    _LOG.warning("delivery has to come again", kind=kind, result=result, error=str(error))
    return _Answer(503, "not taken; send it again", kind, result)


def _told(reason: str) -> web.Response:
    return web.Response(status=503 if reason else 200, text=f"{reason or 'ok'}\n")


def _word(thing: object) -> str:
    """Return the name of a thing's class as a metric's label: SessionCreated → session_created."""
    return _WORD.sub("_", type(thing).__name__).lower()
