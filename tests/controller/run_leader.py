"""One life of the operator, as far as a run concerns it: the real parts, put together anew."""

import asyncio
import datetime as dt
from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import BaseModel
from typing_extensions import override

from deputy.api.agentrun import AgentRun
from deputy.controller.actor import Actor
from deputy.controller.notifier import Notifier
from deputy.controller.observer import Observer
from deputy.controller.reconciler import Reconciler
from deputy.controller.run_state import RunState, RunStates
from deputy.controller.slots import Slots
from deputy.core.action import Action
from deputy.kube.cache import Cache
from deputy.kube.resync import Resync
from deputy.kube.store import Key
from deputy.kube.watch import Watched, apply_event
from deputy.processes.watched import watched_blueprints, watched_pods, watched_runs
from deputy.relay.service import RelayService
from tests.controller.outside import FakePullRequests
from tests.support.api_server import ApiServer
from tests.support.manifests import NAMESPACE, RUN_NAME, SETTINGS
from tests.support.tracker import FakeTracker

KEY = (NAMESPACE, RUN_NAME)


class Crash(BaseException):
    """The leader dies here; nothing of ours may catch it."""


class Surroundings(Protocol):
    """What is around a leader."""

    tracker: FakeTracker
    forge: FakePullRequests

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
        tracker = world.tracker
        self.slots = Slots(self.cache, clock)
        self.notifier = Notifier(self.cache, tracker)
        actor = DyingActor(
            kube=self.kube,
            cache=self.cache,
            tracker=tracker,
            notifier=self.notifier,
            pull_requests=world.forge,
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


def _last_word(watched: Watched, key: Key) -> dict[str, Any]:
    """Return what the watch tells of an object that is gone."""
    thing = watched.store.get(*key)
    if isinstance(thing, Mapping):
        return dict(thing)
    assert isinstance(thing, BaseModel)
    body: dict[str, Any] = thing.model_dump(by_alias=True, mode="json", exclude_none=True)
    return body
