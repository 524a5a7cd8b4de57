"""`deputy operator`: wait to lead, then watch, work and serve until asked to end."""

import asyncio
import contextlib
import datetime as dt
import os
import signal
from collections.abc import Awaitable, Callable

import httpx
import kopf
import structlog
import tenacity
from prometheus_client import REGISTRY

from deputy import log
from deputy.controller import metrics
from deputy.controller.apply import Actor
from deputy.controller.authority import AuthorityMissing, authority, server_context
from deputy.controller.blueprints import BlueprintReconciler
from deputy.controller.cluster import Cluster, Key
from deputy.controller.delivery import Delivery
from deputy.controller.desk import RunDesk
from deputy.controller.gauges import RunGauges
from deputy.controller.gone import Gone
from deputy.controller.health import Health
from deputy.controller.leader import (
    Leadership,
    LeadershipLost,
    LeaseSettings,
    mark_leader,
)
from deputy.controller.memory import Memories
from deputy.controller.observe import Observer
from deputy.controller.queue import WorkQueue
from deputy.controller.reconciler import Reconciler
from deputy.controller.resync import Resync
from deputy.controller.tracker import Tracker
from deputy.controller.watch import Listeners, kopf_settings, registry_of
from deputy.kube.client import Connection, Kube
from deputy.kube.errors import Unavailable
from deputy.kube.kubeconfig import from_kubeconfig
from deputy.kube.workspace import WorkspaceSettings
from deputy.relay.app import Relay, serve
from deputy.relay.authentication import Authenticator
from deputy.relay.certificates import Pair
from deputy.settings import OperatorSettings
from deputy.trackers.linear.client import LinearClient
from deputy.trackers.linear.credentials import Credentials
from deputy.trackers.linear.writer import Writer

_log = structlog.get_logger()

LEASE = "deputy-operator"

#: Until a Blueprint's counts of runs follow: a short run is one write to its Blueprint, not two.
_COUNT_SECONDS = 5.0


def run(settings: OperatorSettings) -> int:
    """Run the operator until SIGTERM; return 1 where it cannot lead, to be started anew."""
    log.configure(settings.log_level)
    try:
        asyncio.run(_main(settings))
    except ExceptionGroup as group:
        known = group.subgroup((LeadershipLost, AuthorityMissing))
        if known is None:
            raise
        _log.error("cannot lead; this process ends", error=str(_innermost(known)))
        return 1
    return 0


def _innermost(error: Exception) -> Exception:
    """Return the first error of groups within groups."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


async def _main(settings: OperatorSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    health = Health()
    runner = await serve(health.app(), settings.health_port, None)
    try:
        async with Kube(_connection(settings), on_write=_count_write) as kube:
            lease = LeaseSettings(settings.namespace, LEASE, settings.pod_name)
            leadership = Leadership(kube, lease)
            if not await _acquired(leadership, stop):
                return
            try:
                await _Leader(settings, kube, leadership, health, stop).lead()
            finally:
                await leadership.release()
    finally:
        await runner.cleanup()


def _count_write(resource: str) -> None:
    metrics.API_WRITES.labels(resource).inc()


def _connection(settings: OperatorSettings) -> Connection:
    if settings.kubeconfig is not None:
        return from_kubeconfig(settings.kubeconfig)
    return Connection.in_cluster(os.environ)


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


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(Unavailable),
    wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
)
async def _patiently(work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` once the API server is up to it; the lease is kept meanwhile, or lost."""
    await work()


class _Leader:
    """Everything that only the leader does."""

    def __init__(
        self,
        settings: OperatorSettings,
        kube: Kube,
        leadership: Leadership,
        health: Health,
        stop: asyncio.Event,
    ) -> None:
        self._settings = settings
        self._kube = kube
        self._leadership = leadership
        self._health = health
        self._stop = stop
        self._cluster = Cluster()
        self._memories = Memories()

    async def lead(self) -> None:
        """Lead until asked to end; raise `LeadershipLost` (in a group) where another one may."""
        metrics.LEADER.set(1)
        REGISTRY.register(RunGauges(self._cluster))
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(self._leadership.keep())
            await self._begin()
            keeping.cancel()

    async def _begin(self) -> None:
        await mark_leader(self._kube, self._settings.namespace, self._settings.pod_name)
        signer = await authority(self._kube, self._settings.namespace, dt.datetime.now(dt.UTC))
        async with httpx.AsyncClient(timeout=10.0) as http:
            credentials = Credentials(
                self._settings.linear_credentials, http, self._settings.linear_api_url
            )
            client = LinearClient(http, self._settings.linear_api_url, credentials)
            writer = Writer(client)
            tracker = Tracker(client, writer)
            await self._work(tracker, writer, signer, http)

    async def _work(
        self, tracker: Tracker, writer: Writer, signer: Pair, http: httpx.AsyncClient
    ) -> None:
        now = dt.datetime.now(dt.UTC)
        desk = RunDesk(
            kube=self._kube,
            cluster=self._cluster,
            memories=self._memories,
            tracker=tracker,
            look_at=self._look_at_run,
        )
        workspace = WorkspaceSettings(
            self._settings.sidecar_image, self._settings.relay_url, signer.certificate.decode()
        )
        runs = self._reconciler(desk, tracker, workspace, http)
        blueprints = BlueprintReconciler(
            kube=self._kube, cluster=self._cluster, tracker=tracker, look_at_run=self._look_at_run
        )
        self._runs: WorkQueue[Key] = WorkQueue(runs.work)
        self._blueprints: WorkQueue[Key] = WorkQueue(blueprints.work, workers=2)
        gone = Gone(self._memories, tracker)
        resync = Resync(
            self._kube,
            self._cluster,
            self._settings.agent_namespaces,
            self._look_at_run,
            self._look_at_blueprint,
            run_gone=gone.follow_up,
        )
        listeners = Listeners(self._run_changed(desk), gone.run_gone, self._look_at_blueprint)
        await _patiently(resync.seed)
        app = Relay(desk, Authenticator(self._kube)).app()
        context = server_context(signer, self._settings.relay_url, now)
        relay = await serve(app, self._settings.relay_port, context)
        self._health.leads(resync)
        try:
            await self._until_stopped(writer, resync, listeners)
        finally:
            self._memories.wake_all()
            await relay.cleanup()

    def _reconciler(
        self,
        desk: RunDesk,
        tracker: Tracker,
        workspace: WorkspaceSettings,
        http: httpx.AsyncClient,
    ) -> Reconciler:
        assumed: set[str] = set()
        actor = Actor(
            kube=self._kube,
            cluster=self._cluster,
            tracker=tracker,
            delivery=Delivery(self._kube, http),
            workspace=workspace,
            assumed=assumed,
            look_at=self._look_at_run,
        )
        return Reconciler(
            kube=self._kube,
            cluster=self._cluster,
            observer=Observer(self._cluster, self._kube, assumed),
            actor=actor,
            desk=desk,
        )

    async def _until_stopped(self, writer: Writer, resync: Resync, listeners: Listeners) -> None:
        async with asyncio.TaskGroup() as tasks:
            jobs = [
                tasks.create_task(writer.run()),
                tasks.create_task(self._runs.run()),
                tasks.create_task(self._blueprints.run()),
                tasks.create_task(resync.run()),
                tasks.create_task(self._watch(listeners)),
            ]
            await self._stop.wait()
            _log.info("asked to end")
            with contextlib.suppress(TimeoutError):
                # What is queued for the tracker goes out; the rest the next leader repeats.
                await asyncio.wait_for(writer.idle(), 3.0)
            for job in jobs:
                job.cancel()

    async def _watch(self, listeners: Listeners) -> None:
        registry = registry_of(self._cluster, listeners, self._settings)
        await kopf.operator(
            registry=registry,
            settings=kopf_settings(),
            namespaces=self._settings.agent_namespaces,
            standalone=True,
        )
        # Kopf takes SIGTERM and SIGINT for itself: that it ends is how we are asked to.
        self._stop.set()

    def _run_changed(self, desk: RunDesk) -> Callable[[Key], None]:
        def changed(key: Key) -> None:
            run = self._cluster.runs.get(*key)
            if run is not None:
                desk.refresh(run)
            self._look_at_run(key)

        return changed

    def _look_at_run(self, key: Key) -> None:
        self._runs.add(key)
        run = self._cluster.runs.get(*key)
        if run is not None:
            self._blueprints.add_later((key[0], run.spec.blueprint_ref.name), _COUNT_SECONDS)

    def _look_at_blueprint(self, key: Key) -> None:
        self._blueprints.add(key)
