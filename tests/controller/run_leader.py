"""One life of the operator, as far as a run concerns it: the real parts, put together anew."""

import asyncio
import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from deputy.api.agentrun import AgentRun
from deputy.controller.actor import Actor
from deputy.controller.notifier import Notifier
from deputy.controller.observer import Observer
from deputy.controller.reconciler import Reconciler
from deputy.controller.run_state import RunState, RunStates
from deputy.core.action import Action
from deputy.kube.cache import Cache
from deputy.kube.resync import Resync
from deputy.kube.store import Key
from deputy.kube.watch import Watched, take
from deputy.processes.watched import watched_blueprints, watched_pods, watched_runs
from deputy.relay.service import RelayService
from tests.support.manifests import NAMESPACE, RUN_NAME, SETTINGS

if TYPE_CHECKING:
    from tests.controller.run_world import World

KEY = (NAMESPACE, RUN_NAME)


class Crash(BaseException):
    """The leader dies here; nothing of ours may catch it."""


def in_background() -> set[asyncio.Task[Any]]:
    """Return what goes on besides: nothing in these tests but what a leader has begun."""
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


class DyingActor(Actor):
    """The real actor, whose process dies when it shall."""

    world: "World"

    async def act(self, run: AgentRun, state: RunState, action: Action, now: dt.datetime) -> None:
        self.world.about_to_act(action)
        await super().act(run, state, action, now)


class Leader:
    """One life of the operator, as far as a run concerns it."""

    def __init__(self, world: "World") -> None:
        self.kube = world.server.client(on_write=world.count_write)
        self.server, self.heard = world.server, 0
        self.cache = Cache()
        self.looks: list[Key] = []
        clock = world.clock
        self.states = RunStates(clock)
        tracker = world.tracker
        assumed: set[str] = set()
        notifier = Notifier(self.cache, tracker)
        actor = DyingActor(
            kube=self.kube,
            cache=self.cache,
            tracker=tracker,
            notifier=notifier,
            pull_requests=world.forge,
            workspace=SETTINGS,
            assumed=assumed,
            look_at=self.looks.append,
        )
        actor.world = world
        self.reconciler = Reconciler(
            kube=self.kube,
            cache=self.cache,
            states=self.states,
            observer=Observer(self.cache, self.kube, assumed),
            actor=actor,
            clock=clock,
        )
        self.relay = RelayService(
            kube=self.kube,
            cache=self.cache,
            conversations=self.states,
            tracker=tracker,
            look_at=self.looks.append,
            clock=clock,
        )
        self.watched: tuple[Watched, ...] = (
            watched_blueprints(self.cache.blueprints, self._changed),
            watched_pods(self.cache.pods, self._changed),
            watched_runs(self.cache.runs, self._run_changed, self._changed),
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
                    take(watched, "DELETED", _last_word(watched, key))
            for body in listed["items"]:
                take(watched, "MODIFIED", body)

    async def rest(self) -> None:
        """Let what goes on in the background come to its end."""
        while background := in_background():
            await asyncio.wait(background)

    def die(self) -> None:
        """Leave undone what goes on in the background."""
        for task in in_background():
            task.cancel()

    def _run_changed(self, run: AgentRun) -> None:
        self.states.refresh(run)
        self.looks.append((run.metadata.namespace, run.metadata.name))

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
