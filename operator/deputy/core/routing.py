"""Decide which Blueprint takes an issue, and whether it may be taken at all.

Every refusal is a text for the person who asked: the fact, then the next step.
"""

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from deputy.core.reason import RunReason
from deputy.trackers.models import Issue, Person, Team

#: The namespaces whose Blueprints may take a team's issues, by any name of the team.
TeamNamespaces: TypeAlias = Mapping[str, Collection[str]]

_RETRY = "then reply here or delegate again."


@dataclasses.dataclass(frozen=True, slots=True)
class PickUp:
    """Which issues a Blueprint takes, and from whom."""

    state_types: tuple[str, ...] = ("unstarted", "started", "completed", "canceled")
    override_label: str = ""
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class BlueprintFacts:
    """What routing must know of a Blueprint that takes issues of a team."""

    name: str
    namespace: str
    created: dt.datetime
    team: str
    """Id, key or name, as its author wrote it."""
    team_id: str = ""
    """What the name stands for; empty until the operator has looked it up."""
    organization: str = ""
    """Id or URL key, as its author wrote it; empty for any."""
    organization_id: str = ""
    """What the name stands for; empty until the operator has looked it up."""
    pick_up: PickUp = PickUp()
    prompt_template: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Routed:
    """The Blueprint that takes the issue."""

    blueprint: BlueprintFacts


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """Why an issue is not taken, in words for the person who asked."""

    reason: RunReason
    text: str


def route(
    team: Team,
    organization_id: str,
    blueprints: Sequence[BlueprintFacts],
    namespaces: Collection[str] = (),
    bound: TeamNamespaces | None = None,
) -> Routed | Refusal:
    """Return the Blueprint for a team's issues: the oldest that names it.

    A Blueprint that is not Ready is routed to all the same: the operator knows why it is not,
    and says so. `namespaces` are those that are searched, for the refusal's text; `bound` says
    where alone some teams' Blueprints may be.
    """
    fitting = [
        blueprint
        for blueprint in blueprints
        if _names_team(blueprint, team)
        and _names_organization(blueprint, organization_id)
        and may_be_in(blueprint.namespace, team, bound or {})
    ]
    if not fitting:
        return Refusal(RunReason.BLUEPRINT_NOT_FOUND, _no_blueprint(team, namespaces))
    return Routed(min(fitting, key=lambda one: (one.created, one.namespace, one.name)))


def may_be_in(namespace: str, team: Team, bound: TeamNamespaces) -> bool:
    """Say whether a Blueprint in that namespace may take the team's issues."""
    names = _names_of_team(team)
    allowed = [places for name, places in bound.items() if name.casefold() in names]
    return not allowed or any(namespace in places for places in allowed)


def names_team(spelling: str, team: Team) -> bool:
    """Say whether what somebody wrote is the id, the key or the name of a team."""
    return spelling.casefold() in _names_of_team(team)


def may_delegate(pick_up: PickUp, delegator: Person | None) -> Refusal | None:
    """Return why `delegator` may not delegate, None where they may; None is an automation."""
    names = _names_of(delegator)
    if names & _folded(pick_up.deny):
        who = delegator.name or "You" if delegator else "Automations"
        return _not_allowed(f"{who} may not delegate to me: `pickUp.denyDelegators` says so.")
    if not pick_up.allow or names & _folded(pick_up.allow):
        return None
    who = delegator.name or "You" if delegator else "An automation"
    return _not_allowed(
        f"{who} may not delegate to me: only the people in `pickUp.allowDelegators` may."
    )


def may_pick_up(pick_up: PickUp, issue: Issue | None, delegator: Person | None) -> Refusal | None:
    """Return why an issue may not be worked on now, None where it may.

    `issue` is None where it could not be read: then it is taken, since a person asked for it. The
    override label lifts the rule on states, never that on people.
    """
    if refusal := may_delegate(pick_up, delegator):
        return refusal
    override = pick_up.override_label
    if issue is None or issue.state is None or issue.state.type in pick_up.state_types:
        return None
    if _has(issue.labels, override):
        return None
    text = (
        f"This issue is in a state of type `{issue.state.type}`, and I take issues only in "
        f"{_listed(pick_up.state_types)}. Move it to one of those"
    )
    if override:
        text += f", or give it the label `{override}`,"
    return Refusal(RunReason.STATE_NOT_ALLOWED, f"{text} {_RETRY}")


def _names_team(blueprint: BlueprintFacts, team: Team) -> bool:
    by_name = names_team(blueprint.team, team)
    return by_name or (bool(team.id) and blueprint.team_id == team.id)


def _names_of_team(team: Team) -> set[str]:
    return {name.casefold() for name in (team.id, team.key, team.name) if name}


def _names_organization(blueprint: BlueprintFacts, organization_id: str) -> bool:
    """Whether the Blueprint is for this organisation, as far as anybody knows yet."""
    if blueprint.organization in ("", organization_id):
        return True
    # A URL key that the operator has not looked up: the operator tells if it is another one's.
    return blueprint.organization_id in ("", organization_id)


def _no_blueprint(team: Team, namespaces: Collection[str]) -> str:
    where = f" in {_listed(tuple(namespaces))}" if namespaces else ""
    return (
        f"No Blueprint takes the issues of team {team.name} ({team.key}), so I have not started. "
        f"Somebody who runs this cluster can apply a Blueprint with `spec.linear.team: "
        f"{team.key}`{where} (`kubectl get blueprints -A` shows the ones there are), {_RETRY}"
    )


def _not_allowed(fact: str) -> Refusal:
    step = "Ask somebody who may to delegate, or have the Blueprint changed,"
    return Refusal(RunReason.DELEGATOR_NOT_ALLOWED, f"{fact} {step} {_RETRY}")


def _names_of(person: Person | None) -> set[str]:
    if person is None:
        return set()
    return {name.casefold() for name in (person.id, person.email) if name}


def _folded(names: Sequence[str]) -> set[str]:
    return {name.casefold() for name in names}


def _has(labels: Collection[str], wanted: str) -> bool:
    return bool(wanted) and wanted.casefold() in {label.casefold() for label in labels}


def _listed(names: Sequence[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
