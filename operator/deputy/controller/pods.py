"""Create and delete the pods of runs; both may be repeated."""

import datetime as dt

from deputy.api.agentrun import AgentRun
from deputy.api.blueprint import BlueprintSpec
from deputy.api.facts import owned_by, spec_as_text
from deputy.api.names import BLUEPRINT_SPEC_ANNOTATION, pod_name
from deputy.core import messages
from deputy.core.outcome import Problem, RunOutcome
from deputy.core.reason import RunReason
from deputy.kube import resources
from deputy.kube.cache import Cache
from deputy.kube.client import Kube
from deputy.kube.errors import AlreadyExists, Forbidden, Invalid, KubeRefused, NotFound
from deputy.workspace.identity import OURS, Identity, identity_in
from deputy.workspace.pod import WorkspaceSettings, build_pod
from deputy.workspace.template import TemplateRefused


async def create_pod(
    kube: Kube,
    cache: Cache,
    run: AgentRun,
    spec: BlueprintSpec,
    settings: WorkspaceSettings,
) -> RunOutcome | None:
    """Create the pod of `run`, or find that it is there; return why it can never be."""
    namespace, name = run.metadata.namespace, pod_name(run.metadata.name, run.spec.attempt)
    try:
        identity = await _identity_in(kube, namespace)
        pod = build_pod(run, spec, run.status.branch, settings, identity)
    except TemplateRefused as error:
        return messages.failed(Problem(RunReason.POD_REFUSED, f"{error}."))
    pod["metadata"]["annotations"][BLUEPRINT_SPEC_ANNOTATION] = spec_as_text(spec)
    try:
        created = await kube.create(resources.pods(namespace), pod)
    except AlreadyExists:
        created = await kube.get(resources.pods(namespace, name))
    except (Invalid, Forbidden, KubeRefused) as error:
        return messages.pod_refused(name, error.message)
    if not owned_by(created, run):
        return messages.pod_refused(name, "a pod of that name belongs to something else")
    cache.pods.put(created)
    return None


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
