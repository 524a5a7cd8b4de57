"""Read the data of Linear's answers into models; what was asked for in `documents` is there."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

from deputy.trackers.models import Issue, Organization, Session, Team, Viewer, WorkflowState


@dataclasses.dataclass(frozen=True, slots=True)
class TeamsPage:
    """Some of the teams, and where the next page begins, None behind the last."""

    organization: Organization
    teams: tuple[Team, ...]
    next: str | None


#: The states of a session in which nothing more is expected, in Linear's words.
_OVER = frozenset({"complete", "error"})


@dataclasses.dataclass(frozen=True, slots=True)
class SessionsPage:
    """Some of our sessions, since when they may have changed, and where the next page begins."""

    sessions: tuple[Session, ...]
    oldest: dt.datetime | None
    next: str | None


def sessions_page_of(data: Mapping[str, Any]) -> SessionsPage:
    """Return those of a page of sessions that are ours."""
    nodes, page = data["agentSessions"]["nodes"], data["agentSessions"]["pageInfo"]
    ours = (node for node in nodes if node["appUser"]["id"] == data["viewer"]["id"])
    return SessionsPage(
        tuple(map(_session, ours)),
        min((dt.datetime.fromisoformat(node["updatedAt"]) for node in nodes), default=None),
        page["endCursor"] if page["hasNextPage"] else None,
    )


def _session(node: Mapping[str, Any]) -> Session:
    return Session(
        node["id"],
        is_open=node["status"] not in _OVER,
        is_begun=node["startedAt"] is not None,
        created=dt.datetime.fromisoformat(node["createdAt"]),
        updated=dt.datetime.fromisoformat(node["updatedAt"]),
    )


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
