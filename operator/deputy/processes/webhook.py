"""`deputy webhook`: puts the parts together, serves, and ends without losing anything."""

import asyncio
import contextlib
import dataclasses
import gc
import logging
from collections.abc import Callable

import httpx
import structlog

from deputy import log
from deputy.clock import utc_now
from deputy.health import Health
from deputy.kube.cache import Cache
from deputy.kube.client import Connection, Kube
from deputy.kube.errors import KubeError
from deputy.kube.resync import Resync
from deputy.kube.signals import stop_on_signals
from deputy.kube.watch import Watched, watch
from deputy.processes.connection import connection_of
from deputy.processes.outbound import http_client
from deputy.processes.startup import seed
from deputy.processes.watched import watched_blueprints
from deputy.settings import WebhookSettings
from deputy.trackers.linear.client import LinearClient
from deputy.trackers.linear.credentials import Credentials
from deputy.trackers.linear.errors import CredentialsMissing
from deputy.webhook.acknowledger import Acknowledger
from deputy.webhook.app import Parts, make_app
from deputy.webhook.blueprints import BlueprintRouter
from deputy.webhook.claiming import Claimer
from deputy.webhook.connections import listen
from deputy.webhook.intake import Intake
from deputy.webhook.reservations import EventReservations
from deputy.webhook.runs import ApiServerRuns
from deputy.webhook.single_flight import IssueLocks, SingleFlight

_LOG = structlog.stdlib.get_logger(__name__)

#: How long acknowledgements under way may take at the end.
_LAST_ACKNOWLEDGEMENTS = 8.0
_REMIND_EVERY = 60.0


def run(settings: WebhookSettings) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status."""
    log.configure(settings.log_level)
    # It says what it does at every start and end; here only what is wrong is of interest.
    logging.getLogger("kopf").setLevel(logging.WARNING)
    # What is loaded now stays: no collection shall look at it again while somebody waits.
    gc.collect()
    gc.freeze()
    asyncio.run(serve(settings, connection_of(settings)))
    return 0


async def serve(settings: WebhookSettings, connection: Connection) -> None:
    """Serve until the process is asked to end; a part that breaks ends it with its error."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    http = http_client(settings, 5.0)
    async with Kube(connection) as kube, http, asyncio.TaskGroup() as group:
        built = assemble(settings, kube, http)
        background = (
            group.create_task(list_and_watch(built.following, settings, stop)),
            group.create_task(_remind(built.check_credentials, settings)),
        )
        listening = await listen(make_app(built.parts), settings.port)
        _LOG.info("serving", port=settings.port, namespaces=settings.agent_namespaces)
        await stop.wait()
        _LOG.info("ending", drain_seconds=settings.drain.total_seconds())
        built.ending.set()
        # Whoever sends to us learns only after a moment that we are not ready any more.
        await asyncio.sleep(settings.drain.total_seconds())
        await listening.end()
        await built.acknowledger.drain(_LAST_ACKNOWLEDGEMENTS)
        for task in background:
            task.cancel()


@dataclasses.dataclass(frozen=True, slots=True)
class Following:
    """What the process follows on the API server, and what compares that with lists."""

    watched: tuple[Watched, ...]
    resync: Resync


@dataclasses.dataclass(frozen=True, slots=True)
class Built:
    """The application's parts, and those that somebody has to run and to drain."""

    parts: Parts
    following: Following
    acknowledger: Acknowledger
    check_credentials: Callable[[], None]
    ending: asyncio.Event


def assemble(settings: WebhookSettings, kube: Kube, http: httpx.AsyncClient) -> Built:
    """Put the parts together; nothing runs yet."""
    cache, namespaces = Cache(), settings.agent_namespaces
    watched = (watched_blueprints(cache.blueprints, _ignore),)
    following = Following(watched, Resync(kube, watched, namespaces))
    credentials = Credentials(settings.linear_credentials, http, settings.linear_api_url)
    acknowledger = Acknowledger(LinearClient(http, settings.linear_api_url, credentials))
    reservations = EventReservations(kube, settings.namespace, settings.pod_name, utc_now)
    runs = ApiServerRuns(kube, namespaces, reservations if len(namespaces) > 1 else None)
    intake = Intake(
        claimer=Claimer(runs, IssueLocks()),
        runs=runs,
        blueprints=BlueprintRouter(kube, cache.blueprints, namespaces, settings.team_namespaces),
        acknowledger=acknowledger,
        now=utc_now,
    )
    ending = asyncio.Event()

    def check_credentials() -> None:
        credentials.check(webhook=True)

    health = health_of(ending, following.resync, check_credentials)
    parts = Parts(SingleFlight(intake), credentials, health, utc_now)
    return Built(parts, following, acknowledger, check_credentials, ending)


def health_of(
    ending: asyncio.Event, resync: Resync, check_credentials: Callable[[], None]
) -> Health:
    """Return what the probes are told: nobody sends to who ends, begins or has no secrets."""

    def ends() -> str:
        return "shutting down" if ending.is_set() else ""

    def begins() -> str:
        return "" if resync.seeded else "the Blueprints have not been read from the API server yet"

    def lacks_credentials() -> str:
        try:
            check_credentials()
        except CredentialsMissing as error:
            return str(error)
        return ""

    health = Health()
    for check in (ends, begins, lacks_credentials):
        health.add_readiness(check)
    health.add_liveness(resync.unhealthy)
    return health


async def list_and_watch(
    following: Following, settings: WebhookSettings, stop: asyncio.Event
) -> None:
    """List what is followed as soon as the API server answers, then follow it until cancelled."""
    await seed(following.resync, KubeError)
    comparing = asyncio.ensure_future(following.resync.run())
    try:
        await watch(following.watched, settings.agent_namespaces, settings.kubeconfig, stop)
    finally:
        comparing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await comparing


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


def _ignore(_: object) -> None:
    """Do nothing: whoever routes asks the store."""
