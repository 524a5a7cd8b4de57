"""Keep the end of a pod's logs: compressed, bounded, in one ConfigMap that the run owns."""

import asyncio
import base64
import gzip
from typing import Any

import structlog

from deputy.api.agentrun import AgentRun
from deputy.api.facts import attempt_of, owner_of
from deputy.api.names import COMPONENT_LABEL, log_name, pod_name
from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.errors import AlreadyExists, KubeError, Unavailable
from deputy.workspace.pod import labels_of

_LOG = structlog.stdlib.get_logger(__name__)

_CONTAINERS = ("prepare", "setup", "status-sync", "agent")

#: Bytes of each container's log; a ConfigMap holds a mebibyte.
_MAX_LOG = 192 * 1024

#: Seconds that a node may take to hand out a log: a run does not end before this is settled.
_LOG_TIMEOUT = 10.0


async def save_log(kube: Kube, run: AgentRun) -> None:
    """Save the logs of the pod of `run`; a pod without any leaves none, and nothing fails."""
    name = pod_name(run.metadata.name, attempt_of(run))
    texts = await asyncio.gather(
        *(_log_of(kube, run.metadata.namespace, name, container) for container in _CONTAINERS)
    )
    logs = {
        f"{container}.log.gz": _packed(text)
        for container, text in zip(_CONTAINERS, texts, strict=True)
        if text
    }
    if not logs:
        return
    path = resources.configmaps(run.metadata.namespace)
    try:
        await kube.create(path, _config_map(log_name(name), run, logs))
    except AlreadyExists:
        # Saved before a crash; the pod may be half gone now, so the older one is the better.
        return
    except Unavailable:
        raise
    except KubeError as error:
        _LOG.warning("the log could not be kept", run=run.metadata.name, error=str(error))


def _config_map(name: str, run: AgentRun, logs: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "labels": labels_of(run) | {COMPONENT_LABEL: "log"},
            "ownerReferences": [owner_of(run)],
        },
        "binaryData": logs,
    }


async def _log_of(kube: Kube, namespace: str, pod: str, container: str) -> str:
    path = resources.pods(namespace, pod) + "/log"
    try:
        async with asyncio.timeout(_LOG_TIMEOUT):
            return await kube.text(
                path, container=container, tailLines="2000", limitBytes=str(_MAX_LOG)
            )
    except (KubeError, TimeoutError):
        # The container never started, or its node is gone: there is nothing to keep.
        return ""


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode()[-_MAX_LOG:], mtime=0)).decode()
