"""What stands behind the relay's door: events go to the tracker, messages come from the run."""

import asyncio
import base64
import datetime as dt
import time
from collections.abc import Callable, Mapping
from typing import Any

from deputy.api.agentrun import AgentRun
from deputy.controller import metrics
from deputy.controller.cluster import (
    Cluster,
    Key,
    is_decided,
    key_of,
    owned_by,
    prompts_in,
    spec_in_force,
)
from deputy.controller.memory import Memories, Memory
from deputy.controller.tracker import Tracker
from deputy.core.phase import TERMINAL, Phase
from deputy.core.plan import plan_of
from deputy.core.progress import update_of
from deputy.core.prompt import with_branch
from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.errors import NotFound, Unavailable
from deputy.kube.workspace import pod_name
from deputy.relay.app import NoToken, NotYours
from deputy.relay.authentication import Caller
from deputy.relay.conversation import Conversation
from deputy.trackers.updates import SetPlan, Update
from deputy.wire import (
    Answered,
    Asked,
    EventsAnswer,
    Finished,
    GitToken,
    Message,
    MessageKind,
    NumberedEvent,
    PlanChanged,
    TurnStarted,
)

#: How long one batch may wait for the tracker; the sidecar sends again what was not done then.
_PATIENCE = 20.0
_TOKEN_SECONDS = 3600

_OVER = "the run is over"


class RunDesk:
    """Serves the sidecars of all runs."""

    def __init__(
        self,
        *,
        kube: Kube,
        cluster: Cluster,
        memories: Memories,
        tracker: Tracker,
        look_at: Callable[[Key], None],
    ) -> None:
        self._kube = kube
        self._cluster = cluster
        self._memories = memories
        self._tracker = tracker
        self._look_at = look_at

    async def conversation(self, caller: Caller) -> Conversation:
        """Return the conversation with the run whose pod calls; raise `NotYours`."""
        run = await self._run_of(caller)
        return self.memory_of(run).talk

    async def heard(self, talk: Conversation) -> None:
        """Note that the sidecar is alive."""
        talk.last_contact = dt.datetime.now(dt.UTC)

    async def take(self, talk: Conversation, batch: list[NumberedEvent]) -> EventsAnswer:
        """Show a batch in the tracker, in order; a report counts once all before it is shown."""
        run = self._by_uid(talk.run_uid)
        if is_decided(run) or run.status.phase in TERMINAL:
            return self._refuse(talk, batch)
        fresh = [numbered for numbered in batch if numbered.seq > talk.acked]
        if any(isinstance(numbered.event, TurnStarted) for numbered in fresh):
            self.memory_of(run).pull_request_problem = None
        shown = [(numbered, self._show(run, talk, numbered)) for numbered in fresh]
        refused = await self._until_shown(talk, shown)
        return EventsAnswer(talk.acked, refused)

    async def git_token(self, talk: Conversation) -> GitToken:
        """Return the token of the Blueprint's forge Secret; raise `NoToken`."""
        run = self._by_uid(talk.run_uid)
        spec = spec_in_force(self._cluster.pod_of(run), self._cluster.blueprint_of(run))
        if spec is None or spec.repository is None:
            raise NoToken("the run has no repository")
        if spec.repository.credentials_secret_ref is None:
            raise NoToken("spec.repository.credentialsSecretRef of the Blueprint is not set")
        name = spec.repository.credentials_secret_ref.name
        token = await read_token(self._kube, run.metadata.namespace, name)
        return GitToken("x-access-token", token, _TOKEN_SECONDS)

    def refresh(self, run: AgentRun) -> None:
        """Bring the conversation up to what the run's inbox says, and wake its poll."""
        self.memory_of(run)

    def memory_of(self, run: AgentRun) -> Memory:
        """Return what is remembered of `run`, with what its object tells filled in."""
        memory = self._memories.of(run.metadata.uid, _attempt_of(run))
        _take_over(memory.talk, run)
        if is_decided(run) or run.status.phase in TERMINAL:
            memory.talk.finish()
        else:
            memory.talk.hear(prompts_of(run))
        return memory

    async def _run_of(self, caller: Caller) -> AgentRun:
        pod = await self._pod_of(caller)
        run = self._by_uid((pod["metadata"].get("labels") or {}).get("deputy.dev/run", ""))
        # A label is quickly written: the namespace, the owner and the name have to fit as well.
        if run.metadata.namespace != caller.namespace or not owned_by(pod, run):
            raise NotYours(f"pod {caller.namespace}/{caller.pod} was not made for its AgentRun")
        if caller.pod != pod_name(run.metadata.name, _attempt_of(run)):
            if caller.pod == pod_name(run.metadata.name, run.spec.attempt):
                raise Unavailable(0, f"pod {caller.pod} is not in the status of its AgentRun yet")
            raise NotYours(f"pod {caller.pod} belongs to another attempt than the present one")
        return run

    async def _pod_of(self, caller: Caller) -> Mapping[str, Any]:
        """Return the very pod that calls; what the watches told may be older than its token."""
        known = self._cluster.pods.get(caller.namespace, caller.pod)
        if known is not None and known["metadata"]["uid"] == caller.pod_uid:
            return known
        try:
            found = await self._kube.get(resources.pods(caller.namespace, caller.pod))
        except NotFound:
            raise NotYours(f"there is no pod {caller.namespace}/{caller.pod}") from None
        self._cluster.pods.put(found)
        if found["metadata"]["uid"] != caller.pod_uid:
            raise NotYours(f"the token is of an older pod named {caller.pod}")
        return found

    def _by_uid(self, uid: str) -> AgentRun:
        run = next((one for one in self._cluster.runs if one.metadata.uid == uid), None)
        if run is None:
            raise NotYours("the pod belongs to no AgentRun that is known")
        return run

    def _refuse(self, talk: Conversation, batch: list[NumberedEvent]) -> EventsAnswer:
        """Tell the sidecar of a run that is over that nobody will see its events."""
        talk.finish()
        metrics.RELAY_EVENTS.labels("refused").inc(len(batch))
        last = max((numbered.seq for numbered in batch), default=talk.acked)
        return EventsAnswer(last, {numbered.seq: _OVER for numbered in batch})

    def _show(
        self, run: AgentRun, talk: Conversation, numbered: NumberedEvent
    ) -> asyncio.Future[str]:
        """Take in one event; the future is done, with a reason or none, once it is safe."""
        self._note(talk, numbered)
        self._look_at(key_of(run))
        update = self._update(run, talk, numbered)
        if update is None or run.spec.linear is None:
            done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            done.set_result("")
            return done
        talk.shown_at = dt.datetime.now(dt.UTC)
        return self._tracker.submit(update)

    def _update(self, run: AgentRun, talk: Conversation, numbered: NumberedEvent) -> Update | None:
        if run.spec.linear is None:
            return None
        session = run.spec.linear.session_id
        if isinstance(numbered.event, PlanChanged):
            spec = spec_in_force(self._cluster.pod_of(run), self._cluster.blueprint_of(run))
            has_repository = spec is not None and spec.repository is not None
            steps = plan_of(run.status.phase, talk.plan, has_repository=has_repository)
            return SetPlan(session, steps)
        return update_of(numbered, session, f"{talk.run_uid}/{talk.attempt}")

    def _note(self, talk: Conversation, numbered: NumberedEvent) -> None:
        talk.connected = True
        match numbered.event:
            case TurnStarted(message_id):
                talk.awaiting, talk.report = False, None
                talk.delivered_through = message_id
                self._time(talk, message_id)
            case Asked():
                talk.awaiting = True
            case Answered(message_id):
                talk.awaiting, talk.delivered_through = False, message_id
            case PlanChanged(steps):
                talk.plan = steps
            case _:
                pass

    def _time(self, talk: Conversation, message_id: str) -> None:
        if (since := talk.arrived.pop(message_id, None)) is not None:
            metrics.PROMPT_SECONDS.observe(time.monotonic() - since)

    async def _until_shown(
        self,
        talk: Conversation,
        shown: list[tuple[NumberedEvent, asyncio.Future[str]]],
    ) -> dict[int, str]:
        """Acknowledge what the tracker has taken, in order; a report counts in its turn."""
        turns = [n.seq for n, _ in shown if isinstance(n.event, TurnStarted)]
        refused: dict[int, str] = {}
        deadline = asyncio.get_running_loop().time() + _PATIENCE
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
            if report is not None and not overtaken and not self._is_settled(talk, report):
                return refused
            talk.acked = max(talk.acked, numbered.seq)
            metrics.RELAY_EVENTS.labels("refused" if reason else "shown").inc()
        return refused

    def _is_settled(self, talk: Conversation, report: Finished) -> bool:
        """Take in a report; return whether the sidecar may forget it.

        It may where a newer prompt makes it stale. Else it is acknowledged with the refusal that
        follows once the ending is in the status: what is in memory alone dies with this leader.
        """
        run = self._by_uid(talk.run_uid)
        talk.hear(prompts_of(run))
        if talk.is_stale(report):
            return True
        talk.report = report
        self._look_at(key_of(run))
        return False


def _attempt_of(run: AgentRun) -> int:
    return run.status.attempt or run.spec.attempt


def _take_over(talk: Conversation, run: AgentRun) -> None:
    """Begin where an earlier leader left off, as far as the status of `run` tells."""
    if talk.last_contact is None and run.status.phase in (Phase.RUNNING, Phase.AWAITING_INPUT):
        talk.last_contact = dt.datetime.now(dt.UTC)
        talk.connected = True
        talk.awaiting = run.status.phase is Phase.AWAITING_INPUT
        talk.delivered_through = run.status.inbox.delivered_through


def prompts_of(run: AgentRun) -> tuple[Message, ...]:
    """Return the task of `run` and what people said to it since, in order."""
    attempt = run.status.attempt or run.spec.attempt
    task = Message(
        f"task-{attempt}", MessageKind.PROMPT, with_branch(run.spec.prompt, run.status.branch)
    )
    said = (
        Message(entry.id, MessageKind.PROMPT, entry.text, entry.sender) for entry in prompts_in(run)
    )
    return (task, *said)


async def read_token(kube: Kube, namespace: str, name: str) -> str:
    """Return the key `token` of a Secret; raise `NoToken` naming what to create."""
    try:
        secret = await kube.get(resources.secrets(namespace, name))
        token = base64.b64decode(secret["data"]["token"]).decode("ascii").strip()
    except NotFound:
        raise NoToken(
            f'Secret "{name}" does not exist in namespace {namespace}; create it with the key '
            "`token`, or change spec.repository.credentialsSecretRef of the Blueprint"
        ) from None
    except (KeyError, TypeError):
        raise NoToken(
            f'Secret "{name}" in namespace {namespace} has no key `token`; add it'
        ) from None
    except ValueError:
        token = ""
    if len(token.split()) != 1:
        raise NoToken(
            f'the key `token` of Secret "{name}" in namespace {namespace} holds no token; set it'
        )
    return token
