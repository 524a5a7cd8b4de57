"""Read the data of Linear's answers into models; what was asked for in `documents` is there."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from deputy.trackers.models import Issue, Organization, Team, Viewer, WorkflowState


@dataclasses.dataclass(frozen=True, slots=True)
class TeamsPage:
    """Some of the teams, and where the next page begins, None behind the last."""

    organization: Organization
    teams: tuple[Team, ...]
    next: str | None


def viewer_of(data: Mapping[str, Any]) -> Viewer:
    """Return who we are."""
    viewer = data["viewer"]
    return Viewer(viewer["id"], viewer["name"], _organization(data["organization"]))


def issue_of(issue: Mapping[str, Any]) -> Issue:
    """Return an issue."""
    team = issue["team"]
    return Issue(
        id=issue["id"],
        identifier=issue["identifier"],
        title=issue["title"],
        url=issue["url"],
        priority=int(issue["priority"]),
        state=_state(issue["state"]),
        labels=tuple(label["name"] for label in issue["labels"]["nodes"]),
        team=Team(team["id"], team["key"], team["name"]),
    )


def teams_page_of(data: Mapping[str, Any]) -> TeamsPage:
    """Return a page of teams."""
    page = data["teams"]["pageInfo"]
    return TeamsPage(
        _organization(data["organization"]),
        tuple(map(_team, data["teams"]["nodes"])),
        page["endCursor"] if page["hasNextPage"] else None,
    )


def _organization(node: Mapping[str, Any]) -> Organization:
    return Organization(node["id"], node["name"], node["urlKey"])


def _team(node: Mapping[str, Any]) -> Team:
    states = sorted(map(_state, node["states"]["nodes"]), key=lambda state: state.position)
    return Team(node["id"], node["key"], node["name"], tuple(states))


def _state(node: Mapping[str, Any]) -> WorkflowState:
    return WorkflowState(node["id"], node["name"], node["type"], float(node["position"]))
