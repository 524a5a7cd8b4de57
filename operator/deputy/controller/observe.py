"""Gather everything that is known of one run; judge nothing."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from deputy.api.agentrun import AgentRun, DesiredState
from deputy.api.blueprint import Blueprint, BlueprintSpec, PickUp
from deputy.controller.cluster import (
    Cluster,
    contender,
    owned_by,
    sessions_of,
    spec_in_force,
    undelivered,
)
from deputy.controller.memory import Memory
from deputy.controller.status import ending_of
from deputy.core import routing, words
from deputy.core.admission import NO_SLOT, Slot, slot_of
from deputy.core.ending import Problem
from deputy.core.phase import ACTIVE, Phase
from deputy.core.run import (
    BlueprintState,
    Observed,
    PodSeen,
)
from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.errors import NotFound
from deputy.kube.pod_facts import pod_seen
from deputy.kube.workspace import pod_name
from deputy.wire import Outcome

#: What time limits are where the Blueprint is gone.
_DEFAULTS = BlueprintSpec.model_fields


class Observer:
    """Turns stores and memory into the facts that `core.run.decide` asks for."""

    def __init__(self, cluster: Cluster, kube: Kube, assumed: set[str]) -> None:
        self._cluster = cluster
        self._kube = kube
        self._assumed = assumed

    async def look(self, run: AgentRun, memory: Memory, now: dt.datetime) -> Observed:
        """Return the facts about `run`; reads the API server only where a cache may be too old."""
        pod = await self._pod(run, memory)
        blueprint = self._cluster.blueprint_of(run)
        spec = spec_in_force(pod, blueprint)
        ready, message = _readiness(run, blueprint)
        talk = memory.talk
        slot = self._slot(run, blueprint, memory)
        return Observed(
            now=now,
            phase=run.status.phase,
            created=run.metadata.creation_timestamp or now,
            attempt=run.spec.attempt,
            begun=run.status.attempt or run.spec.attempt,
            has_issue=run.spec.linear is not None,
            has_repository=spec is not None and spec.repository is not None,
            stop_wanted=run.spec.desired_state is DesiredState.STOPPED,
            timeout=_seconds(spec, "timeout_seconds"),
            ttl=_seconds(spec, "ttl_seconds_after_finished"),
            started=run.status.start_time,
            completed=run.status.completion_time,
            blueprint=ready,
            blueprint_message=message,
            acknowledged=_is_acknowledged(run, memory),
            issue_read=run.spec.linear is None or memory.issue is not None,
            refusal=_refusal(run, spec, memory),
            slot=slot,
            pod=_seen(pod, now),
            last_contact=talk.last_contact,
            connected=talk.connected,
            awaiting=talk.awaiting,
            stop_asked=talk.stop_asked,
            report=talk.standing_report,
            silent=now - (talk.shown_at or now),
            undelivered=_undelivered(run, memory),
            pull_request=memory.pull_request,
            pull_request_problem=memory.pull_request_problem,
            ending=ending_of(run),
            log_saved=memory.log_saved,
            told=memory.told,
            queue_noted=_is_noted(memory, ready, message, slot),
        )

    async def _pod(self, run: AgentRun, memory: Memory) -> Mapping[str, Any] | None:
        pod, report = self._cluster.pod_of(run), memory.talk.report
        expected = run.status.phase in ACTIVE - {Phase.CLAIMED} and ending_of(run) is None
        ended = report is not None and report.outcome is Outcome.STOPPED
        if not expected or (pod is not None and not ended):
            return pod
        # A cache may lag: that a run failed for want of its pod, and what ended a workspace that
        # was not done, is decided on a direct read.
        name = pod_name(run.metadata.name, run.status.attempt or run.spec.attempt)
        try:
            found = await self._kube.get(resources.pods(run.metadata.namespace, name))
        except NotFound:
            return None
        if not owned_by(found, run):
            return None
        self._cluster.pods.put(found)
        return found

    def _slot(self, run: AgentRun, blueprint: Blueprint | None, memory: Memory) -> Slot:
        if run.status.phase is not Phase.QUEUED or blueprint is None:
            return NO_SLOT
        rivals = self._cluster.runs_of(run.metadata.namespace, blueprint.metadata.name)
        # The run's own priority was just read and is not in its status before its first wait.
        own = memory.issue.priority if memory.issue is not None else None
        uid = run.metadata.uid
        return slot_of(
            uid,
            [contender(rival, own if rival.metadata.uid == uid else None) for rival in rivals],
            self._assumed & {rival.metadata.uid for rival in rivals},
            blueprint.spec.max_concurrent_runs,
        )


def _seen(pod: Mapping[str, Any] | None, now: dt.datetime) -> PodSeen | None:
    return pod_seen(pod, now) if pod is not None else None


def _seconds(spec: BlueprintSpec | None, field: str) -> dt.timedelta:
    value = getattr(spec, field) if spec is not None else _DEFAULTS[field].default
    return dt.timedelta(seconds=value)


def _readiness(run: AgentRun, blueprint: Blueprint | None) -> tuple[BlueprintState, str]:
    """Return whether the Blueprint of `run` can be used, in its own words."""
    if blueprint is None:
        name, namespace = run.spec.blueprint_ref.name, run.metadata.namespace
        return (
            BlueprintState.MISSING,
            f"Blueprint {namespace}/{name} does not exist; create it or delete this run",
        )
    if run.spec.linear is None:
        # A run that is made by hand needs nothing of what a Blueprint names in the tracker.
        return BlueprintState.READY, ""
    ready = next((c for c in blueprint.status.conditions if c.type == "Ready"), None)
    current = blueprint.status.observed_generation == blueprint.metadata.generation
    if ready is None or not current or ready.status == "Unknown":
        said = ready.message if ready is not None else "it was not looked at yet"
        said = words.sentence(f"Blueprint {blueprint.metadata.name} is not ready: {said}")
        return BlueprintState.UNKNOWN, said
    if ready.status == "True":
        return BlueprintState.READY, ""
    return (
        BlueprintState.NOT_READY,
        f"Blueprint {blueprint.metadata.name} is not ready: {ready.message}.",
    )


def _undelivered(run: AgentRun, memory: Memory) -> int:
    """Return how many messages the agent was not given, by the newest word of it that there is."""
    report = memory.talk.report.delivered_through if memory.talk.report is not None else ""
    known = report or memory.talk.delivered_through or run.status.inbox.delivered_through
    return len(undelivered(run, known))


def _is_acknowledged(run: AgentRun, memory: Memory) -> bool:
    # What an earlier leader handed over may have died with it: a new one says it again.
    return set(sessions_of(run)) <= memory.acknowledged


def _refusal(run: AgentRun, spec: BlueprintSpec | None, memory: Memory) -> Problem | None:
    linear = run.spec.linear
    if linear is None or spec is None or spec.linear is None or memory.issue is None:
        return None
    delegator = routing.Person(id=linear.delegator_id, email=linear.delegator_email)
    found = routing.gate(
        pick_up_of(spec.linear.pick_up),
        memory.issue.state_type,
        memory.issue.labels,
        delegator if linear.delegator_id else None,
    )
    return Problem(found.reason, found.text) if found is not None else None


def pick_up_of(pick_up: PickUp) -> routing.PickUp:
    """Return the rules of a Blueprint as the core knows them."""
    return routing.PickUp(
        state_types=tuple(state.value for state in pick_up.state_types),
        override_label=pick_up.override_label,
        allow=tuple(pick_up.allow_delegators),
        deny=tuple(pick_up.deny_delegators),
    )


def _is_noted(memory: Memory, ready: BlueprintState, message: str, slot: Slot) -> bool:
    if memory.noted is None:
        return False
    _, noted_message, _ = memory.noted
    if ready is BlueprintState.READY:
        return memory.noted[2] == slot.position
    return noted_message == message
