"""Where objects are on the API server."""

from deputy.api.meta import API_VERSION

_GROUP = f"/apis/{API_VERSION}"


def agentruns(namespace: str, name: str = "") -> str:
    """Return the path of a namespace's runs, or of one."""
    return _path(f"{_GROUP}/namespaces/{namespace}/agentruns", name)


def blueprints(namespace: str, name: str = "") -> str:
    """Return the path of a namespace's Blueprints, or of one."""
    return _path(f"{_GROUP}/namespaces/{namespace}/blueprints", name)


def namespaces(name: str) -> str:
    """Return the path of a namespace."""
    return _path("/api/v1/namespaces", name)


def pods(namespace: str, name: str = "") -> str:
    """Return the path of a namespace's pods, or of one."""
    return _path(f"/api/v1/namespaces/{namespace}/pods", name)


def secrets(namespace: str, name: str = "") -> str:
    """Return the path of a namespace's Secrets, or of one."""
    return _path(f"/api/v1/namespaces/{namespace}/secrets", name)


def configmaps(namespace: str, name: str = "") -> str:
    """Return the path of a namespace's ConfigMaps, or of one."""
    return _path(f"/api/v1/namespaces/{namespace}/configmaps", name)


def events(namespace: str, name: str = "") -> str:
    """Return the path of a namespace's Events, or of one."""
    return _path(f"/api/v1/namespaces/{namespace}/events", name)


def leases(namespace: str, name: str = "") -> str:
    """Return the path of a namespace's Leases, or of one."""
    return _path(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases", name)


#: Where tokens are reviewed.
TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105  a path, not a token


def resource_of(path: str) -> str:
    """Return the resource of a path, with its subresource: `pods`, `agentruns/status`."""
    _, namespaced, rest = path.partition("/namespaces/")
    if not namespaced:
        return path.rpartition("/")[2]
    _, resource, *others = rest.split("/")
    return "/".join((resource, *others[1:]))


def _path(folder: str, name: str) -> str:
    return f"{folder}/{name}" if name else folder
