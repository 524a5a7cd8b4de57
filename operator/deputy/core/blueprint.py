"""Judge whether a Blueprint can take issues."""

import dataclasses
import datetime as dt
from collections.abc import Sequence

from deputy.core.reason import BlueprintReason
from deputy.trackers.models import Organization, Team


@dataclasses.dataclass(frozen=True, slots=True)
class TrackerNames:
    """What a Blueprint names in the tracker."""

    team: str
    organization: str
    in_progress: str
    in_review: str
    needs_human: str


@dataclasses.dataclass(frozen=True, slots=True)
class TrackerIds:
    """The ids that a Blueprint's names stand for."""

    organization_id: str = ""
    team_id: str = ""
    in_progress: str = ""
    in_review: str = ""
    needs_human: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a Blueprint takes issues, and why not."""

    ready: bool
    reason: BlueprintReason
    message: str
    conflict: str = ""
    """The older Blueprint that takes the same team's issues."""
    ids: TrackerIds = TrackerIds()
    retry: bool = False
    """Whether waiting may help, without a change of the Blueprint."""
    retry_after: dt.timedelta = dt.timedelta()
    """How long the tracker wants to be left alone at least."""


#: Seconds until a Blueprint is judged again: what cannot be reached is asked for at once, what
#: leads nowhere in growing pauses (somebody may be correcting it in the tracker), the rest seldom.
RECHECK = 600.0
_UNREACHABLE = 3.0
_SOON = 15.0

_MISNAMED = frozenset(
    {
        BlueprintReason.ORGANIZATION_NOT_FOUND,
        BlueprintReason.TEAM_NOT_FOUND,
        BlueprintReason.STATE_NOT_FOUND,
    }
)


def is_misnamed(readiness: Readiness) -> bool:
    """Say whether the Blueprint names something that the tracker does not have."""
    return readiness.reason in _MISNAMED


def recheck_seconds(readiness: Readiness, misses: int) -> float:
    """Return the seconds until a Blueprint is judged again.

    `misses` says how often in a row it named what the tracker does not have.
    """
    wanted = readiness.retry_after.total_seconds()
    if readiness.retry or wanted:
        return max(_UNREACHABLE, wanted)
    if readiness.ready:
        return RECHECK
    grown = _SOON * 2.0 ** min(max(misses - 1, 0), 10)
    return min(RECHECK, grown) if is_misnamed(readiness) else _SOON


def teams_age(readiness: Readiness, misses: int, *, new: bool) -> float:
    """Return how many seconds old the teams may be that say that a name leads nowhere.

    Who has just written a name (`new`) waits for the answer, and has often just made the team.
    """
    return 0.0 if new else recheck_seconds(readiness, misses) / 2


def still_known(fresh: Readiness, before: Readiness | None) -> Readiness:
    """Return what holds of a Blueprint whose recheck gave `fresh`, and that was `before`.

    That the tracker cannot be asked changes nothing of what it said before of the same names,
    and neither does a Secret that is missing.
    """
    no_secret = BlueprintReason.SECRET_NOT_FOUND
    if before is None or not (fresh.retry or fresh.reason is no_secret):
        return fresh
    if (
        before.retry
        or before.reason is no_secret
        or fresh.reason is not BlueprintReason.LINEAR_UNREACHABLE
    ):
        return dataclasses.replace(fresh, ids=before.ids)
    wait = max(fresh.retry_after, dt.timedelta(seconds=_UNREACHABLE))
    return dataclasses.replace(before, retry_after=wait)


READY_BY_HAND = Readiness(
    ready=True, reason=BlueprintReason.READY, message="takes runs that are created by hand"
)


def judge(
    names: TrackerNames,
    organization: Organization,
    team: Team | None,
    older: Sequence[str],
    *,
    allowed: bool = True,
) -> Readiness:
    """Judge a Blueprint against the team that its name led to, None where it led nowhere.

    `older` names the Blueprints that were there before and name the same team: the oldest wins.
    `allowed` says whether the team's issues may be worked on in the Blueprint's namespace.
    """
    if team is None:
        return _not_ready(
            BlueprintReason.TEAM_NOT_FOUND,
            f'Linear shows no team "{names.team}" to Deputy; correct spec.linear.team, or give '
            "the app access to the team in Linear's settings",
        )
    if not allowed:
        return _not_ready(
            BlueprintReason.NAMESPACE_NOT_ALLOWED,
            f"the issues of team {team.key} are bound to other namespaces; whoever installed "
            "Deputy can change its value linear.teamNamespaces",
        )
    known = (organization.id, organization.url_key)
    if names.organization and names.organization not in known:
        return _not_ready(
            BlueprintReason.ORGANIZATION_NOT_FOUND,
            f'spec.linear.organization is "{names.organization}", and the connected '
            f'organisation is "{organization.url_key}"; correct the one or connect the other',
        )
    return _states(names, organization, team, older)


def _states(
    names: TrackerNames, organization: Organization, team: Team, older: Sequence[str]
) -> Readiness:
    states = {
        field: _state(name, team)
        for field, name in (
            ("inProgress", names.in_progress),
            ("inReview", names.in_review),
            ("needsHuman", names.needs_human),
        )
    }
    for field, state in states.items():
        if state is None:
            state_names = ", ".join(one.name for one in team.states)
            return _not_ready(
                BlueprintReason.STATE_NOT_FOUND,
                f"spec.linear.states.{field} names no workflow state of team {team.key}; "
                f"it has: {state_names}",
            )
    ids = TrackerIds(
        organization.id,
        team.id,
        states["inProgress"] or "",
        states["inReview"] or "",
        states["needsHuman"] or "",
    )
    if older:
        return _conflict(older[0], team, ids)
    message = f"takes the issues of team {team.key}"
    return Readiness(ready=True, reason=BlueprintReason.READY, message=message, ids=ids)


def _conflict(older: str, team: Team, ids: TrackerIds) -> Readiness:
    return Readiness(
        ready=False,
        reason=BlueprintReason.CONFLICT,
        message=f"Blueprint {older} is older and takes the issues of team {team.key}; "
        "delete one of the two or change its spec.linear.team",
        conflict=older,
        ids=ids,
    )


def _state(name: str, team: Team) -> str | None:
    """Return the id of the state that `name` stands for, empty for no name, None for no state."""
    if not name:
        return ""
    by_id = (state.id for state in team.states if name == state.id)
    by_name = (state.id for state in team.states if name.casefold() == state.name.casefold())
    return next(by_id, None) or next(by_name, None)


def _not_ready(reason: BlueprintReason, message: str) -> Readiness:
    return Readiness(ready=False, reason=reason, message=message)


def unreachable(
    reason: BlueprintReason, message: str, retry_after: dt.timedelta = dt.timedelta()
) -> Readiness:
    """Return the readiness while the tracker cannot be asked."""
    return Readiness(
        ready=False, reason=reason, message=message, retry=True, retry_after=retry_after
    )
