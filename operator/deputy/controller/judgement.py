"""Judge Blueprints: against their Secret, against what the tracker shows, against one another."""

import dataclasses
import datetime as dt

import structlog

from deputy.api.blueprint import Blueprint
from deputy.api.facts import created_of
from deputy.core.blueprint import (
    READY_BY_HAND,
    RECHECK,
    Readiness,
    TrackerIds,
    TrackerNames,
    is_misnamed,
    judge,
    recheck_seconds,
    still_known,
    teams_age,
    unreachable,
)
from deputy.core.reason import BlueprintReason
from deputy.core.routing import TeamNamespaces, may_be_in
from deputy.forges.errors import TokenMissing
from deputy.forges.tokens import read_token
from deputy.kube.cache import Cache
from deputy.kube.client import Kube
from deputy.trackers.linear.errors import (
    CredentialsMissing,
    LinearError,
    LinearUnavailable,
    RateLimited,
)
from deputy.trackers.linear.tracker import Tracker
from deputy.trackers.models import Team, TeamDirectory

_LOG = structlog.stdlib.get_logger(__name__)

#: Seconds until Linear is asked again where it refuses us and says no time.
_REFUSED = 60.0
#: Part of the time to the next look for which a judgement counts: a look may come a little early.
_FRESH = 0.9


@dataclasses.dataclass(frozen=True, slots=True)
class Judgement:
    """What a Blueprint was judged to be, and until when that counts."""

    generation: int
    names: TrackerNames | None
    until: float
    readiness: Readiness
    misses: int

    @property
    def seconds(self) -> float:
        """The seconds from one look to the next."""
        return recheck_seconds(self.readiness, self.misses)


class BlueprintJudge:
    """Judges one Blueprint at a time, and remembers how it judged.

    `bound` says where alone the Blueprints of some teams may be.
    """

    def __init__(self, kube: Kube, cache: Cache, tracker: Tracker, bound: TeamNamespaces) -> None:
        self._kube = kube
        self._cache = cache
        self._tracker = tracker
        self._bound = bound
        self._judged: dict[str, Judgement] = {}

    async def judgement(self, blueprint: Blueprint) -> Judgement:
        """Return what `blueprint` is judged to be; what was judged not long ago still counts."""
        now = dt.datetime.now(dt.UTC).timestamp()
        known = self._judged.get(blueprint.metadata.uid)
        generation, names = blueprint.metadata.generation, tracker_names(blueprint)
        if known is not None and known.generation == generation and now < known.until:
            return known
        same = known if known is not None and known.names == names else None
        readiness = await self._judge(blueprint, names, same)
        misses = (same.misses if same else 0) + 1 if is_misnamed(readiness) else 0
        until = now + recheck_seconds(readiness, misses) * _FRESH
        judgement = Judgement(generation, names, until, readiness, misses)
        self._judged[blueprint.metadata.uid] = judgement
        if not readiness.ready:
            _LOG.warning(
                "Blueprint is not ready",
                blueprint=blueprint.metadata.name,
                namespace=blueprint.metadata.namespace,
                reason=readiness.reason.value,
                message=readiness.message,
            )
        return judgement

    async def _judge(
        self, blueprint: Blueprint, names: TrackerNames | None, same: Judgement | None
    ) -> Readiness:
        """Judge a Blueprint; `same` is what it was judged to be while it had the same names."""
        before = same.readiness if same else _readiness_in_status(blueprint)
        try:
            await self._check_secret(blueprint)
        except TokenMissing as error:
            reason = BlueprintReason.SECRET_NOT_FOUND
            return still_known(Readiness(ready=False, reason=reason, message=str(error)), before)
        if names is None:
            return READY_BY_HAND
        return still_known(await self._ask(blueprint, names, before, same), before)

    async def _ask(
        self,
        blueprint: Blueprint,
        names: TrackerNames,
        before: Readiness | None,
        same: Judgement | None,
    ) -> Readiness:
        """Judge a Blueprint against the teams that the tracker shows."""
        try:
            readiness = self._judge_by(await self._tracker.teams(RECHECK), blueprint, names)
            if not is_misnamed(readiness):
                return readiness
            # What is not there may have been made since: but for that Linear is asked seldom.
            newer_than = teams_age(readiness, same.misses if same else 0, new=before is None)
            directory = await self._tracker.teams(newer_than, budgeted=before is not None)
            return self._judge_by(directory, blueprint, names)
        except CredentialsMissing as error:
            return unreachable(BlueprintReason.LINEAR_NOT_CONNECTED, str(error))
        except LinearError as error:
            return unreachable(
                BlueprintReason.LINEAR_UNREACHABLE,
                f"Linear cannot be asked ({error}); this is tried again by itself",
                _retry_after(error),
            )

    def _judge_by(
        self, directory: TeamDirectory, blueprint: Blueprint, names: TrackerNames
    ) -> Readiness:
        team = directory.team(names.team)
        older = self._older(blueprint, directory, team)
        allowed = team is None or may_be_in(blueprint.metadata.namespace, team, self._bound)
        return judge(names, directory.organization, team, older, allowed=allowed)

    async def _check_secret(self, blueprint: Blueprint) -> None:
        repository = blueprint.spec.repository
        if repository is not None and repository.credentials_secret_ref is not None:
            name = repository.credentials_secret_ref.name
            await read_token(self._kube, blueprint.metadata.namespace, name)

    def _older(
        self, blueprint: Blueprint, directory: TeamDirectory, team: Team | None
    ) -> list[str]:
        """Return the names of the Blueprints that took the same team's issues before.

        However they spell it: by the team's key, its name or its id.
        """
        if team is None:
            return []
        mine = _creation_order(blueprint)
        others = (
            other
            for other in self._cache.blueprints
            if other.spec.linear is not None
            and _creation_order(other) < mine
            and directory.team(other.spec.linear.team) == team
            and may_be_in(other.metadata.namespace, team, self._bound)
        )
        return [
            f"{one.metadata.namespace}/{one.metadata.name}"
            for one in sorted(others, key=_creation_order)
        ]


def _retry_after(error: LinearError) -> dt.timedelta:
    """Return how long Linear has to be left alone: asking on would spend what is not there."""
    if isinstance(error, LinearUnavailable):
        return dt.timedelta(seconds=error.retry_after or 0)
    waits = error.retry_after if isinstance(error, RateLimited) else None
    return dt.timedelta(seconds=waits or _REFUSED)


def _creation_order(blueprint: Blueprint) -> tuple[dt.datetime, str, str]:
    return created_of(blueprint), blueprint.metadata.namespace, blueprint.metadata.name


def tracker_names(blueprint: Blueprint) -> TrackerNames | None:
    """Return what `blueprint` names in the tracker; None where it names nothing."""
    linear = blueprint.spec.linear
    if linear is None:
        return None
    return TrackerNames(
        team=linear.team,
        organization=linear.organization,
        in_progress=linear.states.in_progress,
        in_review=linear.states.in_review,
        needs_human=linear.states.needs_human,
    )


def _readiness_in_status(blueprint: Blueprint) -> Readiness | None:
    """Return what an earlier leader judged of the same spec, None where nobody has."""
    if blueprint.status.observed_generation != blueprint.metadata.generation:
        return None
    by_type = {condition.type: condition for condition in blueprint.status.conditions}
    ready, accepted, ids = by_type.get("Ready"), by_type.get("Accepted"), blueprint.status.linear
    if ready is None or ready.reason not in {reason.value for reason in BlueprintReason}:
        return None
    return Readiness(
        ready=ready.status == "True",
        reason=BlueprintReason(ready.reason),
        message=ready.message,
        conflict=accepted.message if accepted and accepted.status == "False" else "",
        ids=TrackerIds(
            ids.organization_id,
            ids.team_id,
            ids.in_progress_state_id,
            ids.in_review_state_id,
            ids.needs_human_state_id,
        ),
        retry=ready.status == "Unknown",
    )
