"""Create and delete the pods of runs; both may be repeated."""

import datetime as dt
from typing import Any

from deputy.api.agentrun import AgentRun
from deputy.api.blueprint import BlueprintSpec
from deputy.api.facts import owned_by, spec_as_text
from deputy.api.names import BLUEPRINT_SPEC_ANNOTATION, pod_name
from deputy.core import messages
from deputy.core.outcome import Problem, RunOutcome
from deputy.core.pod_delay import PodObstacle
from deputy.core.reason import RunReason
from deputy.kube import resources
from deputy.kube.cache import Cache
from deputy.kube.client import Kube
from deputy.kube.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    KubeRefused,
    NotFound,
    Unavailable,
)
from deputy.workspace.identity import OURS, Identity, identity_in
from deputy.workspace.pod import WorkspaceSettings, build_pod
from deputy.workspace.template import TemplateRefused

#: What a 403 says where it is the Blueprint that names what is not there.
_MISNAMED = ("pod rejected: RuntimeClass", "no PriorityClass with name")


async def create_pod(
    kube: Kube,
    cache: Cache,
    run: AgentRun,
    spec: BlueprintSpec,
    settings: WorkspaceSettings,
) -> RunOutcome | PodObstacle | None:
    """Create the pod of `run`, or see that it is there.

    Returns how the run ends where its pod can never be, and what is in the way where it may be yet.
    Raises `Unavailable` where nobody answered, so that nobody knows.
    """
    name = pod_name(run.metadata.name, run.spec.attempt)
    try:
        identity = await _identity_in(kube, run.metadata.namespace)
        pod = build_pod(run, spec, run.status.branch, settings, identity)
    except TemplateRefused as error:
        return messages.failed(Problem(RunReason.POD_REFUSED, f"{error}."))
    pod["metadata"]["annotations"][BLUEPRINT_SPEC_ANNOTATION] = spec_as_text(spec)
    try:
        created = await _created(kube, pod)
    except (Invalid, KubeRefused) as error:
        return messages.pod_refused(name, error.message)
    except (Forbidden, Unavailable, Conflict, NotFound) as error:
        if not error.status:
            raise
        if any(words in error.message for words in _MISNAMED):
            return messages.pod_refused(name, error.message)
        return _obstacle(name, error)
    if not owned_by(created, run):
        return messages.pod_refused(name, "a pod of that name belongs to something else")
    cache.pods.put(created)
    return None


async def _created(kube: Kube, pod: dict[str, Any]) -> dict[str, Any]:
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    try:
        return await kube.create(resources.pods(namespace), pod)
    except AlreadyExists:
        return await kube.get(resources.pods(namespace, name))


def _obstacle(name: str, error: KubeError) -> PodObstacle:
    """Return what is in the way of a pod that may be taken later, for all that is known."""
    if not isinstance(error, Forbidden):
        return messages.pod_not_created(name, error.message)
    # There is no other mark of it: it is a 403 like any other.
    if "exceeded quota" in error.message:
        return messages.quota_exceeded(error.message)
    return messages.pod_forbidden(name, error.message)


async def _identity_in(kube: Kube, namespace: str) -> Identity:
    """Return who works in `namespace`; a role of an older chart does not let us look."""
    try:
        return identity_in(await kube.get(resources.namespaces(namespace)))
    except (Forbidden, NotFound):
        return OURS


async def delete_pod(kube: Kube, cache: Cache, run: AgentRun, grace: dt.timedelta) -> None:
    """Delete the pod of `run`, giving its containers `grace` to end by themselves."""
    pod = cache.pod_of(run)
    if pod is None:
        return
    try:
        deleted = await kube.delete(
            resources.pods(run.metadata.namespace, pod["metadata"]["name"]),
            gracePeriodSeconds=int(grace.total_seconds()),
            preconditions={"uid": pod["metadata"]["uid"]},
        )
    except NotFound:
        cache.pods.remove(dict(pod))
        return
    if deleted.get("kind") == "Pod":
        cache.pods.put(deleted)
