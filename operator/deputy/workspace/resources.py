"""How much an agent may take of its node where its Blueprint does not say. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from deputy.workspace.quantity import bytes_of, mebibytes

#: Enough for most agents and the tests that they run; no agent takes a whole node.
_MEMORY = "4Gi"
#: What a container may write beside its volumes, its log included.
_OWN_FILES = 4 * 1024**3
#: What is reserved by default: little, because most of an agent's time is waiting for its model.
_RESERVED = "64Mi"


def with_default_limits(
    containers: Iterable[Mapping[str, Any]], volumes: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return `containers`, of which those of the agent's image have limits.

    Kubernetes counts what is in a pod's volumes as well, so that limit is above all `volumes`.
    """
    limits = {"memory": _MEMORY, "ephemeral-storage": mebibytes(_held(volumes) + _OWN_FILES)}
    return [
        {**container, "resources": _limited(container.get("resources"), limits)}
        if container["name"] in ("agent", "setup")
        else dict(container)
        for container in containers
    ]


def _limited(resources: Any, defaults: Mapping[str, str]) -> Any:
    """Return `resources` with `defaults`; what is malformed stays for the API server to refuse."""
    known = {} if resources is None else resources
    if not isinstance(known, Mapping):
        return known
    limits, requests = ({} if known.get(k) is None else known[k] for k in ("limits", "requests"))
    if not isinstance(limits, Mapping) or not isinstance(requests, Mapping):
        return known
    missing = {name: limit for name, limit in defaults.items() if limits.get(name) is None}
    reserved = {name: requests.get(name) or _RESERVED for name in missing}
    allowed = {name: _no_less(limit, reserved[name]) for name, limit in missing.items()}
    return {**known, "limits": {**limits, **allowed}, "requests": {**requests, **reserved}}


def _no_less(limit: str, request: Any) -> Any:
    """Return `limit`, or the `request` that is above it or written as only Kubernetes reads it."""
    try:
        return request if bytes_of(str(request)) > bytes_of(limit) else limit
    except ValueError:
        return request


def _held(volumes: Iterable[Mapping[str, Any]]) -> int:
    """Return how much the `volumes` with a limit may hold of the node's disk."""
    count = 0
    for volume in volumes:
        directory = volume.get("emptyDir")
        if isinstance(directory, Mapping) and directory.get("medium") != "Memory":
            count += _size(directory.get("sizeLimit"))
    return count


def _size(quantity: Any) -> int:
    try:
        return bytes_of(str(quantity))
    except ValueError:
        return 0
