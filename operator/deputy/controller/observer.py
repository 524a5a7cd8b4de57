"""Gather everything that is known of one run; judge nothing."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from deputy.api.agentrun import AgentRun, DesiredState
from deputy.api.blueprint import Blueprint, BlueprintSpec
from deputy.api.facts import (
    attempt_of,
    delegator_of,
    outcome_of,
    owned_by,
    pick_up_of,
    prompts_in,
    report_of,
    runs_before,
    sessions_of,
    spec_in_force,
    undelivered,
)
from deputy.api.names import pod_name
from deputy.controller.run_state import RunState
from deputy.controller.slots import Slots
from deputy.core import messages, routing
from deputy.core.admission import NO_SLOT, Slot
from deputy.core.observed import BlueprintState, Observed, PodSeen
from deputy.core.outcome import Problem
from deputy.core.phase import ACTIVE, TERMINAL, Phase
from deputy.core.reason import RunReason
from deputy.kube import resources
from deputy.kube.cache import Cache
from deputy.kube.client import Kube
from deputy.kube.errors import NotFound
from deputy.wire import Outcome
from deputy.workspace.status import pod_seen, stuck_containers

#: How long past its time a deleted pod keeps the next run of its issue waiting.
_POD_GONE_AFTER = dt.timedelta(minutes=1)
#: What time limits are where the Blueprint is gone.
_DEFAULTS = BlueprintSpec.model_fields


class Observer:
    """Turns stores and state into the facts that `core.run.decide` asks for."""

    def __init__(self, cache: Cache, kube: Kube, slots: Slots) -> None:
        self._cache = cache
        self._kube = kube
        self._slots = slots

    async def observe(self, run: AgentRun, state: RunState, now: dt.datetime) -> Observed:
        """Return the facts about `run`; reads the API server only where a cache may be too old."""
        pod = await self._pod(run, state, now)
        blueprint = self._cache.blueprint_of(run)
        spec = spec_in_force(pod, blueprint)
        ready, message = _readiness(run, blueprint)
        conversation = state.conversation
        seen = _seen(pod, state, now)
        conversation.fall_back(report_of(run), silenced=_is_silenced(seen), now=now)
        slot = self._slot(run, blueprint, state)
        return Observed(
            now=now,
            phase=run.status.phase,
            created=run.metadata.creation_timestamp or now,
            attempt=run.spec.attempt,
            status_attempt=attempt_of(run),
            has_issue=run.spec.linear is not None,
            has_repository=spec is not None and spec.repository is not None,
            has_task=bool(run.spec.prompt.strip() or prompts_in(run)),
            stop_wanted=run.spec.desired_state is DesiredState.STOPPED,
            timeout=_timeout(spec),
            ttl=_ttl(spec),
            started=run.status.start_time,
            completed=run.status.completion_time,
            blueprint=ready,
            blueprint_message=message,
            foreign_to=_foreign_to(run, blueprint),
            acknowledged=_is_acknowledged(run, state),
            issue_read=run.spec.linear is None or state.issue_read,
            refusal=_refusal(run, spec, blueprint, state),
            earlier_run=self._earlier_run(run, now),
            blocked=run.status.reason == RunReason.WAITING_FOR_EARLIER_RUN,
            slot=slot,
            pod=seen,
            last_contact=conversation.last_contact,
            connected=conversation.connected,
            awaiting=conversation.awaiting,
            stop_asked=conversation.stop_asked,
            report=conversation.standing_report,
            silent=now - (conversation.shown_at or now),
            unrecorded=_unrecorded(run, state),
            undelivered=_undelivered(run, state),
            pull_request=state.pull_request,
            pull_request_problem=state.pull_request_problem,
            outcome=outcome_of(run),
            log_saved=state.log_saved,
            notified=state.notified,
            pod_delay=state.pod_delay,
            delay_noted=_is_delay_noted(run, state),
            queue_noted=_is_noted(state, ready, message, slot),
        )

    async def _pod(
        self, run: AgentRun, state: RunState, now: dt.datetime
    ) -> Mapping[str, Any] | None:
        pod, report = self._cache.pod_of(run), state.conversation.report
        expected = self._is_expected(run, now) and outcome_of(run) is None
        ended = report is not None and report.outcome is Outcome.STOPPED
        if not expected or (pod is not None and not ended):
            return pod
        # A cache may lag: that a run fails for want of its pod, or ends without one, and what ended
        # a workspace that was not done, is decided on a direct read.
        name = pod_name(run.metadata.name, attempt_of(run))
        try:
            fresh = await self._kube.get(resources.pods(run.metadata.namespace, name))
        except NotFound:
            return None
        if not owned_by(fresh, run):
            return None
        self._cache.pods.put(fresh)
        return fresh

    def _is_expected(self, run: AgentRun, now: dt.datetime) -> bool:
        """Say whether `run` has a pod, as far as its status tells; or may have, where it ends."""
        if run.status.phase is not Phase.CLAIMED:
            return run.status.phase in ACTIVE
        ends = (run.status.start_time or now) + _timeout(self._cache.spec_of(run))
        return run.spec.desired_state is DesiredState.STOPPED or ends <= now

    def _earlier_run(self, run: AgentRun, now: dt.datetime) -> str:
        """Return the name of a run that has to be gone before `run` starts, empty for none."""
        if run.status.phase is not Phase.QUEUED:
            return ""
        for key in runs_before(run):
            earlier = self._cache.runs.get(*key)
            if earlier is None or earlier.metadata.uid == run.metadata.uid:
                continue
            pod = self._cache.pod_of(earlier)
            if not _is_idle(earlier) or (pod is not None and not _lost(pod, now)):
                return key[1]
        return ""

    def _slot(self, run: AgentRun, blueprint: Blueprint | None, state: RunState) -> Slot:
        if run.status.phase is not Phase.QUEUED or blueprint is None:
            return NO_SLOT
        # The run's own priority was just read and is not in its status before its first wait.
        own = state.issue.priority if state.issue is not None else None
        return self._slots.slot_for(run, own, blueprint.spec.max_concurrent_runs)


def _is_idle(run: AgentRun) -> bool:
    """Say whether a run is over, or waits for a Blueprint that somebody has moved elsewhere."""
    waits = run.status.phase is Phase.QUEUED
    stranded = waits and run.status.reason == RunReason.BLUEPRINT_NOT_FOUND
    return run.status.phase in TERMINAL or stranded


def _lost(pod: Mapping[str, Any], now: dt.datetime) -> bool:
    """Say whether a pod should be gone by now: its node is, and nobody else clears it up."""
    deleted = pod["metadata"].get("deletionTimestamp")
    return bool(deleted) and now - dt.datetime.fromisoformat(deleted) > _POD_GONE_AFTER


def _seen(pod: Mapping[str, Any] | None, state: RunState, now: dt.datetime) -> PodSeen | None:
    if pod is None:
        return None
    state.stuck_since = stuck_containers(pod, state.stuck_since, now)
    return pod_seen(pod, now, state.stuck_since)


def _is_silenced(pod: PodSeen | None) -> bool:
    """Say whether no sidecar will say anything more: one whose pod is deleted still saves."""
    return pod is None or pod.is_silenced or pod.problem is not None


def _timeout(spec: BlueprintSpec | None) -> dt.timedelta:
    seconds = spec.timeout_seconds if spec else _DEFAULTS["timeout_seconds"].default
    return dt.timedelta(seconds=seconds)


def _ttl(spec: BlueprintSpec | None) -> dt.timedelta:
    field = "ttl_seconds_after_finished"
    seconds = spec.ttl_seconds_after_finished if spec else _DEFAULTS[field].default
    return dt.timedelta(seconds=seconds)


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
        said = messages.sentence(f"Blueprint {blueprint.metadata.name} is not ready: {said}")
        return BlueprintState.UNKNOWN, said
    if ready.status == "True":
        return BlueprintState.READY, ""
    return (
        BlueprintState.NOT_READY,
        f"Blueprint {blueprint.metadata.name} is not ready: {ready.message}.",
    )


def _unrecorded(run: AgentRun, state: RunState) -> int:
    """Return how many messages the agent was given since the status last told of it."""
    told = undelivered(run, run.status.inbox.delivered_through)
    return len(told) - len(undelivered(run, state.conversation.delivered_through))


def _undelivered(run: AgentRun, state: RunState) -> int:
    """Return how many messages the agent was not given, by the newest word of it that there is."""
    report = (
        state.conversation.report.delivered_through if state.conversation.report is not None else ""
    )
    known = report or state.conversation.delivered_through or run.status.inbox.delivered_through
    return len(undelivered(run, known))


def _is_acknowledged(run: AgentRun, state: RunState) -> bool:
    # What an earlier leader handed over may have died with it: a new one says it again.
    return set(sessions_of(run)) <= state.acknowledged


def _foreign_to(run: AgentRun, blueprint: Blueprint | None) -> str:
    """Return the Blueprint of `run` where it takes no issues, or those of another organisation."""
    linear = run.spec.linear
    if linear is None or blueprint is None:
        return ""
    known = blueprint.status.linear.organization_id
    if blueprint.spec.linear is not None and known in ("", linear.organization_id):
        return ""
    return blueprint.metadata.name


def _other_team(run: AgentRun, blueprint: Blueprint | None, state: RunState) -> Problem | None:
    """Return why `run` may not have an issue of another team than its Blueprint's."""
    if run.status.phase is not Phase.QUEUED or blueprint is None or state.issue is None:
        return None
    if blueprint.status.linear.team_id in ("", state.issue.team.id):
        return None
    return Problem(RunReason.BLUEPRINT_NOT_FOUND, messages.other_team(blueprint.metadata.name))


def _refusal(
    run: AgentRun, spec: BlueprintSpec | None, blueprint: Blueprint | None, state: RunState
) -> Problem | None:
    linear = run.spec.linear
    if linear is None or spec is None or spec.linear is None or not state.issue_read:
        return None
    if problem := _other_team(run, blueprint, state):
        return problem
    pick_up = pick_up_of(spec.linear.pick_up)
    refusal = routing.may_pick_up(pick_up, state.issue, delegator_of(run))
    return Problem(refusal.reason, refusal.text) if refusal is not None else None


def _is_delay_noted(run: AgentRun, state: RunState) -> bool:
    delay = state.pod_delay
    return delay is not None and run.status.reason == delay.obstacle.reason


def _is_noted(state: RunState, ready: BlueprintState, message: str, slot: Slot) -> bool:
    if state.noted_wait is None:
        return False
    if ready is BlueprintState.READY:
        return state.noted_wait.position == slot.position
    return state.noted_wait.message == message
