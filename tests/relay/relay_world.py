"""A cache with one run, a leader's relay, and a tracker that answers when it is told to."""

import asyncio
import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from deputy.api.blueprint import BlueprintSpec
from deputy.controller.run_state import RunStates
from deputy.core.conversation import RelayConversation
from deputy.kube import resources
from deputy.kube.cache import Cache
from deputy.kube.errors import NotFound
from deputy.relay.authentication import Caller
from deputy.relay.service import RelayService
from deputy.trackers.updates import PostActivity, Update
from deputy.wire import (
    Event,
    EventsAnswer,
    Finished,
    NumberedEvent,
    Outcome,
    stable_id,
)
from deputy.workspace.pod import WorkspaceSettings, build_pod

if TYPE_CHECKING:
    from deputy.kube.client import Kube
    from deputy.kube.store import Key
    from deputy.trackers.linear.tracker import Tracker

SETTINGS = WorkspaceSettings("localhost/sidecar:1", "https://relay.deputy:8443", "PEM")
NAME = "linear-abc-1"
CALLER = Caller("agents", f"{NAME}-1", "pod-uid")
KEY = ("agents", NAME)
ISSUE = {"organizationId": "org-1", "issueId": "issue-1", "sessionId": "session-1"}
MORE = {"id": "m-1", "kind": "Prompt", "sessionId": "session-1", "from": "alice", "text": "More."}
DECIDED = {
    "type": "Succeeded",
    "status": "False",
    "lastTransitionTime": "2026-11-21T12:00:00Z",
    "reason": "StoppedByUser",
    "message": "stopped, as asked",
}


class FakeTracker:
    """Takes every update, and lets the test say when the tracker has it."""

    def __init__(self) -> None:
        self.sent: list[tuple[Update, asyncio.Future[str]]] = []
        self.at_once = True
        self.refuses = ""

    def submit(self, update: Update) -> asyncio.Future[str]:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.sent.append((update, future))
        if self.at_once:
            future.set_result(self.refuses)
        return future

    @property
    def updates(self) -> list[Update]:
        return [update for update, _ in self.sent]

    @property
    def ids(self) -> list[str]:
        return [one.activity_id for one in self.updates if isinstance(one, PostActivity)]


class FakeKube:
    """The objects that the API server has."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.patches: list[dict[str, Any]] = []

    async def get(self, path: str) -> Any:
        if path not in self.objects:
            raise NotFound(404, "no such thing")
        return copy.deepcopy(self.objects[path])

    async def patch(self, path: str, body: dict[str, Any]) -> Any:
        """Merge into a status; only runs have one here."""
        self.patches.append(body["status"])
        known = self.objects[path.removesuffix("/status")]
        assert body["metadata"]["uid"] == known["metadata"]["uid"]
        known["status"] |= body["status"]
        version = int(known["metadata"]["resourceVersion"])
        known["metadata"] |= {"resourceVersion": str(version + 1)}
        return copy.deepcopy(known)


class World:
    """A cache with one run and its pod, and what the leader's relay does for it."""

    def __init__(self) -> None:
        self.cache = Cache()
        self.kube = FakeKube()
        self.tracker = FakeTracker()
        self.looked_at: list[Key] = []
        self.deleted: dict[str, Any] = {}
        self.version = 0
        self.service = self.new_leader()
        self.put_run()
        self.put_pod()

    def new_leader(self) -> RelayService:
        self.states = RunStates()
        self.service = RelayService(
            kube=cast("Kube", self.kube),
            cache=self.cache,
            conversations=self.states,
            tracker=cast("Tracker", self.tracker),
            enqueue=self.looked_at.append,
            deleted_run=self.deleted.get,
        )
        return self.service

    def run_body(
        self, status: dict[str, Any] | None = None, metadata: Any = None, **spec: Any
    ) -> dict[str, Any]:
        self.version += 1
        return {
            "metadata": {
                "name": NAME,
                "namespace": "agents",
                "uid": "uid-1",
                "creationTimestamp": "2026-11-21T12:00:00Z",
                "resourceVersion": str(self.version),
            }
            | (metadata or {}),
            "spec": {"blueprintRef": {"name": "api"}, "prompt": "Fix it.", "linear": ISSUE} | spec,
            "status": {"phase": "Running", "attempt": 1} | (status or {}),
        }

    def put_run(self, status: dict[str, Any] | None = None, **spec: Any) -> None:
        self.version += 10
        body = self.run_body(status, **spec)
        self.kube.objects[resources.agentruns(*KEY)] = copy.deepcopy(body)
        self.cache.runs.put(body)

    @property
    def run(self) -> Any:
        return self.cache.runs.get(*KEY)

    def pod_body(self, spec: BlueprintSpec | None = None, **metadata: Any) -> dict[str, Any]:
        agent = {"image": "localhost/agent:1", "command": ["agent"]}
        body = build_pod(
            self.run, spec or BlueprintSpec.model_validate({"agent": agent}), "", SETTINGS
        )
        self.version += 1
        body["metadata"] |= {"uid": "pod-uid", "resourceVersion": str(self.version)} | metadata
        return body

    def put_pod(self, **metadata: Any) -> None:
        self.cache.pods.put(self.pod_body(**metadata))

    def put_blueprint(self, repository: dict[str, Any] | None) -> None:
        self.version += 1
        agent = {"image": "localhost/agent:1", "command": ["agent"]}
        metadata = {"name": "api", "namespace": "agents", "uid": "bp-1"}
        metadata["resourceVersion"] = str(self.version)
        spec = {"agent": agent} | ({"repository": repository} if repository else {})
        self.cache.blueprints.put({"metadata": metadata, "spec": spec})

    @property
    def conversation(self) -> RelayConversation:
        return self.states.conversation(self.run)

    async def take(self, *events: Event, start: int = 1) -> EventsAnswer:
        batch = [NumberedEvent(seq, event) for seq, event in enumerate(events, start)]
        return await self.service.take(self.conversation, batch)

    async def until(self, fact: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not fact():  # noqa: ASYNC110  what is waited for tells nobody
                await asyncio.sleep(0)


def done(through: str = "task-1", outcome: Outcome = Outcome.COMPLETED) -> Finished:
    return Finished(outcome, "", "Done.", delivered_through=through)


def event_id(seq: int, attempt: int = 1) -> str:
    return stable_id(f"uid-1/{attempt}", f"event/{seq}")
