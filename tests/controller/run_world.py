"""One run and everything around it, driven by the real controller and the real relay service.

What outlives a leader is the fake API server, the tracker and the forge; what does not is made
anew by `take_over`, so that a leader may die at any write or between any two actions. Time passes
only when the world says so.
"""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from pydantic import BaseModel
from typing_extensions import override

from deputy.api.agentrun import AgentRun
from deputy.api.facts import outcome_of
from deputy.api.names import pod_name
from deputy.controller.actor import Actor
from deputy.controller.notifier import Notifier
from deputy.controller.observer import Observer
from deputy.controller.reconciler import Reconciler
from deputy.controller.run_state import RunState, RunStates
from deputy.controller.slots import Slots
from deputy.core.action import Action
from deputy.core.outcome import RunOutcome
from deputy.core.phase import TERMINAL, Phase
from deputy.kube import resources
from deputy.kube.cache import Cache
from deputy.kube.resync import Resync
from deputy.kube.store import Key, reader_of
from deputy.kube.watch import Watched, apply_event
from deputy.processes.watched import watched_blueprints, watched_pods, watched_runs
from deputy.relay.authentication import Caller
from deputy.relay.service import RelayService
from deputy.wire import Answered, Asked, Finished, Hello, Outcome, TurnStarted
from deputy.workspace.pod import WorkspaceSettings
from tests.controller.outside import TRIAGE, ForgeLog, Sidecar, TrackerLog
from tests.support.api_server import ApiServer

START = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
NAMESPACE, NAME = "agents", "linear-abc-1"
KEY = (NAMESPACE, NAME)
RUN = resources.agentruns(*KEY)
RIVAL = resources.agentruns(NAMESPACE, "rival")
BLUEPRINT = resources.blueprints(NAMESPACE, "api")
SETTINGS = WorkspaceSettings("localhost/sidecar:1", "https://relay.deputy:8443", "PEM")
#: More looks, and more times, than any run needs to settle or to end.
SETTLED, ENDED = 40, 300
LONG = dt.timedelta(minutes=10)

_read = reader_of(AgentRun)


class Crash(BaseException):
    """The leader dies here; nothing of ours may catch it."""


class Surroundings(Protocol):
    """What is around a leader."""

    tracker: TrackerLog
    forge: ForgeLog

    @property
    def server(self) -> ApiServer:
        """The API server that outlives the leader."""

    def clock(self) -> dt.datetime:
        """Return what time it is."""

    def count_write(self, _resource: str) -> None:
        """Take note of a write."""

    def about_to_act(self, action: Action) -> None:
        """Take note of an action, or raise `Crash`."""


class DyingActor(Actor):
    """The real actor, whose process dies when it shall."""

    world: Surroundings

    @override
    async def act(self, run: AgentRun, state: RunState, action: Action, now: dt.datetime) -> bool:
        self.world.about_to_act(action)
        return await super().act(run, state, action, now)


class Leader:
    """One life of the operator, as far as a run concerns it."""

    def __init__(self, world: Surroundings) -> None:
        self.kube = world.server.client(on_write=world.count_write)
        self.server, self.heard = world.server, 0
        self.cache = Cache()
        self.looks: list[Key] = []
        clock = world.clock
        self.states = RunStates(clock)
        tracker = world.tracker.as_tracker()
        self.slots = Slots(self.cache, clock)
        self.notifier = Notifier(self.cache, tracker)
        actor = DyingActor(
            kube=self.kube,
            cache=self.cache,
            tracker=tracker,
            notifier=self.notifier,
            pull_requests=world.forge.as_pull_requests(),
            workspace=SETTINGS,
            slots=self.slots,
            enqueue=self.looks.append,
        )
        actor.world = world
        self.reconciler = Reconciler(
            kube=self.kube,
            cache=self.cache,
            states=self.states,
            observer=Observer(self.cache, self.kube, self.slots),
            actor=actor,
            clock=clock,
        )
        self.relay = RelayService(
            kube=self.kube,
            cache=self.cache,
            conversations=self.states,
            tracker=tracker,
            enqueue=self.looks.append,
            clock=clock,
        )
        self.watched: tuple[Watched, ...] = (
            watched_blueprints(self.cache.blueprints, self._changed),
            watched_pods(self.cache.pods, self._pod_changed, self._pod_deleted),
            watched_runs(self.cache.runs, self._run_changed, self._run_deleted),
        )

    async def begin(self) -> None:
        """Read everything, as a new leader does."""
        await Resync(self.kube, self.watched, (NAMESPACE,)).seed()

    async def hear_of_changes(self) -> None:
        """Have the watches tell what has changed since they told last."""
        version = self.server.storage.version
        if version == self.heard:
            return
        self.heard = version
        for watched in self.watched:
            listed = await self.kube.get(watched.path(NAMESPACE))
            there = {body["metadata"]["name"] for body in listed["items"]}
            for key in watched.store.keys():  # noqa: SIM118  a store is no dict
                if key[1] not in there:
                    apply_event(watched, "DELETED", _last_word(watched, key))
            for body in listed["items"]:
                apply_event(watched, "MODIFIED", body)

    async def rest(self) -> None:
        """Let what goes on in the background come to its end; raise the `Crash` that it is."""
        while background := self._background():
            done, _ = await asyncio.wait(background)
            for task in done:
                if not task.cancelled() and isinstance(task.exception(), Crash):
                    task.result()

    def die(self) -> None:
        """Leave undone what goes on in the background."""
        for task in self._background():
            task.cancel()

    def _background(self) -> set[asyncio.Task[None]]:
        jobs = (state.jobs.tasks for state in self.states._by_uid.values())
        return self.notifier._background.union(*jobs)

    def _run_changed(self, run: AgentRun) -> None:
        self.states.refresh(run)
        self.looks.append((run.metadata.namespace, run.metadata.name))
        if run.metadata.deletion_timestamp is not None:
            self.looks.extend(self.slots.next_in_line(run))

    def _run_deleted(self, run: AgentRun) -> None:
        self.slots.forget(run)
        self.looks.extend(self.slots.next_in_line(run))

    def _pod_changed(self, pod: Mapping[str, Any]) -> None:
        self.looks.append((NAMESPACE, pod["metadata"]["ownerReferences"][0]["name"]))

    def _pod_deleted(self, pod: Mapping[str, Any]) -> None:
        self._pod_changed(pod)
        run = self.slots.run_of(pod)
        self.looks.extend(self.slots.next_in_line(run) if run is not None else ())

    def _changed(self, _: object) -> None:
        self.looks.append(KEY)


class World:
    """One run that works for an issue, with everything around it."""

    def __init__(self, crash_after: int = -1, crash_at_write: int = 0) -> None:
        self.now = START
        self.crash_after = crash_after
        """After so many actions the leader dies, once."""
        self.writes = 0
        """How often leaders have written."""
        self.done: list[type[Action]] = []
        self.tracker = TrackerLog()
        self.forge = ForgeLog()
        self.sidecars: dict[str, Sidecar] = {}
        self.server = ApiServer(NAMESPACE, clock=self.clock)
        self.server.seed(blueprint("True"))
        self.server.seed(run("rival") | {"status": {"phase": "Running", "attempt": 1}})
        self.server.seed(run(NAME, linear=LINEAR))
        self.leader = Leader(self)
        if crash_at_write:
            # The write is done, and nobody hears of it.
            self.leader.kube.faults.die_after(crash_at_write, Crash())

    @classmethod
    async def begun(cls, crash_after: int = -1, crash_at_write: int = 0) -> "World":
        """Return a world whose leader has settled."""
        world = cls(crash_after, crash_at_write)
        await world.leader.begin()
        await world.settle()
        return world

    def clock(self) -> dt.datetime:
        return self.now

    def count_write(self, _resource: str) -> None:
        self.writes += 1

    def about_to_act(self, action: Action) -> None:
        """Note an action, or let the leader die before it."""
        if len(self.done) == self.crash_after:
            self.crash_after = -1
            raise Crash
        self.done.append(type(action))

    # What is there

    @property
    def run(self) -> AgentRun:
        return _read(self.server.read(RUN))

    @property
    def deleted(self) -> bool:
        return NAME not in self.server.names(resources.agentruns(NAMESPACE))

    @property
    def phase(self) -> Phase:
        return self.run.status.phase

    @property
    def outcome(self) -> RunOutcome | None:
        return outcome_of(self.run)

    @property
    def pods(self) -> list[str]:
        return self.server.names(resources.pods(NAMESPACE))

    @property
    def pod(self) -> Mapping[str, Any] | None:
        """The pod of the attempt that the status tells of."""
        status = self.run.status
        name = pod_name(NAME, status.attempt or 1)
        return self.server.read(resources.pods(NAMESPACE, name)) if name in self.pods else None

    def end(self) -> object:
        """Everything that outlives the leader, once the run is over."""
        return self.phase, self.outcome, self.tracker.ends, self.forge.branches, self.pods

    # What the leader does

    async def settle(self) -> float | None:
        """Let the leader work until nothing is left to do; where it dies, the next one does.

        The sidecar calls once: what is not acknowledged it repeats only after a pause.
        """
        await self.leader.hear_of_changes()
        await self._sidecar_calls()
        for _ in range(SETTLED):
            try:
                pause = await self._look()
            except Crash:
                await self.take_over()
                continue
            if self.deleted or not self.leader.looks:
                return pause
        raise AssertionError("the run does not settle")

    async def _look(self) -> float | None:
        self.leader.looks.clear()
        await self.leader.hear_of_changes()
        pause = await self.leader.reconciler.reconcile(KEY)
        await self.leader.rest()
        await self.leader.hear_of_changes()
        return pause

    async def take_over(self) -> None:
        """Begin the next leader: it knows what the API server has, and sidecars repeat the rest."""
        self.leader.die()
        self.leader = Leader(self)
        await self.leader.begin()
        await self._sidecar_calls()
        self.leader.looks.append(KEY)

    # What happens around it

    def sidecar(self) -> Sidecar | None:
        """Return the sidecar of the present attempt, while its pod is up."""
        pod = self.pod
        if pod is None or pod.get("status", {}).get("phase") in ("Failed", "Succeeded"):
            return None
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        return self.sidecars.setdefault(uid, Sidecar(Caller(NAMESPACE, name, uid)))

    async def _call(self, sidecar: Sidecar) -> None:
        """Have a sidecar call the relay; where the leader dies of that, it calls the next one."""
        try:
            await sidecar.call(self.leader.relay)
        except Crash:
            await self.take_over()

    async def _sidecar_calls(self) -> None:
        sidecar = self.sidecar()
        if sidecar is not None and sidecar.said:
            await self._call(sidecar)

    async def sidecar_connects(self) -> None:
        sidecar = self.sidecar()
        if sidecar is None or sidecar.over:
            return
        if not sidecar.said:
            sidecar.say(Hello())
        await self._call(sidecar)
        if sidecar.delivered:
            sidecar.say(TurnStarted(sidecar.delivered))
            await self._call(sidecar)

    async def agent_asks(self) -> None:
        await self._says(Asked("Which?"))

    async def person_answers(self) -> None:
        sidecar = self.sidecar()
        if sidecar is not None and self.phase is Phase.AWAITING_INPUT:
            await self._says(Answered(sidecar.delivered))

    async def agent_finishes(self) -> None:
        await self._reports(Outcome.COMPLETED, 1)

    async def agent_finishes_without_commits(self) -> None:
        await self._reports(Outcome.COMPLETED, 0)

    async def agent_fails(self) -> None:
        await self._reports(Outcome.FAILED, 0)

    async def sidecar_obeys_the_stop(self) -> None:
        await self._sidecar_calls()
        sidecar, pod = self.sidecar(), self.pod
        going = pod is not None and "deletionTimestamp" in pod["metadata"]
        if sidecar is not None and (going or sidecar.asked_to_stop):
            await self._reports(Outcome.STOPPED, 1)

    async def _says(self, event: Asked | Answered | Finished) -> None:
        await self.sidecar_connects()
        sidecar = self.sidecar()
        if sidecar is not None and not sidecar.over:
            sidecar.say(event)
            await self._call(sidecar)

    async def _reports(self, outcome: Outcome, commits: int) -> None:
        if self.outcome is not None:
            return
        await self.sidecar_connects()
        sidecar = self.sidecar()
        if sidecar is None or sidecar.over:
            return
        head = f"head-{self.run.status.attempt}" if commits else ""
        branch = self.run.status.branch
        through = sidecar.delivered
        await self._says(
            Finished(outcome, "", "words", through, branch, head_sha=head, commits=commits)
        )
        sidecar.over = True

    async def pod_fails(self) -> None:
        killed = {"exitCode": 137, "reason": "OOMKilled"}
        status = {"name": "agent", "state": {"terminated": killed}}
        await self._set_pod({"phase": "Failed", "containerStatuses": [status]})

    async def _set_pod(self, status: dict[str, Any]) -> None:
        if (pod := self.pod) is not None:
            path = resources.pods(NAMESPACE, pod["metadata"]["name"])
            await self.server.client().patch(f"{path}/status", {"status": status})

    async def node_is_drained(self) -> None:
        if (pod := self.pod) is not None:
            path = resources.pods(NAMESPACE, pod["metadata"]["name"])
            # A pod that nobody runs goes at once: a node has this one.
            self.server.bind(NAMESPACE, pod["metadata"]["name"], "node")
            await self.server.client().delete(path, gracePeriodSeconds=30)

    async def deleted_pods_go(self) -> None:
        self.server.end_deleted_pods()

    async def pod_vanishes(self) -> None:
        if (pod := self.pod) is not None:
            path = resources.pods(NAMESPACE, pod["metadata"]["name"])
            await self.server.client().delete(path, gracePeriodSeconds=0)

    async def person_stops(self) -> None:
        await self.server.client().patch(RUN, {"spec": {"desiredState": "Stopped"}})
        self.forge.closed_to_us = True

    async def person_restarts(self) -> None:
        if self.phase not in TERMINAL:
            await self.server.client().patch(RUN, {"spec": {"attempt": self.run.spec.attempt + 1}})

    async def slot_is_free(self) -> None:
        status = {"status": {"phase": "Succeeded"}}
        await self.server.client().patch(f"{RIVAL}/status", status)

    async def quota_is_full(self) -> None:
        self.server.faults.fail("create", "pods", 403, "exceeded quota: agents", times=2)

    async def issue_is_refused(self) -> None:
        self.tracker.state = TRIAGE

    async def blueprint_is_broken(self) -> None:
        if "api" in self.server.names(resources.blueprints(NAMESPACE)):
            status = {"status": blueprint("False")["status"]}
            await self.server.client().patch(f"{BLUEPRINT}/status", status)

    async def blueprint_goes(self) -> None:
        if "api" in self.server.names(resources.blueprints(NAMESPACE)):
            await self.server.client().delete(BLUEPRINT)

    async def minute_passes(self) -> None:
        self.now += dt.timedelta(minutes=1)

    async def half_hour_passes(self) -> None:
        self.now += dt.timedelta(minutes=30)

    async def hour_passes(self) -> None:
        self.now += dt.timedelta(hours=1)

    async def leader_dies(self) -> None:
        await self.take_over()

    # The end of all

    async def drain(self) -> None:
        """Let the world go on without any more news until the run is over."""
        await self.slot_is_free()
        await self.blueprint_goes()
        self.server.seed(blueprint("True"))
        for _ in range(ENDED):
            pause = await self.settle()
            if self.phase in TERMINAL and not self.pods:
                return
            await self.deleted_pods_go()
            # Where the run only waits for its time to pass, that passes quickly.
            self.now += dt.timedelta(seconds=pause or 0.0) if (pause or 0.0) < 60 else LONG
        raise AssertionError(f"the run does not end: {self.run}")


LINEAR = {"organizationId": "org-1", "issueId": "issue-1", "sessionId": "session-1"}


def run(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "deputy.dev/v1alpha1",
        "kind": "AgentRun",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"blueprintRef": {"name": "api"}, "prompt": "Fix it."} | spec,
    }


def blueprint(ready: str) -> dict[str, Any]:
    condition = {
        "type": "Ready",
        "status": ready,
        "lastTransitionTime": "2026-11-21T12:00:00Z",
        "reason": "Ready" if ready == "True" else "StateNotFound",
        "message": "takes the issues of team ENG" if ready == "True" else "no such state",
    }
    states = {"inProgress": "In Progress"}
    return {
        "apiVersion": "deputy.dev/v1alpha1",
        "kind": "Blueprint",
        "metadata": {"name": "api", "namespace": NAMESPACE},
        "spec": {
            "linear": {"team": "ENG", "states": states},
            "repository": {"url": "https://github.com/acme/api.git"},
            "agent": {"image": "localhost/agent:1", "command": ["agent"]},
            "maxConcurrentRuns": 1,
        },
        "status": {"observedGeneration": 1, "conditions": [condition]},
    }


def _last_word(watched: Watched, key: Key) -> dict[str, Any]:
    """Return what the watch tells of an object that is gone."""
    thing = watched.store.get(*key)
    if isinstance(thing, Mapping):
        return dict(thing)
    assert isinstance(thing, BaseModel)
    body: dict[str, Any] = thing.model_dump(by_alias=True, mode="json", exclude_none=True)
    return body


Event = Callable[[World], Awaitable[None]]
EVENTS: tuple[Event, ...] = (
    World.sidecar_connects,
    World.agent_asks,
    World.person_answers,
    World.agent_finishes,
    World.agent_finishes_without_commits,
    World.agent_fails,
    World.sidecar_obeys_the_stop,
    World.pod_fails,
    World.node_is_drained,
    World.deleted_pods_go,
    World.pod_vanishes,
    World.person_stops,
    World.person_restarts,
    World.slot_is_free,
    World.quota_is_full,
    World.issue_is_refused,
    World.blueprint_is_broken,
    World.blueprint_goes,
    World.minute_passes,
    World.half_hour_passes,
    World.hour_passes,
    World.leader_dies,
)
FIRST = (World.slot_is_free, World.sidecar_connects)
