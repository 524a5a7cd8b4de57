"""What our objects tell: the facts that decisions are made of, each read in one place."""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from deputy.api.agentrun import AgentRun, DesiredState, InboxEntry, InboxKind, ReportStatus
from deputy.api.blueprint import Blueprint, BlueprintSpec, PickUpSpec
from deputy.api.meta import API_VERSION, Condition, timestamp
from deputy.api.names import (
    AFTER_ANNOTATION,
    BLUEPRINT_SPEC_ANNOTATION,
    ISSUE_LABEL,
    RECEIVED_ANNOTATION,
    run_name,
    run_number,
)
from deputy.core.admission import Contender
from deputy.core.claim_facts import RunFacts, stored_bytes
from deputy.core.conditions import ConditionType
from deputy.core.conversation import KeptReport
from deputy.core.outcome import RunOutcome
from deputy.core.reason import RunReason
from deputy.core.routing import BlueprintFacts, PickUp
from deputy.trackers.models import Person
from deputy.wire import Finished, Outcome


def owner_of(run: AgentRun) -> dict[str, Any]:
    """Return the reference that ties an object's life to the run's."""
    return {
        "apiVersion": API_VERSION,
        "kind": "AgentRun",
        "name": run.metadata.name,
        "uid": run.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owned_by(body: Mapping[str, Any], run: AgentRun) -> bool:
    """Say whether `body` belongs to this very run, not to an older one of the same name."""
    owners = body["metadata"].get("ownerReferences") or ()
    return any(owner["uid"] == run.metadata.uid for owner in owners)


def outcome_of(run: AgentRun) -> RunOutcome | None:
    """Return how `run` ends, as its status has it; None while that is open."""
    summary = _summary(run)
    if summary is None or summary.status == "Unknown":
        return None
    return RunOutcome(RunReason(summary.reason), summary.message, run.status.response)


def is_concluded(run: AgentRun) -> bool:
    """Say whether it is recorded how `run` ends, though people may not have been told yet."""
    summary = _summary(run)
    return summary is not None and summary.status != "Unknown"


def _summary(run: AgentRun) -> Condition | None:
    by_type = {condition.type: condition for condition in run.status.conditions}
    return by_type.get(ConditionType.SUCCEEDED)


def attempt_of(run: AgentRun) -> int:
    """Return the attempt that the status of `run` tells of, else the one that is wanted."""
    return run.status.attempt or run.spec.attempt


def report_of(run: AgentRun) -> KeptReport | None:
    """Return what the sidecar reported of the present attempt, as the status has kept it."""
    kept = run.status.report
    if kept is None or kept.attempt != attempt_of(run) or kept.outcome not in set(Outcome):
        return None
    report = Finished(
        Outcome(kept.outcome),
        kept.reason,
        kept.text,
        kept.delivered_through,
        kept.branch,
        kept.head_sha,
        kept.commits,
    )
    return KeptReport(report, kept.received_time)


def report_as_status(report: Finished, attempt: int, now: dt.datetime) -> dict[str, Any]:
    """Return what the status keeps of a report; `report_of` reads it."""
    kept = ReportStatus(
        attempt=attempt,
        outcome=report.outcome.value,
        reason=report.reason,
        text=report.text,
        delivered_through=report.delivered_through,
        branch=report.branch,
        head_sha=report.head_sha,
        commits=report.commits,
    )
    return kept.model_dump(by_alias=True, exclude={"received_time"}) | {
        "receivedTime": timestamp(now)
    }


def sessions_of(run: AgentRun) -> tuple[str, ...]:
    """Return every session that is attached to `run`, the one it began with first."""
    if run.spec.linear is None:
        return ()
    named = [run.spec.linear.session_id, *(entry.session_id for entry in run.spec.inbox)]
    return tuple(dict.fromkeys(session for session in named if session))


def prompts_in(run: AgentRun) -> tuple[InboxEntry, ...]:
    """Return what people said to `run`, in order; a sidecar passes blank words over, so do we."""
    return tuple(
        entry for entry in run.spec.inbox if entry.kind is InboxKind.PROMPT and entry.text.strip()
    )


def undelivered(run: AgentRun, delivered_through: str) -> tuple[str, ...]:
    """Return the ids of the prompts that came after the one named `delivered_through`."""
    ids = [entry.id for entry in prompts_in(run)]
    start = ids.index(delivered_through) + 1 if delivered_through in ids else 0
    return tuple(ids[start:])


def delegator_of(run: AgentRun) -> Person | None:
    """Return who delegated; None for an automation, and for a run that was made by hand."""
    linear = run.spec.linear
    if linear is None or not linear.delegator_id:
        return None
    return Person(linear.delegator_id, email=linear.delegator_email)


def contender(run: AgentRun, priority: int | None = None, *, has_pod: bool = False) -> Contender:
    """Return what admission must know of `run`; `priority` is one that was read just now."""
    created = run.metadata.creation_timestamp
    if created is None:
        raise ValueError(f"AgentRun {run.metadata.name} has no creation time")
    known = run.status.priority or (run.spec.linear.priority if run.spec.linear else 0)
    return Contender(
        uid=run.metadata.uid,
        name=run.metadata.name,
        phase=run.status.phase,
        priority=priority if priority is not None else known,
        created=_received(run) or created,
        ended=is_concluded(run),
        has_pod=has_pod,
        deleting=run.metadata.deletion_timestamp is not None,
        blocked=run.status.reason == RunReason.WAITING_FOR_EARLIER_RUN,
    )


def _received(run: AgentRun) -> dt.datetime | None:
    """Return when the delegation of `run` reached us, to the microsecond, where that is noted."""
    try:
        noted = run.metadata.annotations.get(RECEIVED_ANNOTATION, "")
        received = dt.datetime.fromisoformat(noted)
    except ValueError:
        return None
    return received if received.tzinfo is not None else None


def run_facts(run: AgentRun) -> RunFacts:
    """Return what claiming must know of `run`."""
    linear, inbox, status = run.spec.linear, run.spec.inbox, run.status
    begun_by = (linear.activity_id or linear.session_id) if linear else ""
    has_status = "status" in run.model_fields_set
    phase = status.phase if "phase" in status.model_fields_set else None
    return RunFacts(
        name=run.metadata.name,
        number=run_number(run.metadata.name),
        namespace=run.metadata.namespace,
        uid=run.metadata.uid,
        phase=phase,
        stopping=run.spec.desired_state is DesiredState.STOPPED
        or run.metadata.deletion_timestamp is not None,
        # What a write tests for: the closing words are recorded together with the end.
        concluded=is_concluded(run) or bool(status.response),
        sessions=frozenset(sessions_of(run)),
        messages=frozenset(filter(None, (begun_by, *(entry.id for entry in inbox)))),
        app_user_id=linear.app_user_id if linear else "",
        begun=_begun(run),
        stopped=_stopped(run),
        inbox_length=len(inbox),
        inbox_waiting=len(undelivered(run, status.inbox.delivered_through)),
        inbox_bytes=sum(map(stored_bytes, (run.spec.prompt, *(entry.text for entry in inbox)))),
        as_seen=("/status/phase", phase) if has_status else ("/status", None),
    )


def _begun(run: AgentRun) -> dt.datetime | None:
    """Return when that happened which `run` began with; older runs only tell when it reached us."""
    sent = run.spec.linear.sent_time if run.spec.linear else None
    return sent or _received(run) or run.metadata.creation_timestamp


def _stopped(run: AgentRun) -> dt.datetime | None:
    """Return when somebody last stopped or withdrew `run`."""
    stops = (entry for entry in run.spec.inbox if entry.kind is InboxKind.STOP)
    moments = (stop.sent_time or stop.received_time for stop in stops)
    return max(filter(None, moments), default=None)


def runs_before(run: AgentRun) -> tuple[tuple[str, str], ...]:
    """Return namespace and name of the runs that have to end before `run` starts.

    Those are the ones that were ending when it was created, and the one just before it, whose pod
    may still be there.
    """
    metadata, number = run.metadata, run_number(run.metadata.name)
    noted = metadata.annotations.get(AFTER_ANNOTATION, "").split(",")
    keys = [
        (namespace, name) for namespace, _, name in (one.partition("/") for one in noted) if name
    ]
    if number > 1 and (issue := metadata.labels.get(ISSUE_LABEL)):
        keys.append((metadata.namespace, run_name(issue, number - 1)))
    return tuple(dict.fromkeys(keys))


def was_ending_before(run: AgentRun) -> str:
    """Return the name of a run that was still ending when `run` was created, empty for none."""
    return run.metadata.annotations.get(AFTER_ANNOTATION, "").partition(",")[0].rpartition("/")[2]


def blueprint_facts(blueprint: Blueprint) -> BlueprintFacts | None:
    """Return what routing must know of a Blueprint; None for one that takes no issues, or goes."""
    linear, metadata = blueprint.spec.linear, blueprint.metadata
    if linear is None or metadata.deletion_timestamp is not None:
        return None
    return BlueprintFacts(
        name=metadata.name,
        namespace=metadata.namespace,
        created=created_of(blueprint),
        team=linear.team,
        team_id=blueprint.status.linear.team_id,
        organization=linear.organization,
        organization_id=blueprint.status.linear.organization_id,
        pick_up=pick_up_of(linear.pick_up),
        prompt_template=blueprint.spec.agent.prompt_template,
    )


def created_of(blueprint: Blueprint) -> dt.datetime:
    """Return when a Blueprint was created; one that does not tell is younger than all."""
    return blueprint.metadata.creation_timestamp or dt.datetime.max.replace(tzinfo=dt.UTC)


def pick_up_of(pick_up: PickUpSpec) -> PickUp:
    """Return the rules of a Blueprint as the core knows them."""
    return PickUp(
        state_types=tuple(state.value for state in pick_up.state_types),
        override_label=pick_up.override_label,
        allow=tuple(pick_up.allow_delegators),
        deny=tuple(pick_up.deny_delegators),
    )


def spec_in_force(
    pod: Mapping[str, Any] | None, blueprint: Blueprint | None
) -> BlueprintSpec | None:
    """Return the Blueprint's spec that a run goes by: the one that its pod was made from."""
    if pod is not None:
        annotations = pod["metadata"].get("annotations") or {}
        if BLUEPRINT_SPEC_ANNOTATION in annotations:
            return _spec_of(annotations[BLUEPRINT_SPEC_ANNOTATION])
    return blueprint.spec if blueprint is not None else None


def _spec_of(text: str) -> BlueprintSpec | None:
    """Return the spec that an operator noted; a newer one may have noted more than we know.

    None where we cannot read it at all: what a newer operator began goes on without its spec.
    """
    try:
        return BlueprintSpec.model_validate_json(text, extra="ignore")
    except ValidationError:
        return None


def spec_as_text(spec: BlueprintSpec) -> str:
    """Return `spec` as the JSON that users would write."""
    return json.dumps(spec.model_dump(by_alias=True, exclude_defaults=True, mode="json"))


def hash_of(spec: BlueprintSpec) -> str:
    """Return a short hash of `spec`, empty where it is nested too deeply to be written out.

    Such a spec is refused when its pod is built, where there are words for it.
    """
    try:
        text = spec_as_text(spec)
    except (ValueError, RecursionError):
        return ""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
