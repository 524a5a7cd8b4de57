"""What the operator knows of the cluster: the stores that watches, lists and writes feed."""

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from deputy.api.agentrun import AgentRun, InboxEntry, InboxKind
from deputy.api.blueprint import Blueprint, BlueprintSpec
from deputy.api.meta import RECEIVED
from deputy.controller.store import Store
from deputy.core.admission import Contender
from deputy.kube.workspace import pod_name

#: Annotation of a pod: the Blueprint's spec as it was when the pod was made.
BLUEPRINT_SPEC = "deputy.dev/blueprint-spec"

Model = TypeVar("Model", bound=BaseModel)


def _reader(model: type[Model]) -> Callable[[Mapping[str, Any]], Model]:
    """Return what reads `model` and ignores fields that a newer version has added."""
    return lambda body: model.model_validate(body, extra="ignore")


#: Namespace and name: what the work queue goes by.
Key = tuple[str, str]


@dataclasses.dataclass(slots=True)
class Cluster:
    """The newest known state of our objects."""

    runs: Store[AgentRun] = dataclasses.field(default_factory=lambda: Store(_reader(AgentRun)))
    blueprints: Store[Blueprint] = dataclasses.field(
        default_factory=lambda: Store(_reader(Blueprint))
    )
    pods: Store[Mapping[str, Any]] = dataclasses.field(
        default_factory=lambda: Store(lambda pod: pod)
    )

    def blueprint_of(self, run: AgentRun) -> Blueprint | None:
        """Return the Blueprint that `run` names."""
        return self.blueprints.get(run.metadata.namespace, run.spec.blueprint_ref.name)

    def pod_of(self, run: AgentRun) -> Mapping[str, Any] | None:
        """Return the pod of the attempt that the status of `run` tells, else of the present one."""
        attempt = run.status.attempt or run.spec.attempt
        pod = self.pods.get(run.metadata.namespace, pod_name(run.metadata.name, attempt))
        return pod if pod is not None and owned_by(pod, run) else None

    def runs_of(self, namespace: str, blueprint: str) -> list[AgentRun]:
        """Return every run that names a Blueprint."""
        return [
            run
            for run in self.runs
            if run.metadata.namespace == namespace and run.spec.blueprint_ref.name == blueprint
        ]


def owned_by(thing: Mapping[str, Any], run: AgentRun) -> bool:
    """Say whether `thing` belongs to this very run, not to an older one of the same name."""
    owners = thing["metadata"].get("ownerReferences") or ()
    return any(owner["uid"] == run.metadata.uid for owner in owners)


def key_of(run: AgentRun | Blueprint) -> Key:
    """Return the namespace and name of an object."""
    return run.metadata.namespace, run.metadata.name


def is_decided(run: AgentRun) -> bool:
    """Say whether it is recorded how `run` ends."""
    return any(
        condition.type == "Succeeded" and condition.status != "Unknown"
        for condition in run.status.conditions
    )


def contender(run: AgentRun, priority: int | None = None) -> Contender:
    """Return what admission must know of `run`."""
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
        ended=is_decided(run),
    )


def _received(run: AgentRun) -> dt.datetime | None:
    """Return when the delegation of `run` reached us, to the microsecond, where that is noted."""
    try:
        found = dt.datetime.fromisoformat(run.metadata.annotations.get(RECEIVED, ""))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def sessions_of(run: AgentRun) -> tuple[str, ...]:
    """Return every session that is attached to `run`, the one it began with first."""
    if run.spec.linear is None:
        return ()
    found = [run.spec.linear.session_id, *(entry.session_id for entry in run.spec.inbox)]
    return tuple(dict.fromkeys(session for session in found if session))


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


def spec_in_force(
    pod: Mapping[str, Any] | None, blueprint: Blueprint | None
) -> BlueprintSpec | None:
    """Return the Blueprint's spec that a run goes by: the one that its pod was made from."""
    if pod is not None:
        annotations = pod["metadata"].get("annotations") or {}
        if BLUEPRINT_SPEC in annotations:
            return BlueprintSpec.model_validate_json(annotations[BLUEPRINT_SPEC])
    return blueprint.spec if blueprint is not None else None


def spec_as_text(spec: BlueprintSpec) -> str:
    """Return `spec` as the JSON that users would write."""
    return json.dumps(spec.model_dump(by_alias=True, exclude_defaults=True, mode="json"))


def hash_of(spec: BlueprintSpec) -> str:
    """Return a short hash of `spec`."""
    return hashlib.sha256(spec_as_text(spec).encode()).hexdigest()[:16]
