"""The kinds of objects that the fake API server serves, and where they are."""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import yaml

Object: TypeAlias = dict[str, Any]

_CRDS = pathlib.Path(__file__).resolve().parents[3] / "crds"

_FIELDS = ("metadata.name", "metadata.namespace")


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of object, and what is special about how the API server treats it."""

    group: str
    version: str
    plural: str
    name: str
    namespaced: bool = True
    #: Its status is a resource of its own, which the main one never changes.
    has_status: bool = False
    #: Its generation grows with its spec.
    has_generation: bool = False
    #: It is replaced only by who names the resourceVersion that is replaced.
    needs_version: bool = False
    #: Replacing what is not there creates it.
    put_creates: bool = False
    #: Deleting gives its containers time to end.
    graceful: bool = False
    #: Deleting answers with the object and not with a Status.
    returns_deleted: bool = False
    #: The schema of a custom resource.
    schema: Mapping[str, Any] | None = None
    #: What a field selector may name.
    selectable: tuple[str, ...] = _FIELDS

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """Return how messages name the resource: `pods`, `agentruns.deputy.dev`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def group_kind(self) -> str:
        """Return how messages name the kind: `Pod`, `AgentRun.deputy.dev`."""
        return f"{self.name}.{self.group}" if self.group else self.name

    @property
    def root(self) -> str:
        """Return the path of all objects of the kind."""
        return (
            f"/apis/{self.api_version}/{self.plural}"
            if self.group
            else f"/api/{self.version}/{self.plural}"
        )

    def path(self, namespace: str, name: str = "") -> str:
        """Return the path of the objects of a namespace, or of one."""
        folder, _, plural = self.root.rpartition("/")
        parts = [folder, *(("namespaces", namespace) if self.namespaced else ()), plural, name]
        return "/".join(part for part in parts if part)


NAMESPACE = Kind(
    "", "v1", "namespaces", "Namespace", namespaced=False, has_status=True, returns_deleted=True
)
POD = Kind(
    "",
    "v1",
    "pods",
    "Pod",
    has_status=True,
    has_generation=True,
    graceful=True,
    returns_deleted=True,
    selectable=(*_FIELDS, "spec.nodeName", "spec.restartPolicy", "status.phase", "status.podIP"),
)
CONFIG_MAP = Kind("", "v1", "configmaps", "ConfigMap")
SECRET = Kind("", "v1", "secrets", "Secret", selectable=(*_FIELDS, "type"))
SERVICE_ACCOUNT = Kind("", "v1", "serviceaccounts", "ServiceAccount", returns_deleted=True)
EVENT = Kind("", "v1", "events", "Event")
LEASE = Kind("coordination.k8s.io", "v1", "leases", "Lease", needs_version=True, put_creates=True)
TOKEN_REVIEW = Kind("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False)


@functools.cache
def served() -> tuple[Kind, ...]:
    """Return every kind that is served: those of Kubernetes that we use, and ours."""
    core = (NAMESPACE, POD, CONFIG_MAP, SECRET, SERVICE_ACCOUNT, EVENT, LEASE, TOKEN_REVIEW)
    return core + tuple(_custom(path) for path in sorted(_CRDS.glob("*.yaml")))


def _custom(path: pathlib.Path) -> Kind:
    spec = yaml.safe_load(path.read_text())["spec"]
    (version,) = spec["versions"]
    fields = (field["jsonPath"].removeprefix(".") for field in version.get("selectableFields", ()))
    return Kind(
        spec["group"],
        version["name"],
        spec["names"]["plural"],
        spec["names"]["kind"],
        has_status="status" in version.get("subresources", ()),
        has_generation=True,
        needs_version=True,
        schema=version["schema"]["openAPIV3Schema"],
        selectable=(*_FIELDS, *fields),
    )


def kind_of(body: Mapping[str, Any]) -> Kind:
    """Return the kind of a manifest; raise `LookupError` where it is not served."""
    for kind in served():
        if (kind.api_version, kind.name) == (body.get("apiVersion"), body.get("kind")):
            return kind
    raise LookupError(f"no {body.get('apiVersion')} {body.get('kind')} is served here")


@dataclasses.dataclass(frozen=True, slots=True)
class Location:
    """What a path names: all objects of a kind, those of a namespace, one, or a part of one."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.name

    @property
    def resource(self) -> str:
        """Return the resource with its subresource: `pods`, `agentruns/status`."""
        return "/".join(filter(None, (self.kind.plural, self.subresource)))


@functools.lru_cache(maxsize=4096)
def locate(path: str) -> Location | None:
    """Return what `path` names; None where nothing of that kind is served."""
    parts = path.strip("/").split("/")
    group_version = "/".join(parts[1:3]) if parts[0] == "apis" else parts[1] if parts[1:] else ""
    rest = parts[3:] if parts[0] == "apis" else parts[2:]
    namespace = ""
    if rest[0:1] == ["namespaces"] and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    if not rest or len(rest) > 3:
        return None
    kind = _kinds().get((parts[0], group_version, rest[0]))
    if kind is None or (namespace and not kind.namespaced):
        return None
    name, subresource = (*rest[1:], "", "")[:2]
    return Location(kind, namespace, name, subresource)


@functools.cache
def _kinds() -> dict[tuple[str, str, str], Kind]:
    return {
        ("apis" if kind.group else "api", kind.api_version, kind.plural): kind for kind in served()
    }
