"""Read the data of Linear's answers into models; what was asked for in `documents` is there."""

from collections.abc import Mapping
from typing import Any

from deputy.trackers.models import Issue, Organization, Team, Viewer, WorkflowState


def viewer_of(data: Mapping[str, Any]) -> Viewer:
    """Return who we are."""
    viewer, home = data["viewer"], data["organization"]
    organization = Organization(home["id"], home["name"], home["urlKey"])
    return Viewer(viewer["id"], viewer["name"], organization)


def issue_of(data: Mapping[str, Any]) -> Issue:
    """Return the issue."""
    issue = data["issue"]
    team = issue["team"]
    return Issue(
        id=issue["id"],
        identifier=issue["identifier"],
        title=issue["title"],
        url=issue["url"],
        branch_name=issue["branchName"],
        priority=int(issue["priority"]),
        state=_state(issue["state"]),
        labels=tuple(label["name"] for label in issue["labels"]["nodes"]),
        team=Team(team["id"], team["key"], team["name"]),
    )


def team_of(data: Mapping[str, Any], wanted: str) -> Team | None:
    """Return the team that is meant by `wanted`: an id before a key, a key before a name."""
    teams = [_team(node) for node in data["teams"]["nodes"]]
    name = wanted.casefold()
    for field in ("id", "key", "name"):
        for team in teams:
            if str(getattr(team, field)).casefold() == name:
                return team
    return None


def _team(node: Mapping[str, Any]) -> Team:
    states = sorted(map(_state, node["states"]["nodes"]), key=lambda state: state.position)
    return Team(node["id"], node["key"], node["name"], tuple(states))


def _state(node: Mapping[str, Any]) -> WorkflowState:
    return WorkflowState(node["id"], node["name"], node["type"], float(node["position"]))
