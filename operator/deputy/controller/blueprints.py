"""Bring a Blueprint's status up to what its names stand for and how many runs it has."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import structlog

from deputy.api.blueprint import Blueprint
from deputy.api.meta import timestamp
from deputy.controller import status
from deputy.controller.judgement import BlueprintJudge
from deputy.controller.slots import Slots
from deputy.core.admission import holds_slot, is_queued
from deputy.core.blueprint import Readiness
from deputy.core.conditions import Truth
from deputy.core.phase import Phase
from deputy.core.reason import BlueprintReason
from deputy.core.routing import TeamNamespaces
from deputy.kube import resources
from deputy.kube.cache import Cache
from deputy.kube.client import Kube
from deputy.kube.errors import Conflict
from deputy.kube.store import Key
from deputy.trackers.linear.tracker import Tracker

_LOG = structlog.stdlib.get_logger(__name__)


class BlueprintReconciler:
    """Works on one Blueprint at a time."""

    def __init__(
        self,
        *,
        kube: Kube,
        cache: Cache,
        slots: Slots,
        tracker: Tracker,
        enqueue_run: Callable[[Key], None],
        team_namespaces: TeamNamespaces | None = None,
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._slots = slots
        self._judge = BlueprintJudge(kube, cache, tracker, team_namespaces or {})
        self._enqueue_run = enqueue_run

    async def reconcile(self, key: Key) -> float | None:
        """Judge the Blueprint `key` and count its runs; return the seconds to the next look."""
        blueprint = self._cache.blueprints.get(*key)
        if blueprint is None:
            return None
        judgement = await self._judge.judgement(blueprint)
        wanted = self._status(blueprint, judgement.readiness)
        if _differs(blueprint, wanted):
            try:
                await self._write(blueprint, wanted)
            except Conflict:
                return 0.2
            self._enqueue_queued(blueprint)
        return judgement.seconds

    def _status(self, blueprint: Blueprint, readiness: Readiness) -> dict[str, Any]:
        runs = self._slots.contenders(*blueprint.metadata.key)
        ids = readiness.ids
        return {
            "observedGeneration": blueprint.metadata.generation,
            "conditions": _conditions(blueprint, readiness),
            "activeRuns": sum(map(holds_slot, runs)),
            "queuedRuns": sum(map(is_queued, runs)),
            "linear": {
                "organizationId": ids.organization_id,
                "teamId": ids.team_id,
                "inProgressStateId": ids.in_progress,
                "inReviewStateId": ids.in_review,
                "needsHumanStateId": ids.needs_human,
            },
        }

    async def _write(self, blueprint: Blueprint, wanted: dict[str, Any]) -> None:
        path = resources.blueprints(*blueprint.metadata.key) + "/status"
        body = {
            "metadata": {"resourceVersion": blueprint.metadata.resource_version},
            "status": wanted,
        }
        self._cache.blueprints.put(await self._kube.patch(path, body))

    def _enqueue_queued(self, blueprint: Blueprint) -> None:
        for run in self._cache.runs_of(*blueprint.metadata.key):
            if run.status.phase is Phase.QUEUED:
                self._enqueue_run(run.metadata.key)


def _conditions(blueprint: Blueprint, readiness: Readiness) -> list[dict[str, Any]]:
    unready = Truth.UNKNOWN if readiness.retry else Truth.FALSE
    ready = Truth.TRUE if readiness.ready else unready
    accepted = Truth.FALSE if readiness.conflict else Truth.TRUE
    reason = BlueprintReason.CONFLICT if readiness.conflict else BlueprintReason.ACCEPTED
    said = readiness.message if readiness.conflict else "no other Blueprint takes the same issues"
    return [
        _condition(blueprint, "Ready", ready, readiness.reason, readiness.message),
        _condition(blueprint, "Accepted", accepted, reason, said),
    ]


def _condition(
    blueprint: Blueprint, kind: str, truth: Truth, reason: BlueprintReason, message: str
) -> dict[str, Any]:
    return status.condition(
        kind,
        truth,
        reason.value,
        message,
        generation=blueprint.metadata.generation,
        known=blueprint.status.conditions,
        now=dt.datetime.now(dt.UTC),
    )


def _differs(blueprint: Blueprint, wanted: dict[str, Any]) -> bool:
    """Say whether the status has to be written; times that did not change do not count."""
    known = blueprint.status.model_dump(by_alias=True, mode="json")
    conditions = [
        {**written, "lastTransitionTime": timestamp(condition.last_transition_time)}
        for written, condition in zip(known["conditions"], blueprint.status.conditions, strict=True)
    ]
    return bool({**known, "conditions": conditions} != wanted)
