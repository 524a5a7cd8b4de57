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
        return Readiness(
            ready=False,
            reason=BlueprintReason.CONFLICT,
            message=f"Blueprint {older[0]} is older and takes the issues of team {team.key}; "
            "delete one of the two or change its spec.linear.team",
            conflict=older[0],
            ids=ids,
        )
    message = f"takes the issues of team {team.key}"
    return Readiness(ready=True, reason=BlueprintReason.READY, message=message, ids=ids)


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
