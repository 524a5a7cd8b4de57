"""Bring a Blueprint's status up to what its names stand for and how many runs it has."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import structlog

from deputy.api.blueprint import Blueprint
from deputy.controller import status
from deputy.controller.cluster import Cluster, Key, contender, key_of
from deputy.controller.desk import read_token
from deputy.controller.tracker import Tracker
from deputy.core.admission import holds_slot
from deputy.core.blueprint import (
    READY_BY_HAND,
    Judgement,
    Wanted,
    judge,
    unreachable,
)
from deputy.core.phase import Phase
from deputy.core.reason import BlueprintReason
from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.errors import Conflict
from deputy.relay.app import NoToken
from deputy.trackers.linear.errors import (
    CredentialsMissing,
    LinearError,
    LinearUnavailable,
    RateLimited,
)

_log = structlog.get_logger()

#: Seconds until the tracker is asked again: at once while it cannot be reached, later while it
#: refuses us, soon while a name leads nowhere (somebody may be correcting it there), else seldom.
_UNREACHABLE = 3.0
_REFUSED = 60.0
_NOT_FOUND = 15.0
_RECHECK = 600.0


class BlueprintReconciler:
    """Works on one Blueprint at a time."""

    def __init__(
        self, *, kube: Kube, cluster: Cluster, tracker: Tracker, look_at_run: Callable[[Key], None]
    ) -> None:
        self._kube = kube
        self._cluster = cluster
        self._tracker = tracker
        self._look_at_run = look_at_run
        self._judged: dict[str, tuple[int, float, Judgement]] = {}

    async def work(self, key: Key) -> float | None:
        """Judge the Blueprint `key` and count its runs; return the seconds to the next look."""
        blueprint = self._cluster.blueprints.get(*key)
        if blueprint is None:
            return None
        judgement = await self._judgement(blueprint)
        wanted = self._status(blueprint, judgement)
        if _differs(blueprint, wanted):
            try:
                await self._write(blueprint, wanted)
            except Conflict:
                return 0.2
            self._wake_waiting(blueprint)
        return _patience(judgement)

    async def _judgement(self, blueprint: Blueprint) -> Judgement:
        now = dt.datetime.now(dt.UTC).timestamp()
        known = self._judged.get(blueprint.metadata.uid)
        generation = blueprint.metadata.generation
        if known is not None and known[0] == generation and now < known[1]:
            return known[2]
        found = await self._judge(blueprint)
        until = now + _patience(found) * 0.9
        self._judged[blueprint.metadata.uid] = (generation, until, found)
        if not found.ready:
            _log.warning(
                "Blueprint is not ready",
                blueprint=blueprint.metadata.name,
                namespace=blueprint.metadata.namespace,
                reason=found.reason.value,
                message=found.message,
            )
        return found

    async def _judge(self, blueprint: Blueprint) -> Judgement:
        try:
            await self._check_secret(blueprint)
        except NoToken as error:
            return Judgement(
                ready=False, reason=BlueprintReason.SECRET_NOT_FOUND, message=str(error)
            )
        if blueprint.spec.linear is None:
            return READY_BY_HAND
        try:
            team = await self._tracker.team(blueprint.spec.linear.team)
        except CredentialsMissing as error:
            return unreachable(BlueprintReason.LINEAR_NOT_CONNECTED, str(error))
        except LinearError as error:
            return unreachable(
                BlueprintReason.LINEAR_UNREACHABLE,
                f"Linear cannot be asked ({error}); this is tried again by itself",
                _peace(error),
            )
        return judge(wanted_of(blueprint), team, self._older(blueprint))

    async def _check_secret(self, blueprint: Blueprint) -> None:
        repository = blueprint.spec.repository
        if repository is not None and repository.credentials_secret_ref is not None:
            name = repository.credentials_secret_ref.name
            await read_token(self._kube, blueprint.metadata.namespace, name)

    def _older(self, blueprint: Blueprint) -> list[str]:
        """Return the names of the Blueprints that took the same team's issues before."""
        mine, linear = _age(blueprint), blueprint.spec.linear
        if linear is None:
            return []
        rivals = (
            other
            for other in self._cluster.blueprints
            if other.spec.linear is not None
            and other.metadata.uid != blueprint.metadata.uid
            and other.spec.linear.team.casefold() == linear.team.casefold()
            and _age(other) < mine
        )
        return [f"{one.metadata.namespace}/{one.metadata.name}" for one in sorted(rivals, key=_age)]

    def _status(self, blueprint: Blueprint, judgement: Judgement) -> dict[str, Any]:
        runs = [contender(run) for run in self._cluster.runs_of(*key_of(blueprint))]
        active = sum(holds_slot(run) for run in runs)
        queued = sum(run.phase is Phase.QUEUED and not run.ended for run in runs)
        names = judgement.names
        return {
            "observedGeneration": blueprint.metadata.generation,
            "conditions": _conditions(blueprint, judgement),
            "activeRuns": active,
            "queuedRuns": queued,
            "linear": {
                "organizationId": names.organization_id,
                "teamId": names.team_id,
                "inProgressStateId": names.in_progress,
                "inReviewStateId": names.in_review,
                "needsHumanStateId": names.needs_human,
            },
        }

    async def _write(self, blueprint: Blueprint, wanted: dict[str, Any]) -> None:
        path = resources.blueprints(*key_of(blueprint)) + "/status"
        body = {
            "metadata": {"resourceVersion": blueprint.metadata.resource_version},
            "status": wanted,
        }
        self._cluster.blueprints.put(await self._kube.patch(path, body))

    def _wake_waiting(self, blueprint: Blueprint) -> None:
        for run in self._cluster.runs_of(*key_of(blueprint)):
            if run.status.phase is Phase.QUEUED:
                self._look_at_run(key_of(run))


def _patience(judgement: Judgement) -> float:
    if judgement.ready:
        return _RECHECK
    usual = _UNREACHABLE if judgement.retry else _NOT_FOUND
    return max(usual, judgement.patience.total_seconds())


def _peace(error: LinearError) -> dt.timedelta:
    """Return how long Linear has to be left alone: asking on would spend what is not there."""
    if isinstance(error, LinearUnavailable):
        return dt.timedelta(seconds=error.retry_after or 0)
    waits = error.retry_after if isinstance(error, RateLimited) else None
    return dt.timedelta(seconds=waits or _REFUSED)


def _age(blueprint: Blueprint) -> tuple[dt.datetime, str, str]:
    created = blueprint.metadata.creation_timestamp or dt.datetime.max.replace(tzinfo=dt.UTC)
    return created, blueprint.metadata.namespace, blueprint.metadata.name


def wanted_of(blueprint: Blueprint) -> Wanted:
    """Return what `blueprint` names in the tracker; raise `ValueError` where it names nothing."""
    linear = blueprint.spec.linear
    if linear is None:
        raise ValueError(f"Blueprint {blueprint.metadata.name} has no spec.linear")
    return Wanted(
        namespace=blueprint.metadata.namespace,
        name=blueprint.metadata.name,
        created=_age(blueprint)[0],
        team=linear.team,
        organization=linear.organization,
        in_progress=linear.states.in_progress,
        in_review=linear.states.in_review,
        needs_human=linear.states.needs_human,
    )


def _conditions(blueprint: Blueprint, judgement: Judgement) -> list[dict[str, Any]]:
    ready = "True" if judgement.ready else "Unknown" if judgement.retry else "False"
    accepted = "False" if judgement.conflict else "True"
    reason = BlueprintReason.CONFLICT if judgement.conflict else BlueprintReason.ACCEPTED
    said = judgement.message if judgement.conflict else "no other Blueprint takes the same issues"
    return [
        _condition(blueprint, "Ready", ready, judgement.reason.value, judgement.message),
        _condition(blueprint, "Accepted", accepted, reason.value, said),
    ]


def _condition(
    blueprint: Blueprint, kind: str, truth: str, reason: str, message: str
) -> dict[str, Any]:
    since = next(
        (
            known.last_transition_time
            for known in blueprint.status.conditions
            if known.type == kind and known.status == truth
        ),
        dt.datetime.now(dt.UTC),
    )
    return {
        "type": kind,
        "status": truth,
        "observedGeneration": blueprint.metadata.generation,
        "lastTransitionTime": status.stamp(since),
        "reason": reason,
        "message": message,
    }


def _differs(blueprint: Blueprint, wanted: dict[str, Any]) -> bool:
    """Say whether `wanted` is news; times that did not change do not count."""
    known = blueprint.status.model_dump(by_alias=True, mode="json")
    conditions = [
        {**one, "lastTransitionTime": status.stamp(known_one.last_transition_time)}
        for one, known_one in zip(known["conditions"], blueprint.status.conditions, strict=True)
    ]
    return bool({**known, "conditions": conditions} != wanted)
