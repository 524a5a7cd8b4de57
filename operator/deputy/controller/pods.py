"""Create and delete the pods of runs; both may be repeated."""

import datetime as dt

from deputy.api.agentrun import AgentRun
from deputy.api.blueprint import BlueprintSpec
from deputy.controller.cluster import BLUEPRINT_SPEC, Cluster, owned_by, spec_as_text
from deputy.core import words
from deputy.core.ending import Ending, Problem
from deputy.core.reason import RunReason
from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.errors import AlreadyExists, Forbidden, Invalid, NotFound, Refused
from deputy.kube.pod_template import TemplateRefused
from deputy.kube.workspace import WorkspaceSettings, build_pod, pod_name


async def create_pod(
    kube: Kube,
    cluster: Cluster,
    run: AgentRun,
    spec: BlueprintSpec,
    settings: WorkspaceSettings,
) -> Ending | None:
    """Create the pod of `run`, or find that it is there; return why it can never be."""
    namespace, name = run.metadata.namespace, pod_name(run.metadata.name, run.spec.attempt)
    try:
        pod = build_pod(run, spec, run.status.branch, settings)
    except TemplateRefused as error:
        return words.failed(Problem(RunReason.POD_REFUSED, f"{error}."))
    pod["metadata"]["annotations"][BLUEPRINT_SPEC] = spec_as_text(spec)
    try:
        found = await kube.create(resources.pods(namespace), pod)
    except AlreadyExists:
        found = await kube.get(resources.pods(namespace, name))
    except (Invalid, Forbidden, Refused) as error:
        return words.pod_refused(name, error.message)
    if not owned_by(found, run):
        return words.pod_refused(name, "a pod of that name belongs to something else")
    cluster.pods.put(found)
    return None


async def delete_pod(kube: Kube, cluster: Cluster, run: AgentRun, grace: dt.timedelta) -> None:
    """Delete the pod of `run`, giving its containers `grace` to end by themselves."""
    pod = cluster.pod_of(run)
    if pod is None:
        return
    try:
        found = await kube.delete(
            resources.pods(run.metadata.namespace, pod["metadata"]["name"]),
            gracePeriodSeconds=int(grace.total_seconds()),
            preconditions={"uid": pod["metadata"]["uid"]},
        )
    except NotFound:
        cluster.pods.remove(dict(pod))
        return
    if found.get("kind") == "Pod":
        cluster.pods.put(found)
