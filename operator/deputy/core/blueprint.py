"""Judge whether a Blueprint can take issues."""

import dataclasses
import datetime as dt
from collections.abc import Sequence

from deputy.core.reason import BlueprintReason


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """A workflow state of a team."""

    id: str
    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class TeamSeen:
    """A team as the tracker showed it."""

    id: str
    key: str
    organization_id: str
    organization_key: str
    states: tuple[State, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What a Blueprint names in the tracker."""

    namespace: str
    name: str
    created: dt.datetime
    team: str
    organization: str
    in_progress: str
    in_review: str
    needs_human: str


@dataclasses.dataclass(frozen=True, slots=True)
class Names:
    """The ids that a Blueprint's names stand for."""

    organization_id: str = ""
    team_id: str = ""
    in_progress: str = ""
    in_review: str = ""
    needs_human: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a Blueprint takes issues, and why not."""

    ready: bool
    reason: BlueprintReason
    message: str
    conflict: str = ""
    """The older Blueprint that takes the same team's issues."""
    names: Names = Names()
    retry: bool = False
    """Whether waiting may help, without a change of the Blueprint."""
    patience: dt.timedelta = dt.timedelta()
    """How long the tracker wants to be left alone at least."""


READY_BY_HAND = Judgement(
    ready=True, reason=BlueprintReason.READY, message="takes runs that are created by hand"
)


def judge(wanted: Wanted, team: TeamSeen | None, older: Sequence[str]) -> Judgement:
    """Judge a Blueprint against the team that its name led to, None where it led nowhere.

    `older` names the Blueprints that were there before and name the same team: the oldest wins.
    """
    if team is None:
        return _no(
            BlueprintReason.TEAM_NOT_FOUND,
            f'Linear shows no team "{wanted.team}" to Deputy; correct spec.linear.team, or give '
            "the app access to the team in Linear's settings",
        )
    known = (team.organization_id, team.organization_key)
    if wanted.organization and wanted.organization not in known:
        return _no(
            BlueprintReason.ORGANIZATION_NOT_FOUND,
            f'spec.linear.organization is "{wanted.organization}", and the connected '
            f'organisation is "{team.organization_key}"; correct the one or connect the other',
        )
    return _states(wanted, team, older)


def _states(wanted: Wanted, team: TeamSeen, older: Sequence[str]) -> Judgement:
    found = {
        field: _state(name, team)
        for field, name in (
            ("inProgress", wanted.in_progress),
            ("inReview", wanted.in_review),
            ("needsHuman", wanted.needs_human),
        )
    }
    for field, state in found.items():
        if state is None:
            there = ", ".join(one.name for one in team.states)
            return _no(
                BlueprintReason.STATE_NOT_FOUND,
                f"spec.linear.states.{field} names no workflow state of team {team.key}; "
                f"it has: {there}",
            )
    names = Names(
        team.organization_id,
        team.id,
        found["inProgress"] or "",
        found["inReview"] or "",
        found["needsHuman"] or "",
    )
    if older:
        return Judgement(
            ready=False,
            reason=BlueprintReason.CONFLICT,
            message=f"Blueprint {older[0]} is older and takes the issues of team {team.key}; "
            "delete one of the two or change its spec.linear.team",
            conflict=older[0],
            names=names,
        )
    message = f"takes the issues of team {team.key}"
    return Judgement(ready=True, reason=BlueprintReason.READY, message=message, names=names)


def _state(name: str, team: TeamSeen) -> str | None:
    """Return the id of the state that `name` stands for, empty for no name, None for no state."""
    if not name:
        return ""
    wanted = name.casefold()
    found = (state.id for state in team.states if name == state.id)
    named = (state.id for state in team.states if wanted == state.name.casefold())
    return next(found, None) or next(named, None)


def _no(reason: BlueprintReason, message: str) -> Judgement:
    return Judgement(ready=False, reason=reason, message=message)


def unreachable(
    reason: BlueprintReason, message: str, patience: dt.timedelta = dt.timedelta()
) -> Judgement:
    """Return the judgement while the tracker cannot be asked."""
    return Judgement(ready=False, reason=reason, message=message, retry=True, patience=patience)
