"""Read from a pod what became of it. Pure: the API server's words in, ours out."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from deputy.api.names import ATTEMPT_ANNOTATION
from deputy.core.observed import PodSeen
from deputy.core.outcome import Problem
from deputy.core.reason import RunReason

#: How long an image may fail to come, and a pod find no node, before the run fails of it.
PULL_TIMEOUT = dt.timedelta(seconds=30)
SCHEDULE_TIMEOUT = dt.timedelta(minutes=15)
#: Restarts of the sidecar after which it is taken for broken.
MAX_RESTARTS = 10

#: Exit code of a process that was ended by SIGKILL.
_KILLED = 137

_PULL = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "RegistryUnavailable"}
_HOPELESS = {"InvalidImageName"}
_CONFIG = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}


#: So long after its time a node takes at most to clear up a pod; a forced deletion leaves no time.
_CLEARED_UP = dt.timedelta(seconds=10)


def pod_seen(
    pod: Mapping[str, Any], now: dt.datetime, stuck_since: Mapping[str, dt.datetime]
) -> PodSeen:
    """Return what is seen of `pod` at `now`; `stuck_since` is what `stuck_containers` told."""
    status = pod.get("status") or {}
    annotations = pod["metadata"].get("annotations") or {}
    grace = pod["metadata"].get("deletionGracePeriodSeconds")
    return PodSeen(
        attempt=int(annotations.get(ATTEMPT_ANNOTATION, "1")),
        deleting="deletionTimestamp" in pod["metadata"],
        grace=dt.timedelta(seconds=grace) if grace is not None else None,
        over=status.get("phase") in ("Succeeded", "Failed"),
        problem=_problem(pod, status, now, stuck_since),
        killed=_killed(pod, status),
        serving_since=_serving_since(status),
        overdue=is_overdue(pod, now),
        abandoned=is_overdue(pod, now - _CLEARED_UP),
    )


def is_overdue(pod: Mapping[str, Any], now: dt.datetime) -> bool:
    """Say whether a pod should be gone by now: quotas stop to count it at the same moment."""
    metadata = pod["metadata"]
    if "deletionTimestamp" not in metadata:
        return False
    ends = dt.datetime.fromisoformat(metadata["deletionTimestamp"])
    return now > ends + dt.timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0)


def stuck_containers(
    pod: Mapping[str, Any], before: Mapping[str, dt.datetime], now: dt.datetime
) -> dict[str, dt.datetime]:
    """Return since when each container was seen to wait for what may never come.

    Kubernetes does not tell, and a pod may have been pulling for long before something went wrong:
    `before` is what this returned when the pod was looked at last.
    """
    names = [
        container["name"]
        for container in _containers(pod.get("status") or {})
        if _waiting(container).get("reason") in _PULL | _CONFIG
    ]
    return {name: before.get(name, now) for name in names}


def _serving_since(status: Mapping[str, Any]) -> dt.datetime | None:
    for container in status.get("initContainerStatuses") or ():
        running = (container.get("state") or {}).get("running")
        if container["name"] == "status-sync" and running:
            return dt.datetime.fromisoformat(running["startedAt"])
    return None


def _killed(pod: Mapping[str, Any], status: Mapping[str, Any]) -> Problem | None:
    """Return why the agent's container was killed, where neither a person nor the node ended it.

    A kernel that is short of memory ends a whole container; the pod outlives it by the time that
    the sidecar takes to save the work.
    """
    if "deletionTimestamp" in pod["metadata"] or status.get("reason"):
        return None
    for container in status.get("containerStatuses") or ():
        ended = (container.get("state") or {}).get("terminated") or {}
        if container["name"] == "agent" and ended.get("exitCode") == _KILLED:
            return _ended("agent", ended)
    return None


def _problem(
    pod: Mapping[str, Any],
    status: Mapping[str, Any],
    now: dt.datetime,
    stuck_since: Mapping[str, dt.datetime],
) -> Problem | None:
    if status.get("phase") == "Failed":
        return _failure(status)
    age = now - dt.datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
    for container in _containers(status):
        stuck = now - stuck_since.get(container["name"], now)
        if problem := _stuck(container, stuck):
            return problem
    return _unschedulable(status, age)


def _containers(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _waiting(container: Mapping[str, Any]) -> Mapping[str, Any]:
    waiting: Mapping[str, Any] = (container.get("state") or {}).get("waiting") or {}
    return waiting


def _stuck(container: Mapping[str, Any], stuck: dt.timedelta) -> Problem | None:
    """Return why a container that waits will never start."""
    waiting = _waiting(container)
    reason, image = waiting.get("reason", ""), container.get("image", "")
    said = waiting.get("message", reason)
    if reason in _HOPELESS or (reason in _PULL and stuck > PULL_TIMEOUT):
        return Problem(
            RunReason.IMAGE_PULL_FAILED,
            f"image `{image}` cannot be pulled ({said}); correct `spec.agent.image` of the "
            "Blueprint, or give the namespace the pull secret that it needs.",
        )
    if reason in _CONFIG and stuck > PULL_TIMEOUT:
        return Problem(
            RunReason.POD_REFUSED,
            f"container `{container['name']}` cannot be created ({said}); correct "
            "`spec.agent` of the Blueprint.",
        )
    if reason == "CrashLoopBackOff" and container.get("restartCount", 0) > MAX_RESTARTS:
        return Problem(
            RunReason.AGENT_LOST,
            f"container `{container['name']}` keeps crashing ({said}); look at its log.",
        )
    return None


def _unschedulable(status: Mapping[str, Any], age: dt.timedelta) -> Problem | None:
    for condition in status.get("conditions") or ():
        if condition.get("reason") == "Unschedulable" and age > SCHEDULE_TIMEOUT:
            return Problem(
                RunReason.UNSCHEDULABLE,
                f"no node takes the workspace ({condition.get('message', '')}); ask for less in "
                "`spec.workspace.resources` of the Blueprint, or add nodes.",
            )
    return None


def _failure(status: Mapping[str, Any]) -> Problem:
    """Return why a pod failed, by the first container that tells."""
    if status.get("reason") == "Evicted":
        return Problem(
            RunReason.POD_EVICTED,
            f"the node evicted the workspace ({status.get('message', '')}); raise "
            "`spec.workspace.storage` or `spec.workspace.resources` of the Blueprint.",
        )
    if status.get("reason") == "DeadlineExceeded":
        return Problem(RunReason.TIMED_OUT, "the workspace outlived its time limit.")
    for container in _containers(status):
        ended = (container.get("state") or {}).get("terminated") or {}
        if ended.get("exitCode") and (problem := _ended(container["name"], ended)):
            return problem
    return Problem(
        RunReason.AGENT_LOST,
        f"the workspace's pod failed ({status.get('message') or 'no reason given'}); look at "
        "its log, which is kept in a ConfigMap of the run.",
    )


def _ended(name: str, ended: Mapping[str, Any]) -> Problem | None:
    said = str(ended.get("message", "")).strip()[-500:] or f"exit code {ended['exitCode']}"
    out_of_memory = ended.get("reason") == "OOMKilled"
    if out_of_memory and name not in ("prepare", "status-sync"):
        return Problem(
            RunReason.OOM_KILLED,
            f"container `{name}` needed more memory than it may have; raise "
            "`spec.workspace.resources.limits.memory` of the Blueprint.",
        )
    if name == "prepare" and out_of_memory:
        return Problem(
            RunReason.PREPARE_FAILED,
            f"the workspace could not be prepared: {said}, for want of memory; raise that of "
            "`prepare` in `spec.workspace.podTemplate.spec.initContainers` of the Blueprint.",
        )
    if name == "prepare":
        return Problem(RunReason.PREPARE_FAILED, f"the workspace could not be prepared: {said}")
    if name == "setup":
        return Problem(
            RunReason.SETUP_FAILED,
            f"`spec.workspace.setupCommand` of the Blueprint failed: {said}",
        )
    if name == "agent" and ended["exitCode"] == _KILLED:
        return Problem(
            RunReason.AGENT_KILLED,
            "the agent's container was killed from outside (SIGKILL); if its node was short of "
            "memory, set `spec.workspace.resources` of the Blueprint to what the agent needs.",
        )
    if name == "agent":
        return Problem(
            RunReason.AGENT_LOST,
            f"the agent's container ended from outside ({said}); look at the node's events.",
        )
    return None
