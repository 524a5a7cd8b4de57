"""Merge a Blueprint's pod template over the pod that Deputy builds. Pure: nothing is changed.

What security rests on is not for a template: whatever is not named here as open stays as Deputy
built it, so that a field that a later Kubernetes brings is closed until somebody has looked at it.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from deputy.api.blueprint import BlueprintSpec
from deputy.api.names import PREFIX
from deputy.errors import DeputyError

#: Volumes that only Deputy's own containers mount.
PRIVATE = frozenset({"outbox", "relay-token", "sidecar-tmp"})

#: Fields of a pod's spec that a template may set; its containers and volumes are looked through.
_OPEN = frozenset(
    {
        "affinity",
        "dnsConfig",
        "dnsPolicy",
        "hostAliases",
        "hostname",
        "imagePullSecrets",
        "nodeSelector",
        "overhead",
        "preemptionPolicy",
        "priorityClassName",
        "resourceClaims",
        "runtimeClassName",
        "schedulerName",
        "subdomain",
        "tolerations",
        "topologySpreadConstraints",
    }
)

#: Fields of a container that a template may set.
_OPEN_IN_CONTAINERS = frozenset(
    {
        "args",
        "command",
        "env",
        "envFrom",
        "image",
        "imagePullPolicy",
        "name",
        "ports",
        "resources",
        "terminationMessagePath",
        "terminationMessagePolicy",
        "volumeMounts",
        "workingDir",
    }
)

#: Fields that a template may set of the containers that come before the agent's, which are ours.
_OPEN_BEFORE = frozenset({"name", "resources"})

#: Deeper than anything that Kubernetes knows, and far from what Python can walk.
_MAX_DEPTH = 32

#: Kinds of volumes that reach neither the node's files nor a service account's token.
_VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
_PROJECTED = frozenset({"clusterTrustBundle", "configMap", "downwardAPI", "secret"})

#: Annotations that an old way of AppArmor reads.
_CLOSED_ANNOTATIONS = (PREFIX, "container.apparmor.security.beta.kubernetes.io/")

#: Lists in a container that merge by a field of their entries, as a strategic merge does.
_KEYS = {"env": "name", "volumeMounts": "mountPath"}


class TemplateRefused(DeputyError):
    """A pod template that is none; the message names the field and what it has to be."""


def merged(
    spec: Mapping[str, Any], template: Mapping[str, Any], security_context: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the pod's `spec` with `template` merged over it; raise `TemplateRefused`.

    Every container outside of `initContainers` gets `security_context`.
    """
    wanted = copy.deepcopy(dict(template))
    result = copy.deepcopy(dict(spec))
    result |= {k: v for k, v in wanted.items() if k in _OPEN and v is not None}
    before = _by_key(wanted.get("initContainers"), "name", "spec.initContainers")
    result["initContainers"] = _with_resources(result["initContainers"], before)
    containers = _by_key(wanted.get("containers"), "name", "spec.containers")
    result["containers"] = [
        _contained(container, security_context)
        for container in _merge_lists(result["containers"], containers, "name")
    ]
    volumes = _by_key(wanted.get("volumes"), "name", "spec.volumes")
    ours = {volume["name"] for volume in result["volumes"]}
    result["volumes"] += [
        volume for name, volume in volumes.items() if name not in ours and _is_harmless(volume)
    ]
    return result


def added_metadata(metadata: Mapping[str, Any], field: str) -> dict[str, str]:
    """Return the labels or annotations that a template adds; ours are not for it to set."""
    wanted = metadata.get(field) or {}
    if not isinstance(wanted, Mapping):
        raise TemplateRefused(f"{_path(f'metadata.{field}')} is not a map; make it one")
    for name, value in wanted.items():
        if not isinstance(value, str):
            raise TemplateRefused(f"{_path(f'metadata.{field}')} has no text for `{name}`")
    texts = {str(name): str(value) for name, value in wanted.items()}
    return {k: v for k, v in texts.items() if not k.startswith(_CLOSED_ANNOTATIONS)}


def check_depth(blueprint: BlueprintSpec) -> None:
    """Raise `TemplateRefused` where something of a pod is nested deeper than any pod can be."""
    agent, workspace = blueprint.agent, blueprint.workspace
    for field, value in {
        "spec.workspace.podTemplate.spec": workspace.pod_template.spec,
        "spec.workspace.podTemplate.metadata": workspace.pod_template.metadata,
        "spec.workspace.resources": workspace.resources,
        "spec.agent.env": agent.env,
        "spec.agent.envFrom": agent.env_from,
    }.items():
        if _is_deep(value):
            raise TemplateRefused(f"{field} of the Blueprint is nested too deeply")


def without_private(env: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return `env` without variables that would be read from a file of Deputy's own volumes."""
    return [dict(variable) for variable in env if not _reads_private(variable)]


def _is_deep(value: Any) -> bool:
    # Level by level: a recursion would end where it has to answer.
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [inner for outer in level for inner in _inner(outer)]
        if not level:
            return False
    return True


def _inner(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else ()


def _path(field: str) -> str:
    return f"spec.workspace.podTemplate.{field} of the Blueprint"


def _by_key(entries: Any, key: str, field: str) -> dict[str, dict[str, Any]]:
    """Return a list's `entries` by the value of `key` in each; raise `TemplateRefused`."""
    if entries is None:
        return {}
    if not isinstance(entries, list):
        raise TemplateRefused(f"{_path(field)} is not a list; make it one")
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get(key), str):
            raise TemplateRefused(f"{_path(field)} has an entry without `{key}`; give it one")
    by_key = {entry[key]: entry for entry in entries}
    if len(by_key) != len(entries):
        raise TemplateRefused(f"{_path(field)} has two entries with one `{key}`; leave one out")
    return by_key


def _with_resources(
    containers: Iterable[dict[str, Any]], wanted: Mapping[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return Deputy's `containers` with the resources that are `wanted`: nothing else is open."""
    ours = {container["name"]: container for container in containers}
    for name, container in wanted.items():
        field = _path(f"spec.initContainers of `{name}`")
        if name not in ours:
            raise TemplateRefused(f"{field} adds a container; there are {', '.join(ours)}")
        closed = sorted(str(key) for key in container.keys() - _OPEN_BEFORE)
        if closed:
            raise TemplateRefused(f"{field} may set `resources` alone, not `{closed[0]}`")
        _check_resources(container.get("resources"), field)
    return [_merge(container, _given(wanted.get(name, {}))) for name, container in ours.items()]


def _given(container: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in container.items() if value is not None}


def _check_resources(resources: Any, field: str) -> None:
    if resources is None:
        return
    if not isinstance(resources, Mapping) or resources.keys() - {"limits", "requests"}:
        raise TemplateRefused(f"{field}: `resources` is not a map of `limits` and `requests`")
    for kind, amounts in resources.items():
        if not isinstance(amounts, Mapping) or not all(map(_is_amount, amounts.values())):
            raise TemplateRefused(f"{field}: `resources.{kind}` is not a map of amounts")


def _is_amount(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _merge_lists(
    base: Iterable[dict[str, Any]], wanted: Mapping[str, dict[str, Any]], key: str
) -> list[dict[str, Any]]:
    new = dict(wanted)
    kept = [_merge(old, new.pop(old[key], {})) for old in base]
    return kept + list(new.values())


def _merge(base: dict[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `wanted` merged over it, lists of keyed things by their keys."""
    result = dict(base)
    for name, value in wanted.items():
        old = base.get(name)
        if name in _KEYS and isinstance(old, list):
            key = _KEYS[name]
            result[name] = _merge_lists(old, _by_key(value, key, f"spec.containers.{name}"), key)
        elif isinstance(old, dict) and isinstance(value, Mapping):
            result[name] = _merge(old, value)
        else:
            result[name] = value
    return result


def _contained(container: Mapping[str, Any], security_context: Mapping[str, Any]) -> dict[str, Any]:
    """Return `container` without what a template may not give it."""
    result = {k: v for k, v in container.items() if k in _OPEN_IN_CONTAINERS and v is not None}
    for name, key in _KEYS.items():
        if name in result:
            result[name] = list(_by_key(result[name], key, f"spec.containers.{name}").values())
    if "env" in result:
        result["env"] = without_private(result["env"])
    if "volumeMounts" in result:
        mounts = result["volumeMounts"]
        result["volumeMounts"] = [mount for mount in mounts if not _is_private(mount.get("name"))]
    if "ports" in result:
        result["ports"] = [_without_host(port) for port in _listed(result["ports"])]
    return result | {"securityContext": dict(security_context)}


def _listed(ports: Any) -> list[dict[str, Any]]:
    if not isinstance(ports, list) or not all(isinstance(port, dict) for port in ports):
        raise TemplateRefused(f"{_path('spec.containers.ports')} is not a list of maps")
    return ports


def _without_host(port: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in port.items() if k not in ("hostPort", "hostIP")}


def _reads_private(variable: Mapping[str, Any]) -> bool:
    source = variable.get("valueFrom")
    file = source.get("fileKeyRef") if isinstance(source, Mapping) else None
    return isinstance(file, Mapping) and _is_private(file.get("volumeName"))


def _is_private(name: Any) -> bool:
    return isinstance(name, str) and name in PRIVATE


def _is_harmless(volume: Mapping[str, Any]) -> bool:
    """Say whether `volume` is of a kind that any container may mount."""
    kinds = {kind: what for kind, what in volume.items() if kind != "name" and what is not None}
    if not kinds.keys() <= _VOLUMES:
        return False
    if "projected" not in kinds:
        return True
    sources = kinds["projected"].get("sources") if isinstance(kinds["projected"], dict) else None
    return isinstance(sources, list) and all(
        isinstance(source, dict)
        and {kind for kind, what in source.items() if what is not None} <= _PROJECTED
        for source in sources
    )
