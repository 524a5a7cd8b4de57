"""`deputy operator`: wait to lead, then watch, work and serve until asked to end."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Mapping
from typing import Any

import httpx
import structlog
from aiohttp import web
from prometheus_client import REGISTRY

from deputy import log
from deputy.api.agentrun import AgentRun
from deputy.api.blueprint import Blueprint
from deputy.api.names import LEASE
from deputy.controller import metrics
from deputy.controller.actor import Actor
from deputy.controller.blueprints import BlueprintReconciler
from deputy.controller.deletion import Deletion
from deputy.controller.gauges import RunGauges
from deputy.controller.notifier import Notifier
from deputy.controller.observer import Observer
from deputy.controller.orphans import OrphanedSessions
from deputy.controller.pull_requests import PullRequests
from deputy.controller.queue import WorkQueue
from deputy.controller.reconciler import Reconciler
from deputy.controller.run_state import RunStates
from deputy.controller.slots import Slots
from deputy.health import Health
from deputy.kube.cache import Cache
from deputy.kube.client import Kube
from deputy.kube.errors import Unavailable
from deputy.kube.leader import Leadership, LeadershipLost, LeaseSettings, mark_leader
from deputy.kube.resync import Resync
from deputy.kube.signals import stop_on_signals
from deputy.kube.store import Key
from deputy.kube.watch import Watched, watch
from deputy.processes.connection import connection_of
from deputy.processes.outbound import http_client
from deputy.processes.startup import seed
from deputy.processes.watched import watched_blueprints, watched_pods, watched_runs
from deputy.relay.authentication import Authenticator
from deputy.relay.ca import RelayCAMissing, relay_ca, server_context
from deputy.relay.certificates import KeyPair
from deputy.relay.server import RelayServer, start_server
from deputy.relay.service import RelayService
from deputy.settings import OperatorSettings
from deputy.trackers.linear.client import LinearClient
from deputy.trackers.linear.credentials import Credentials
from deputy.trackers.linear.tracker import Tracker
from deputy.trackers.linear.writer import Writer
from deputy.workspace.pod import WorkspaceSettings

_LOG = structlog.stdlib.get_logger(__name__)

#: Until a Blueprint's counts of runs follow: a short run is one write to its Blueprint, not two.
_COUNT_SECONDS = 5.0
#: How long what is queued for the tracker may take at the end; the next leader repeats the rest.
_LAST_UPDATES = 3.0


def run(settings: OperatorSettings) -> int:
    """Run the operator until SIGTERM; return 1 where it cannot lead, to be started anew."""
    log.configure(settings.log_level)
    try:
        asyncio.run(_main(settings))
    except ExceptionGroup as group:
        known = group.subgroup((LeadershipLost, RelayCAMissing))
        if known is None:
            raise
        _LOG.error("cannot lead; this process ends", error=str(_innermost(known)))
        return 1
    return 0


def _innermost(error: Exception) -> Exception:
    """Return the first error of groups within groups."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


async def _main(settings: OperatorSettings) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    health = Health(ready_text="stands by")
    runner = await start_server(_health_app(health), settings.health_port, None)
    try:
        async with Kube(connection_of(settings), on_write=_count_write) as kube:
            lease = LeaseSettings(settings.namespace, LEASE, settings.pod_name)
            leadership = Leadership(kube, lease)
            if not await _acquired(leadership, stop):
                return
            try:
                await _lead(settings, kube, leadership, health, stop)
            finally:
                await leadership.release()
    finally:
        await runner.cleanup()


def _health_app(health: Health) -> web.Application:
    app = web.Application()
    app.router.add_routes(health.routes())
    return app


def _count_write(resource: str) -> None:
    metrics.API_WRITES.labels(resource).inc()


async def _acquired(leadership: Leadership, stop: asyncio.Event) -> bool:
    """Wait to lead; return False where the process was asked to end before."""
    acquiring = asyncio.ensure_future(leadership.acquire())
    asked = asyncio.ensure_future(stop.wait())
    await asyncio.wait((acquiring, asked), return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if not acquiring.done():
        acquiring.cancel()
        return False
    # Who could not even ask for the lease must not lead.
    acquiring.result()
    return not stop.is_set()


async def _lead(
    settings: OperatorSettings,
    kube: Kube,
    leadership: Leadership,
    health: Health,
    stop: asyncio.Event,
) -> None:
    """Lead until asked to end; raise `LeadershipLost` (in a group) where another one may."""
    metrics.LEADER.set(1)
    async with asyncio.TaskGroup() as tasks:
        renewing = tasks.create_task(leadership.renew())
        await mark_leader(kube, settings.namespace, settings.pod_name)
        ca = await relay_ca(kube, settings.namespace, dt.datetime.now(dt.UTC))
        # Forges that do not answer must not use up the connections to the tracker.
        async with (
            http_client(settings, 10.0) as http,
            http_client(settings, 10.0) as forges,
        ):
            leader = Leader(
                settings, kube=kube, http=http, forges=forges, ca=ca, health=health, stop=stop
            )
            await leader.work()
        renewing.cancel()


class Leader:
    """Everything that only the leader does, put together in the order in which it is needed."""

    def __init__(
        self,
        settings: OperatorSettings,
        *,
        kube: Kube,
        http: httpx.AsyncClient,
        forges: httpx.AsyncClient,
        ca: KeyPair,
        health: Health,
        stop: asyncio.Event,
    ) -> None:
        self._settings = settings
        self._health = health
        self._stop = stop

        # What is known.
        self._cache = Cache()
        self._states = RunStates()
        self._slots = Slots(self._cache)

        # Who is told.
        credentials = Credentials(settings.linear_credentials, http, settings.linear_api_url)
        client = LinearClient(http, settings.linear_api_url, credentials)
        self._writer = Writer(client)
        tracker = Tracker(client, self._writer)
        notifier = Notifier(self._cache, tracker)

        # Who works.
        actor = Actor(
            kube=kube,
            cache=self._cache,
            tracker=tracker,
            notifier=notifier,
            pull_requests=PullRequests(kube, forges),
            workspace=WorkspaceSettings(
                settings.sidecar_image, settings.relay_url, ca.certificate.decode()
            ),
            slots=self._slots,
            enqueue=self._enqueue_run,
        )
        reconciler = Reconciler(
            kube=kube,
            cache=self._cache,
            states=self._states,
            observer=Observer(self._cache, kube, self._slots),
            actor=actor,
        )
        blueprints = BlueprintReconciler(
            kube=kube,
            cache=self._cache,
            slots=self._slots,
            tracker=tracker,
            enqueue_run=self._enqueue_run,
            team_namespaces=settings.team_namespaces,
        )
        self._runs: WorkQueue[Key] = WorkQueue(reconciler.reconcile)
        self._blueprints: WorkQueue[Key] = WorkQueue(blueprints.reconcile, workers=2)

        # What is followed.
        self._deletion = Deletion(self._states, notifier)
        self._orphans = OrphanedSessions(self._cache, tracker, notifier.told)
        self._watched = self._what_is_watched()
        self._resync = Resync(kube, self._watched, settings.agent_namespaces)

        # What sidecars call.
        service = RelayService(
            kube=kube,
            cache=self._cache,
            conversations=self._states,
            tracker=tracker,
            enqueue=self._enqueue_run,
            deleted_run=self._slots.deleted_run,
        )
        self._relay = RelayServer(service, Authenticator(kube)).app()
        self._relay_tls = server_context(ca, settings.relay_url, dt.datetime.now(dt.UTC))

    async def work(self) -> None:
        """Watch, work and serve until asked to end."""
        REGISTRY.register(RunGauges(self._cache, self._slots))
        # The lease is renewed meanwhile, or lost.
        await seed(self._resync, Unavailable)
        relay = await start_server(self._relay, self._settings.relay_port, self._relay_tls)
        self._health.add_liveness(self._resync.unhealthy)
        self._health.ready_text = "leads"
        try:
            await self._until_stopped()
        finally:
            self._states.wake_all()
            await relay.cleanup()

    async def _until_stopped(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            jobs = [
                tasks.create_task(self._writer.run()),
                tasks.create_task(self._runs.run()),
                tasks.create_task(self._blueprints.run()),
                tasks.create_task(self._resync.run()),
                tasks.create_task(self._watch()),
                tasks.create_task(self._orphans.run()),
            ]
            await self._stop.wait()
            _LOG.info("asked to end")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._writer.idle(), _LAST_UPDATES)
            for job in jobs:
                job.cancel()

    async def _watch(self) -> None:
        settings = self._settings
        await watch(self._watched, settings.agent_namespaces, settings.kubeconfig, self._stop)

    def _what_is_watched(self) -> tuple[Watched, ...]:
        return (
            watched_blueprints(self._cache.blueprints, self._blueprint_changed),
            watched_pods(self._cache.pods, self._pod_changed, self._pod_deleted),
            watched_runs(self._cache.runs, self._run_changed, self._run_deleted),
        )

    def _run_changed(self, run: AgentRun) -> None:
        self._states.refresh(run)
        self._enqueue_run(run.metadata.key, changed=True)
        if run.metadata.deletion_timestamp is not None:
            # It goes no further, whatever keeps it there: the next one may.
            self._pass_on_slot_of(run)

    def _run_deleted(self, run: AgentRun) -> None:
        self._slots.forget(run)
        self._deletion.handle(run)
        self._pass_on_slot_of(run)

    def _pass_on_slot_of(self, run: AgentRun) -> None:
        blueprint = (run.metadata.namespace, run.spec.blueprint_ref.name)
        self._blueprints.add_later(blueprint, _COUNT_SECONDS)
        for key in self._slots.next_in_line(run):
            self._enqueue_run(key)

    def _blueprint_changed(self, blueprint: Blueprint) -> None:
        self._blueprints.add(blueprint.metadata.key)

    def _pod_changed(self, pod: Mapping[str, Any]) -> None:
        for owner in pod["metadata"].get("ownerReferences") or ():
            if owner["kind"] == "AgentRun":
                self._enqueue_run((pod["metadata"]["namespace"], owner["name"]))

    def _pod_deleted(self, pod: Mapping[str, Any]) -> None:
        self._pod_changed(pod)
        run = self._slots.run_of(pod)
        if run is None:
            return
        if self._slots.deleted_run(run.metadata.uid) is not None:
            self._states.forget(run.metadata.uid)
        self._pass_on_slot_of(run)

    def _enqueue_run(self, key: Key, *, changed: bool = False) -> None:
        self._runs.add(key, changed=changed)
        run = self._cache.runs.get(*key)
        if run is not None:
            self._blueprints.add_later((key[0], run.spec.blueprint_ref.name), _COUNT_SECONDS)
