"""The webhook process: puts the parts together, serves, and ends without losing anything."""

import asyncio
import dataclasses
import datetime as dt
import gc
import os
import signal
from collections.abc import Callable

import httpx
import structlog
from aiohttp import web

from deputy import log
from deputy.kube.client import Connection, Kube
from deputy.kube.kubeconfig import from_kubeconfig
from deputy.settings import SettingWrong, WebhookSettings
from deputy.trackers.linear.client import LinearClient
from deputy.trackers.linear.credentials import Credentials
from deputy.trackers.linear.errors import CredentialsMissing
from deputy.webhook.app import Parts, make_app
from deputy.webhook.blueprints import Catalogue
from deputy.webhook.claiming import Claims
from deputy.webhook.copies import Copies, Turns
from deputy.webhook.health import Health
from deputy.webhook.intake import Intake
from deputy.webhook.metrics import Metrics
from deputy.webhook.runs import ApiServerRuns
from deputy.webhook.teller import Teller

_LOG = structlog.stdlib.get_logger(__name__)

#: How long requests in flight, and then first words under way, may take at the end.
_LAST_REQUESTS = 8.0
_LAST_WORDS = 8.0
_REMIND_EVERY = 60.0


def run(settings: WebhookSettings) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status."""
    log.configure(settings.log_level)
    # What is loaded now stays: no collection shall look at it again while somebody waits.
    gc.collect()
    gc.freeze()
    asyncio.run(serve(settings, _connection(settings)))
    return 0


async def serve(settings: WebhookSettings, connection: Connection) -> None:
    """Serve until the process is asked to end; a part that breaks ends it with its error."""
    http = httpx.AsyncClient(timeout=httpx.Timeout(5.0))
    async with Kube(connection) as kube, http, asyncio.TaskGroup() as group:
        built = assemble(settings, kube, http)
        background = (
            group.create_task(built.catalogue.follow()),
            group.create_task(_remind(built.parts.health.check_credentials, settings)),
        )
        runner = await _start(built.parts, settings)
        _LOG.info("serving", port=settings.port, namespaces=settings.agent_namespaces)
        await _asked_to_end()
        _LOG.info("ending", drain_seconds=settings.drain.total_seconds())
        built.parts.health.ending = True
        # Whoever sends to us learns only after a moment that we are not ready any more.
        await asyncio.sleep(settings.drain.total_seconds())
        await runner.cleanup()
        await built.teller.drain(_LAST_WORDS)
        for task in background:
            task.cancel()


@dataclasses.dataclass(frozen=True, slots=True)
class Built:
    """The application's parts, and those that somebody has to run and to drain."""

    parts: Parts
    catalogue: Catalogue
    teller: Teller


def assemble(
    settings: WebhookSettings, kube: Kube, http: httpx.AsyncClient, metrics: Metrics | None = None
) -> Built:
    """Put the parts together; nothing runs yet."""
    metrics = metrics or Metrics()
    catalogue = Catalogue(kube, settings.agent_namespaces)
    credentials = Credentials(settings.linear_credentials, http, settings.linear_api_url)
    teller = Teller(LinearClient(http, settings.linear_api_url, credentials), metrics)
    claims = Claims(ApiServerRuns(kube, settings.agent_namespaces), Turns())
    intake = Intake(claims, catalogue, teller, metrics, _now)
    health = Health(catalogue, lambda: credentials.check(webhook=True))
    return Built(Parts(Copies(intake), credentials, health, metrics, _now), catalogue, teller)


async def _start(parts: Parts, settings: WebhookSettings) -> web.AppRunner:
    runner = web.AppRunner(make_app(parts), access_log=None, shutdown_timeout=_LAST_REQUESTS)
    await runner.setup()
    await web.TCPSite(runner, port=settings.port, backlog=1024).start()
    return runner


async def _asked_to_end() -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    await asked.wait()


async def _remind(check: Callable[[], None], settings: WebhookSettings) -> None:
    """Say at the start and then each minute what is missing, until nothing is."""
    while True:
        try:
            check()
        except CredentialsMissing as error:
            _LOG.error(
                "no webhook can be taken: Linear's credentials are missing",
                error=str(error),
                directory=str(settings.linear_credentials),
                namespace=settings.namespace,
            )
        await asyncio.sleep(_REMIND_EVERY)


def _connection(settings: WebhookSettings) -> Connection:
    if settings.kubeconfig is not None:
        return from_kubeconfig(settings.kubeconfig)
    try:
        return Connection.in_cluster(os.environ)
    except KeyError as error:
        raise SettingWrong(
            "DEPUTY_KUBECONFIG", "is not set, and this is no pod; name a kubeconfig"
        ) from error


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
