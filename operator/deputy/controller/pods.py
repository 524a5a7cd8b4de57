"""Create and delete the pods of runs; both may be repeated."""

import datetime as dt

from deputy.api.agentrun import AgentRun
from deputy.api.blueprint import BlueprintSpec
from deputy.controller.cluster import BLUEPRINT_SPEC, Cluster, spec_as_text
from deputy.core import words
from deputy.core.ending import Ending
from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.errors import AlreadyExists, Forbidden, Invalid, NotFound
from deputy.kube.workspace import WorkspaceSettings, build_pod


async def create_pod(
    kube: Kube,
    cluster: Cluster,
    run: AgentRun,
    spec: BlueprintSpec,
    settings: WorkspaceSettings,
) -> Ending | None:
    """Create the pod of `run`, or find that it is there; return why it can never be."""
    pod = build_pod(run, spec, run.status.branch, settings)
    pod["metadata"]["annotations"][BLUEPRINT_SPEC] = spec_as_text(spec)
    namespace, name = run.metadata.namespace, pod["metadata"]["name"]
    try:
        found = await kube.create(resources.pods(namespace), pod)
    except AlreadyExists:
        found = await kube.get(resources.pods(namespace, name))
    except (Invalid, Forbidden) as error:
        return words.pod_refused(name, error.message)
    if (found["metadata"].get("labels") or {}).get("deputy.dev/run") != run.metadata.uid:
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
