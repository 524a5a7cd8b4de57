"""The Kopf shell: every change of what we care about goes into a store and a queue.

`on.event` alone, with storages that store nothing: Kopf writes no annotations, sets no
finalizers and keeps no state of ours (../../docs/decisions/0001-kopf-on-event.md).
"""

import dataclasses
import logging
import os
from collections.abc import Callable
from typing import Any

import kopf

from deputy.api.meta import GROUP, VERSION
from deputy.controller.cluster import Cluster, Key
from deputy.settings import OperatorSettings

_OURS = "app.kubernetes.io/component=workspace"


@dataclasses.dataclass(frozen=True, slots=True)
class Listeners:
    """Who is told of which changes."""

    run_changed: Callable[[Key], None]
    run_gone: Callable[[dict[str, Any]], None]
    blueprint_changed: Callable[[Key], None]


class _NoProgress(kopf.ProgressStorage):
    """Progress of handlers that have none."""

    def fetch(self, **_: Any) -> None:
        """Know nothing."""

    def store(self, **_: Any) -> None:
        """Write nothing."""

    def purge(self, **_: Any) -> None:
        """Write nothing."""

    def touch(self, **_: Any) -> None:
        """Write nothing."""

    def clear(self, *, essence: Any) -> Any:
        """Leave the object as it is."""
        return essence


class _NoDiffBase(kopf.DiffBaseStorage):
    """Differences that nobody asks for."""

    def build(self, **_: Any) -> Any:
        """Copy nothing."""
        return {}

    def fetch(self, **_: Any) -> None:
        """Know nothing."""

    def store(self, **_: Any) -> None:
        """Write nothing."""


def registry_of(
    cluster: Cluster, listeners: Listeners, settings: OperatorSettings
) -> kopf.OperatorRegistry:
    """Return the handlers: each puts what it got where it belongs, and decides nothing."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        if settings.kubeconfig is None:
            return kopf.login_with_service_account(**kwargs)
        os.environ["KUBECONFIG"] = str(settings.kubeconfig)
        return kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.event(GROUP, VERSION, "agentruns", registry=registry)
    async def agentrun(event: Any, **_: Any) -> None:
        body = dict(event["object"])
        if event["type"] == "DELETED":
            cluster.runs.remove(body)
            listeners.run_gone(body)
        elif cluster.runs.put(body):
            listeners.run_changed(_key(body))

    @kopf.on.event(GROUP, VERSION, "blueprints", registry=registry)
    async def blueprint(event: Any, **_: Any) -> None:
        body = dict(event["object"])
        if event["type"] == "DELETED":
            cluster.blueprints.remove(body)
        else:
            cluster.blueprints.put(body)
        listeners.blueprint_changed(_key(body))

    @kopf.on.event("", "v1", "pods", labels={"deputy.dev/run": kopf.PRESENT}, registry=registry)
    async def pod(event: Any, **_: Any) -> None:
        body = dict(event["object"])
        if event["type"] == "DELETED":
            cluster.pods.remove(body)
        else:
            cluster.pods.put(body)
        for owner in body["metadata"].get("ownerReferences") or ():
            if owner["kind"] == "AgentRun":
                listeners.run_changed((body["metadata"]["namespace"], owner["name"]))

    return registry


def kopf_settings() -> kopf.OperatorSettings:
    """Return settings with everything off that writes or scans."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.queueing.worker_limit = None
    settings.persistence.progress_storage = _NoProgress()
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.watching.label_selectors["", "v1", "pods"] = _OURS
    # The server cuts watches under bursts: resume at once.
    settings.watching.reconnect_backoff = 0.05
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    return settings


def _key(body: dict[str, Any]) -> Key:
    return body["metadata"]["namespace"], body["metadata"]["name"]
