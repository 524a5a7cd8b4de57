"""Reserve the name of a run in the whole installation, before it is created in one namespace.

A name is unique in its namespace only, and two replicas may route an issue to two of them at the
moment in which its Blueprint moves. So the name is reserved first, as an Event in our own
namespace: creating it has one winner, it says to whom it may concern where the run is, and the API
server forgets it after an hour, long after every replica has heard of the move.
"""

import copy
import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from deputy.api.meta import timestamp
from deputy.api.names import BLUEPRINT_ANNOTATION, NAMESPACE_ANNOTATION, labels
from deputy.core.claim_facts import RunFacts
from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.errors import AlreadyExists, NotFound
from deputy.webhook.runs import NewRun

#: How long a run may take from its reservation to its creation.
_CREATED_WITHIN = dt.timedelta(minutes=1)


class EventReservations:
    """Reserves names; any number of replicas may do so at once."""

    def __init__(
        self, kube: Kube, namespace: str, pod_name: str, now: Callable[[], dt.datetime]
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._pod_name = pod_name
        self._now = now

    async def reserve(self, run: NewRun) -> NewRun | None:
        """Return the run where it may be created, which is where its name is reserved for.

        None where the name was used for a run that is not there any more.
        """
        try:
            await self._kube.create(resources.events(self._namespace), self._event(run))
        except AlreadyExists:
            return await self._reserved(run)
        return run

    async def is_reserved(self, run: RunFacts) -> bool:
        """Whether the name of a run is reserved for the namespace that it is in."""
        try:
            event = await self._kube.get(resources.events(self._namespace, run.name))
        except NotFound:
            return False
        annotations = event["metadata"].get("annotations") or {}
        return bool(annotations.get(NAMESPACE_ANNOTATION) == run.namespace)

    async def _reserved(self, run: NewRun) -> NewRun | None:
        try:
            event = await self._kube.get(resources.events(self._namespace, run.name))
        except NotFound:
            return None
        reserved = moved(run, event["metadata"].get("annotations") or {})
        since = dt.datetime.fromisoformat(event["metadata"]["creationTimestamp"])
        if self._now() - since <= _CREATED_WITHIN or await self._exists(reserved):
            return reserved
        return None

    async def _exists(self, run: NewRun) -> bool:
        try:
            await self._kube.get(resources.agentruns(run.namespace, run.name))
        except NotFound:
            return False
        return True

    def _event(self, run: NewRun) -> dict[str, Any]:
        now = self._now()
        blueprint = run.body["spec"]["blueprintRef"]["name"]
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": run.name,
                "namespace": self._namespace,
                "labels": labels("webhook", managed_by="deputy"),
                "annotations": {
                    NAMESPACE_ANNOTATION: run.namespace,
                    BLUEPRINT_ANNOTATION: blueprint,
                },
            },
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Pod",
                "namespace": self._namespace,
                "name": self._pod_name,
            },
            "type": "Normal",
            "reason": "Claimed",
            "message": f"run {run.name} goes to namespace {run.namespace}",
            "source": {"component": "deputy-webhook"},
            "firstTimestamp": timestamp(now),
            "lastTimestamp": timestamp(now),
            "count": 1,
        }


def moved(run: NewRun, annotations: Mapping[str, str]) -> NewRun:
    """Return `run` as it is to be created where its name is reserved for."""
    namespace = annotations.get(NAMESPACE_ANNOTATION, run.namespace)
    body: dict[str, Any] = copy.deepcopy(dict(run.body))
    body["metadata"]["namespace"] = namespace
    blueprint = body["spec"]["blueprintRef"]["name"]
    body["spec"]["blueprintRef"]["name"] = annotations.get(BLUEPRINT_ANNOTATION, blueprint)
    return dataclasses.replace(run, namespace=namespace, body=body)
