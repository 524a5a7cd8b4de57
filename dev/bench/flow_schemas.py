"""Count what each client writes, on the API server itself.

Its metrics of requests name no client, but those of its flow control name the FlowSchema that a
request fell under: a FlowSchema for each kind of write by Deputy's service accounts counts them,
and gives them the priority that they have anyway.
"""

import contextlib
import re
from collections.abc import Mapping
from typing import Any

from deputy.api.meta import API_VERSION
from deputy.kube.client import Kube
from deputy.kube.errors import NotFound
from dev.bench.informer import until

_FOLDER = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas"
_WRITES = ["create", "update", "patch", "delete", "deletecollection"]
_PRECEDENCE = 500

#: What is told apart: API group and resources.
KINDS: Mapping[str, tuple[str, list[str]]] = {
    "runs": (API_VERSION.partition("/")[0], ["agentruns", "agentruns/status"]),
    "blueprints": (API_VERSION.partition("/")[0], ["blueprints", "blueprints/status"]),
    "pods": ("", ["pods"]),
    "records": ("", ["configmaps", "events"]),
    "leases": ("coordination.k8s.io", ["leases"]),
    "reviews": ("authentication.k8s.io", ["tokenreviews"]),
    "others": ("*", ["*"]),
}

_DISPATCHED = re.compile(
    r'^apiserver_flowcontrol_dispatched_requests_total\{flow_schema="deputy-bench-(\w+)",'
    r"[^}]*\} (\S+)$",
    re.MULTILINE,
)
_REQUESTS = re.compile(r"^apiserver_request_total\{([^}]*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
#: Resources that a run's life touches; leases and the like go on by themselves.
_TOUCHED = frozenset(
    {"agentruns", "pods", "configmaps", "events", "tokenreviews", "serviceaccounts"}
)


class FlowSchemas:
    """The FlowSchemas that count the writes of Deputy's service accounts in a namespace."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace

    async def make(self) -> None:
        """Make them, and return once the API server goes by them."""
        await self.remove()
        for number, (kind, (group, resources)) in enumerate(KINDS.items()):
            await self._kube.create(_FOLDER, self._schema(kind, group, resources, number))
        names = {f"deputy-bench-{kind}" for kind in KINDS}
        await until(self._kube, _FOLDER, lambda schemas: names <= set(schemas), 30)

    async def remove(self) -> None:
        """Delete them where they are there."""
        for kind in KINDS:
            with contextlib.suppress(NotFound):
                await self._kube.delete(f"{_FOLDER}/deputy-bench-{kind}")

    async def written(self) -> "Counts":
        """Return what was written so far."""
        text = await self._kube.text("/metrics")
        return Counts(ours_in(text), all_in(text))

    def _schema(self, kind: str, group: str, resources: list[str], number: int) -> dict[str, Any]:
        subjects = [
            {
                "kind": "ServiceAccount",
                "serviceAccount": {"name": name, "namespace": self._namespace},
            }
            for name in ("deputy-operator", "deputy-webhook", "deputy-workspace")
        ]
        rule = {
            "verbs": _WRITES,
            "apiGroups": [group],
            "resources": resources,
            "clusterScope": True,
            "namespaces": ["*"],
        }
        return {
            "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
            "kind": "FlowSchema",
            "metadata": {"name": f"deputy-bench-{kind}"},
            "spec": {
                "priorityLevelConfiguration": {"name": "workload-low"},
                "matchingPrecedence": _PRECEDENCE + number,
                "distinguisherMethod": {"type": "ByUser"},
                "rules": [{"subjects": subjects, "resourceRules": [rule]}],
            },
        }


class Counts:
    """Writes so far: ours by kind, and everybody's to what a run's life touches."""

    def __init__(self, ours: Mapping[str, float], everybody: float) -> None:
        self.ours = ours
        self.everybody = everybody

    def since(self, before: "Counts") -> "Counts":
        """Return what was written between two counts."""
        ours = {kind: self.ours.get(kind, 0) - before.ours.get(kind, 0) for kind in KINDS}
        return Counts(ours, self.everybody - before.everybody)

    @property
    def stored(self) -> float:
        """Our writes that are stored: reviews are answered and forgotten, leases go on anyway."""
        return sum(n for kind, n in self.ours.items() if kind not in ("reviews", "leases"))


def ours_in(text: str) -> dict[str, float]:
    """Return what each of our FlowSchemas let through."""
    counts = dict.fromkeys(KINDS, 0.0)
    for kind, count in _DISPATCHED.findall(text):
        counts[kind] = counts.get(kind, 0.0) + float(count)
    return counts


def all_in(text: str) -> float:
    """Return how often anybody wrote to what a run's life touches."""
    return sum(float(count) for labels, count in _REQUESTS.findall(text) if _is_write(labels))


def _is_write(labels: str) -> bool:
    request = dict(_LABEL.findall(labels))
    is_change = request.get("verb") in ("POST", "PUT", "PATCH", "DELETE", "APPLY")
    return is_change and not request.get("dry_run") and request.get("resource") in _TOUCHED
