"""Bring a Blueprint's status up to what its names stand for and how many runs it has."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import structlog

from deputy.api.blueprint import Blueprint
from deputy.api.facts import contender, created_of
from deputy.api.meta import timestamp
from deputy.controller import status
from deputy.core.admission import holds_slot, is_queued
from deputy.core.blueprint import READY_BY_HAND, Readiness, TrackerNames, judge, unreachable
from deputy.core.conditions import Truth
from deputy.core.phase import Phase
from deputy.core.reason import BlueprintReason
from deputy.core.routing import TeamNamespaces, may_be_in, names_team
from deputy.forges.errors import TokenMissing
from deputy.forges.tokens import read_token
from deputy.kube import resources
from deputy.kube.cache import Cache
from deputy.kube.client import Kube
from deputy.kube.errors import Conflict
from deputy.kube.store import Key
from deputy.trackers.linear.errors import (
    CredentialsMissing,
    LinearError,
    LinearUnavailable,
    RateLimited,
)
from deputy.trackers.linear.tracker import Tracker
from deputy.trackers.models import Team

_LOG = structlog.stdlib.get_logger(__name__)

#: Seconds until the tracker is asked again: at once while it cannot be reached, later while it
#: refuses us, soon while a name leads nowhere (somebody may be correcting it there), else seldom.
_UNREACHABLE = 3.0
_REFUSED = 60.0
_NOT_FOUND = 15.0
_RECHECK = 600.0


class BlueprintReconciler:
    """Works on one Blueprint at a time."""

    def __init__(
        self,
        *,
        kube: Kube,
        cache: Cache,
        tracker: Tracker,
        enqueue_run: Callable[[Key], None],
        team_namespaces: TeamNamespaces | None = None,
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._tracker = tracker
        self._enqueue_run = enqueue_run
        self._bound = team_namespaces or {}
        self._known: dict[str, tuple[int, float, Readiness]] = {}

    async def reconcile(self, key: Key) -> float | None:
        """Judge the Blueprint `key` and count its runs; return the seconds to the next look."""
        blueprint = self._cache.blueprints.get(*key)
        if blueprint is None:
            return None
        readiness = await self._readiness(blueprint)
        wanted = self._status(blueprint, readiness)
        if _differs(blueprint, wanted):
            try:
                await self._write(blueprint, wanted)
            except Conflict:
                return 0.2
            self._enqueue_queued(blueprint)
        return _recheck_seconds(readiness)

    async def _readiness(self, blueprint: Blueprint) -> Readiness:
        now = dt.datetime.now(dt.UTC).timestamp()
        known = self._known.get(blueprint.metadata.uid)
        generation = blueprint.metadata.generation
        if known is not None and known[0] == generation and now < known[1]:
            return known[2]
        fresh = await self._judge(blueprint)
        until = now + _recheck_seconds(fresh) * 0.9
        self._known[blueprint.metadata.uid] = (generation, until, fresh)
        if not fresh.ready:
            _LOG.warning(
                "Blueprint is not ready",
                blueprint=blueprint.metadata.name,
                namespace=blueprint.metadata.namespace,
                reason=fresh.reason.value,
                message=fresh.message,
            )
        return fresh

    async def _judge(self, blueprint: Blueprint) -> Readiness:
        try:
            await self._check_secret(blueprint)
        except TokenMissing as error:
            return Readiness(
                ready=False, reason=BlueprintReason.SECRET_NOT_FOUND, message=str(error)
            )
        if blueprint.spec.linear is None:
            return READY_BY_HAND
        try:
            organization, team = await self._tracker.team(blueprint.spec.linear.team)
        except CredentialsMissing as error:
            return unreachable(BlueprintReason.LINEAR_NOT_CONNECTED, str(error))
        except LinearError as error:
            return unreachable(
                BlueprintReason.LINEAR_UNREACHABLE,
                f"Linear cannot be asked ({error}); this is tried again by itself",
                _retry_after(error),
            )
        older = self._older(blueprint, team) if team is not None else []
        allowed = team is None or may_be_in(blueprint.metadata.namespace, team, self._bound)
        return judge(tracker_names(blueprint), organization, team, older, allowed=allowed)

    async def _check_secret(self, blueprint: Blueprint) -> None:
        repository = blueprint.spec.repository
        if repository is not None and repository.credentials_secret_ref is not None:
            name = repository.credentials_secret_ref.name
            await read_token(self._kube, blueprint.metadata.namespace, name)

    def _older(self, blueprint: Blueprint, team: Team) -> list[str]:
        """Return the names of the Blueprints that took the same team's issues before.

        However they spell it: by the team's key, its name or its id.
        """
        mine = _creation_order(blueprint)
        others = (
            other
            for other in self._cache.blueprints
            if other.metadata.uid != blueprint.metadata.uid
            and _takes(other, team)
            and may_be_in(other.metadata.namespace, team, self._bound)
            and _creation_order(other) < mine
        )
        return [
            f"{one.metadata.namespace}/{one.metadata.name}"
            for one in sorted(others, key=_creation_order)
        ]

    def _status(self, blueprint: Blueprint, readiness: Readiness) -> dict[str, Any]:
        runs = [contender(run) for run in self._cache.runs_of(*_key_of(blueprint))]
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
        path = resources.blueprints(*_key_of(blueprint)) + "/status"
        body = {
            "metadata": {"resourceVersion": blueprint.metadata.resource_version},
            "status": wanted,
        }
        self._cache.blueprints.put(await self._kube.patch(path, body))

    def _enqueue_queued(self, blueprint: Blueprint) -> None:
        for run in self._cache.runs_of(*_key_of(blueprint)):
            if run.status.phase is Phase.QUEUED:
                self._enqueue_run((run.metadata.namespace, run.metadata.name))


def _recheck_seconds(readiness: Readiness) -> float:
    if readiness.ready:
        return _RECHECK
    usual = _UNREACHABLE if readiness.retry else _NOT_FOUND
    return max(usual, readiness.retry_after.total_seconds())


def _retry_after(error: LinearError) -> dt.timedelta:
    """Return how long Linear has to be left alone: asking on would spend what is not there."""
    if isinstance(error, LinearUnavailable):
        return dt.timedelta(seconds=error.retry_after or 0)
    waits = error.retry_after if isinstance(error, RateLimited) else None
    return dt.timedelta(seconds=waits or _REFUSED)


def _takes(blueprint: Blueprint, team: Team) -> bool:
    linear = blueprint.spec.linear
    if linear is None:
        return False
    return names_team(linear.team, team) or blueprint.status.linear.team_id == team.id


def _creation_order(blueprint: Blueprint) -> tuple[dt.datetime, str, str]:
    return created_of(blueprint), blueprint.metadata.namespace, blueprint.metadata.name


def _key_of(blueprint: Blueprint) -> Key:
    return blueprint.metadata.namespace, blueprint.metadata.name


def tracker_names(blueprint: Blueprint) -> TrackerNames:
    """Return what `blueprint` names in the tracker; raise `ValueError` where it names nothing."""
    linear = blueprint.spec.linear
    if linear is None:
        raise ValueError(f"Blueprint {blueprint.metadata.name} has no spec.linear")
    return TrackerNames(
        team=linear.team,
        organization=linear.organization,
        in_progress=linear.states.in_progress,
        in_review=linear.states.in_review,
        needs_human=linear.states.needs_human,
    )


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
