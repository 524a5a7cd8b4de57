"""An API server with one run, a leader's relay, and a tracker that answers when it is told to."""

import datetime as dt
from typing import TYPE_CHECKING, Any

from deputy.api.blueprint import BlueprintSpec
from deputy.controller.run_state import RunStates
from deputy.core.conversation import RelayConversation
from deputy.kube import resources
from deputy.kube.cache import Cache
from deputy.relay.authentication import Caller
from deputy.relay.service import RelayService
from deputy.wire import Event, EventsAnswer, Finished, NumberedEvent, Outcome, stable_id
from deputy.workspace.pod import build_pod
from tests.support.api_server import ApiServer
from tests.support.manifests import (
    AGENT,
    LINEAR,
    NAMESPACE,
    RUN_NAME,
    SETTINGS,
    agent_run,
    blueprint,
)
from tests.support.tracker import FakeTracker

if TYPE_CHECKING:
    from deputy.kube.store import Key

POD_NAME = f"{RUN_NAME}-1"
CALLER = Caller(NAMESPACE, POD_NAME, "pod-uid")
KEY = (NAMESPACE, RUN_NAME)
RUN = resources.agentruns(*KEY)
POD = resources.pods(NAMESPACE, POD_NAME)
MORE = {"id": "m-1", "kind": "Prompt", "sessionId": "session-1", "from": "alice", "text": "More."}
DECIDED = {
    "type": "Succeeded",
    "status": "False",
    "lastTransitionTime": "2026-11-21T12:00:00Z",
    "reason": "StoppedByUser",
    "message": "stopped, as asked",
}
NOON = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


class World:
    """One run and its pod, which the watches have told of, and what the leader's relay does.

    What is `put` the watches tell at once.
    """

    def __init__(self, **spec: Any) -> None:
        self.server = ApiServer(NAMESPACE, "evil", clock=lambda: NOON)
        self.kube = self.server.client()
        self.cache = Cache()
        self.tracker = FakeTracker()
        self.looked_at: list[Key] = []
        self.deleted: dict[str, Any] = {}
        self.service = self.new_leader()
        status = {"phase": "Running", "attempt": 1}
        run = agent_run(status=status, metadata={"uid": "uid-1"}, **({"linear": LINEAR} | spec))
        self.cache.runs.put(self.server.seed(run))
        self.put_pod()

    def new_leader(self) -> RelayService:
        self.states = RunStates()
        self.service = RelayService(
            kube=self.kube,
            cache=self.cache,
            conversations=self.states,
            tracker=self.tracker,
            enqueue=self.looked_at.append,
            deleted_run=self.deleted.get,
        )
        return self.service

    def put_run(self, status: dict[str, Any] | None = None, **spec: Any) -> None:
        """Change the run."""
        self.server.patch(RUN, {"spec": spec})
        self.cache.runs.put(self.server.patch(f"{RUN}/status", {"status": status or {}}))

    def delete_run(self) -> None:
        """Delete the run; its pod stays until somebody takes it."""
        body = self.server.read(RUN)
        self.server.delete(RUN)
        self.cache.runs.remove(body)

    @property
    def run(self) -> Any:
        return self.cache.runs.get(*KEY)

    def new_pod(self, **metadata: Any) -> dict[str, Any]:
        """Create a pod of the run, which no watch has told of."""
        pod = build_pod(self.run, BlueprintSpec.model_validate({"agent": AGENT}), "", SETTINGS)
        pod["metadata"] |= {"uid": "pod-uid"} | metadata
        return self.server.seed(pod)

    def put_pod(self, **metadata: Any) -> None:
        self.cache.pods.put(self.new_pod(**metadata))

    def change_pod(self, **metadata: Any) -> None:
        """Change the metadata of the run's pod, as whoever may write pods can; None removes."""
        self.cache.pods.put(self.server.patch(POD, {"metadata": metadata}))

    def put_blueprint(self, repository: dict[str, Any] | None) -> None:
        spec: dict[str, Any] = {"repository": repository} if repository else {}
        self.cache.blueprints.put(self.server.seed(blueprint(**spec)))

    @property
    def conversation(self) -> RelayConversation:
        return self.states.conversation(self.run)

    async def take(self, *events: Event, start: int = 1) -> EventsAnswer:
        batch = [NumberedEvent(seq, event) for seq, event in enumerate(events, start)]
        return await self.service.take(self.conversation, batch)


def done(through: str = "task-1", outcome: Outcome = Outcome.COMPLETED) -> Finished:
    return Finished(outcome, "", "Done.", delivered_through=through)


def event_id(seq: int, attempt: int = 1) -> str:
    return stable_id(f"uid-1/{attempt}", f"event/{seq}")
