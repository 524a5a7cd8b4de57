"""What the relay does for sidecars: events go to the tracker, messages come from the run."""

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from deputy.api.agentrun import AgentRun
from deputy.api.facts import attempt_of, is_concluded, owned_by
from deputy.api.names import RUN_LABEL, pod_name
from deputy.clock import utc_now
from deputy.core.conversation import RelayConversation
from deputy.core.phase import TERMINAL
from deputy.core.plan import plan_of
from deputy.core.progress import update_of
from deputy.errors import DeputyError
from deputy.forges.errors import TokenMissing
from deputy.forges.tokens import read_token
from deputy.kube import resources
from deputy.kube.cache import Cache
from deputy.kube.client import Kube
from deputy.kube.errors import NotFound, Unavailable
from deputy.kube.store import Key
from deputy.relay import metrics
from deputy.relay.authentication import Caller
from deputy.relay.keeping import kept_of
from deputy.trackers.linear.tracker import Tracker
from deputy.trackers.updates import SetPlan, Update
from deputy.wire import (
    EventsAnswer,
    Finished,
    GitToken,
    NumberedEvent,
    PlanChanged,
    TurnStarted,
)

#: Seconds that one batch may wait for the tracker; the sidecar sends again what was not done then.
_BATCH_TIMEOUT = 20.0
_TOKEN_SECONDS = 3600

_OVER = "the run is over"


class UnknownCaller(DeputyError):
    """The caller's pod belongs to no run that we know of."""


class Conversations(Protocol):
    """Where the conversations are kept."""

    def conversation(self, run: AgentRun) -> RelayConversation:
        """Return the conversation with the present attempt of `run`, brought up to date."""


class RelayService:
    """Serves the sidecars of all runs."""

    def __init__(
        self,
        *,
        kube: Kube,
        cache: Cache,
        conversations: Conversations,
        tracker: Tracker,
        enqueue: Callable[[Key], None],
        deleted_run: Callable[[str], AgentRun | None] = lambda _uid: None,
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        self._clock = clock
        self._kube = kube
        self._cache = cache
        self._conversations = conversations
        self._tracker = tracker
        self._enqueue = enqueue
        self._deleted_run = deleted_run

    async def conversation(self, caller: Caller) -> RelayConversation:
        """Return the conversation with the run whose pod calls; raise `UnknownCaller`."""
        run = await self._run_of(caller)
        conversation = self._conversations.conversation(run)
        if self._is_deleted(run):
            conversation.finish()
        return conversation

    async def note_contact(self, conversation: RelayConversation) -> None:
        """Note that the sidecar is alive: whatever it asks for shows that."""
        conversation.last_contact = self._clock()
        if not conversation.connected:
            # An earlier leader may have taken its greeting, which it does not repeat.
            conversation.connected = True
            run = self._by_uid(conversation.run_uid)
            self._enqueue((run.metadata.namespace, run.metadata.name))

    async def take(
        self, conversation: RelayConversation, batch: list[NumberedEvent]
    ) -> EventsAnswer:
        """Show a batch in the tracker, in order; a report counts once all before it is shown."""
        run = self._by_uid(conversation.run_uid)
        if is_concluded(run) or run.status.phase in TERMINAL or self._is_deleted(run):
            return self._refuse(conversation, batch)
        fresh = [numbered for numbered in batch if numbered.seq > conversation.acked]
        run = await self._keep(run, conversation, fresh)
        shown = [(numbered, self._show(run, conversation, numbered)) for numbered in fresh]
        refused = await self._until_shown(conversation, shown)
        return EventsAnswer(conversation.acked, refused)

    async def _keep(
        self, run: AgentRun, conversation: RelayConversation, fresh: list[NumberedEvent]
    ) -> AgentRun:
        """Write into the status what must outlive this leader and the pod, before it is shown.

        That is a report, and which message of people the agent was given last.
        """
        wanted = kept_of(run, [numbered.event for numbered in fresh], self._clock())
        if not wanted:
            return run
        path = resources.agentruns(run.metadata.namespace, run.metadata.name)
        body = {"metadata": {"uid": run.metadata.uid}, "status": wanted}
        self._cache.runs.put(await self._kube.patch(f"{path}/status", body))
        return self._by_uid(conversation.run_uid)

    async def git_token(self, conversation: RelayConversation) -> GitToken:
        """Return the token of the Blueprint's forge Secret; raise `TokenMissing`."""
        run = self._by_uid(conversation.run_uid)
        spec = self._cache.spec_of(run)
        if spec is None or spec.repository is None:
            raise TokenMissing("the run has no repository")
        if spec.repository.credentials_secret_ref is None:
            raise TokenMissing("spec.repository.credentialsSecretRef of the Blueprint is not set")
        name = spec.repository.credentials_secret_ref.name
        token = await read_token(self._kube, run.metadata.namespace, name)
        return GitToken("x-access-token", token, _TOKEN_SECONDS)

    async def _run_of(self, caller: Caller) -> AgentRun:
        pod = await self._pod_of(caller)
        run = self._by_uid((pod["metadata"].get("labels") or {}).get(RUN_LABEL, ""))
        # A label is quickly written: the namespace, the owner and the name have to fit as well.
        if run.metadata.namespace != caller.namespace or not owned_by(pod, run):
            raise UnknownCaller(
                f"pod {caller.namespace}/{caller.pod} was not made for its AgentRun"
            )
        if caller.pod != pod_name(run.metadata.name, attempt_of(run)):
            if caller.pod == pod_name(run.metadata.name, run.spec.attempt):
                raise Unavailable(0, f"pod {caller.pod} is not in the status of its AgentRun yet")
            raise UnknownCaller(f"pod {caller.pod} belongs to another attempt than the present one")
        return run

    async def _pod_of(self, caller: Caller) -> Mapping[str, Any]:
        """Return the very pod that calls; what the watches told may be older than its token."""
        known = self._cache.pods.get(caller.namespace, caller.pod)
        if known is not None and known["metadata"]["uid"] == caller.pod_uid:
            return known
        try:
            pod = await self._kube.get(resources.pods(caller.namespace, caller.pod))
        except NotFound:
            raise UnknownCaller(f"there is no pod {caller.namespace}/{caller.pod}") from None
        if self._cache.pods.put(pod):
            # The watch will tell no news of it any more.
            for owner in pod["metadata"].get("ownerReferences") or ():
                self._enqueue((caller.namespace, owner["name"]))
        if pod["metadata"]["uid"] != caller.pod_uid:
            raise UnknownCaller(f"the token is of an older pod named {caller.pod}")
        return pod

    def _by_uid(self, uid: str) -> AgentRun:
        run = next((one for one in self._cache.runs if one.metadata.uid == uid), None)
        # A workspace outlives its deleted run by the time that it takes to save the work.
        run = run or self._deleted_run(uid)
        if run is None:
            raise UnknownCaller("the pod belongs to no AgentRun that is known")
        return run

    def _is_deleted(self, run: AgentRun) -> bool:
        return self._deleted_run(run.metadata.uid) is not None

    def _refuse(self, conversation: RelayConversation, batch: list[NumberedEvent]) -> EventsAnswer:
        """Tell the sidecar of a run that is over that nobody will see its events."""
        conversation.finish()
        metrics.RELAY_EVENTS.labels("refused").inc(len(batch))
        last = max((numbered.seq for numbered in batch), default=conversation.acked)
        return EventsAnswer(last, {numbered.seq: _OVER for numbered in batch})

    def _show(
        self, run: AgentRun, conversation: RelayConversation, numbered: NumberedEvent
    ) -> asyncio.Future[str]:
        """Take in one event; the future is done, with a reason or none, once it is safe."""
        conversation.take(numbered.event)
        if isinstance(numbered.event, TurnStarted):
            _observe_delivery(conversation, numbered.event.message_id)
        self._enqueue(run.metadata.key)
        update = self._update(run, conversation, numbered)
        if update is None:
            done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            done.set_result("")
            return done
        conversation.shown_at = self._clock()
        return self._tracker.submit(update)

    def _update(
        self, run: AgentRun, conversation: RelayConversation, numbered: NumberedEvent
    ) -> Update | None:
        if run.spec.linear is None:
            return None
        session = run.spec.linear.session_id
        if isinstance(numbered.event, PlanChanged):
            spec = self._cache.spec_of(run)
            has_repository = spec is not None and spec.repository is not None
            steps = plan_of(run.status.phase, conversation.plan, has_repository=has_repository)
            return SetPlan(session, steps)
        return update_of(numbered, session, f"{conversation.run_uid}/{conversation.attempt}")

    async def _until_shown(
        self,
        conversation: RelayConversation,
        shown: list[tuple[NumberedEvent, asyncio.Future[str]]],
    ) -> dict[int, str]:
        """Acknowledge what the tracker has taken, in order; a report counts in its turn."""
        turns = [n.seq for n, _ in shown if isinstance(n.event, TurnStarted)]
        refused: dict[int, str] = {}
        deadline = asyncio.get_running_loop().time() + _BATCH_TIMEOUT
        for numbered, future in shown:
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            done, _ = await asyncio.wait((future,), timeout=left)
            if not done or future.exception() is not None:
                # Too slow, or the writer ended with its leadership: the sidecar sends it again.
                return refused
            if reason := future.result():
                refused[numbered.seq] = reason
            report = numbered.event if isinstance(numbered.event, Finished) else None
            overtaken = any(turn > numbered.seq for turn in turns)
            if report is not None and not overtaken and not self._is_settled(conversation, report):
                return refused
            conversation.acked = max(conversation.acked, numbered.seq)
            metrics.RELAY_EVENTS.labels("refused" if reason else "shown").inc()
        return refused

    def _is_settled(self, conversation: RelayConversation, report: Finished) -> bool:
        """Take in a report; return whether the sidecar may forget it.

        It may where a newer prompt makes it stale. Else it is acknowledged with the refusal that
        follows once the outcome is in the status: what is in memory alone dies with this leader.
        """
        run = self._by_uid(conversation.run_uid)
        self._conversations.conversation(run)
        if conversation.is_stale(report):
            return True
        conversation.report = report
        self._enqueue(run.metadata.key)
        return False


def _observe_delivery(conversation: RelayConversation, message_id: str) -> None:
    if (since := conversation.arrived.pop(message_id, None)) is not None:
        metrics.PROMPT_SECONDS.observe(time.monotonic() - since)
