"""The organisation that a simulator begins with.

Ids of the organisation, its teams, states, labels and users are the same in every simulator, so
that configuration outlives a restart. Ids of issues are fresh: to an agent they are other issues.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

from deputy_simulator.linear.entities import IssueLabel, Organization, Team, User, WorkflowState
from deputy_simulator.linear.issues import NewIssue, create_issue
from deputy_simulator.linear.workspace import Workspace, slug

#: Name, type and colour of each team's states, in board order.
STATES = (
    ("Triage", "triage", "#fc7840"),
    ("Backlog", "backlog", "#bec2c8"),
    ("Todo", "unstarted", "#e2e2e2"),
    ("In Progress", "started", "#f2c94c"),
    ("In Review", "started", "#0f783c"),
    ("Blocked", "started", "#eb5757"),
    ("Done", "completed", "#5e6ad2"),
    ("Canceled", "canceled", "#95a2b3"),
)

LABELS = {"bug": "#eb5757", "feature": "#bb87fc", "docs": "#4ea7fc", "deputy": "#26b5ce"}

DEFAULT: dict[str, Any] = {
    "organization": {"name": "Acme", "urlKey": "acme"},
    "teams": [
        {"key": "ENG", "name": "Engineering", "guidance": "Keep pull requests small, with a test."},
        {"key": "OPS", "name": "Operations"},
    ],
    "users": [
        {"name": "Jane Doe", "displayName": "jane", "email": "jane@acme.example", "admin": True},
        {"name": "Sam Field", "displayName": "sam", "email": "sam@acme.example"},
        {"name": "Noor Haddad", "displayName": "noor", "email": "noor@acme.example"},
    ],
    "issues": [
        {
            "title": "Fix accessibility on the checkout page",
            "description": "A screen reader does not announce the total. Label it and add a test.",
            "priority": 2,
            "labels": ["bug"],
        },
        {
            "title": "Say which field is wrong in a 422 answer",
            "description": "Clients see only `invalid request`. Name the field, and what fits it.",
            "priority": 1,
            "labels": ["feature"],
        },
        {
            "title": "Explain in the README how to run the tests",
            "description": "Two lines are enough: the command, and what it prints.",
            "priority": 4,
            "labels": ["docs"],
        },
        {
            "title": "Retry a payment once after a time-out",
            "description": "With the same idempotency key, so that nobody pays twice.",
            "priority": 3,
            "state": "Backlog",
        },
        {
            "title": "Export invoices as CSV",
            "description": "Columns: number, date, customer, total. UTF-8 with a header row.",
            "priority": 3,
            "labels": ["feature"],
            "creator": "sam",
        },
        {
            "title": "Rotate the certificates of the staging cluster",
            "description": "They expire at the end of the month.",
            "priority": 2,
            "team": "OPS",
            "creator": "noor",
        },
    ],
}


def populate(workspace: Workspace) -> None:
    """Fill an empty workspace as its settings say; nothing is told to the webhook.

    Raises:
        ValueError: the settings' seed is not JSON.
        KeyError: an entry of the seed lacks its name.
        NotFoundError: an issue of the seed names a team, state or person that is not there.
    """
    told = {**DEFAULT, **(json.loads(workspace.settings.seed) if workspace.settings.seed else {})}
    organization = _organization(workspace, told["organization"])
    for label, color in LABELS.items():
        _label(workspace, label, color)
    for team in told["teams"]:
        seed_team(workspace, team)
    for user in told["users"]:
        _user(workspace, user, organization)
    workspace.app_user_id = _app_user(workspace, workspace.settings.app_name, organization).id
    _app_user(workspace, "otherbot", organization)
    outbox, workspace.outbox = workspace.outbox, lambda _event: None
    for issue in told["issues"]:
        seed_issue(workspace, issue)
    workspace.outbox = outbox


def seed_issue(workspace: Workspace, told: dict[str, Any]) -> None:
    """Make an issue as a seed or a person describes it: team, state and labels by name."""
    create_issue(
        workspace, new_issue(workspace, told), workspace.store.user(told.get("creator") or "jane")
    )


def new_issue(workspace: Workspace, told: dict[str, Any]) -> NewIssue:
    """Read the description of an issue.

    Raises:
        KeyError: it has no title.
        NotFoundError: its team, state or a label is not there.
    """
    team = workspace.store.team(told.get("team") or "ENG")
    state = workspace.store.state(team.id, told.get("state") or "Todo")
    return NewIssue(
        title=told["title"],
        team_id=team.id,
        description=told.get("description"),
        priority=int(told.get("priority") or 0),
        state_id=state.id,
        label_ids=tuple(label_id(workspace, name) for name in told.get("labels") or ()),
    )


def label_id(workspace: Workspace, name: str) -> str:
    """Return the id of the label with this id or name, which is made where it is missing."""
    known = (k for k in workspace.store.all(IssueLabel) if name in (k.id, k.name))
    label = next(known, None) or _label(workspace, name, "#95a2b3")
    return label.id


def seeded_id(*parts: str) -> str:
    """Return the id, shaped as a UUID in version 4, that every simulator gives these parts."""
    digest = bytearray(hashlib.sha256("/".join(["simulator", *parts]).encode()).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x40
    digest[8] = (digest[8] & 0x3F) | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


def _organization(workspace: Workspace, told: dict[str, Any]) -> Organization:
    key = str(told["urlKey"])
    organization = Organization(
        id=seeded_id("organization", key), **workspace.stamps(), name=str(told["name"]), url_key=key
    )
    return workspace.store.put(organization)


def _label(workspace: Workspace, name: str, color: str) -> IssueLabel:
    return workspace.store.put(
        IssueLabel(id=seeded_id("label", name), **workspace.stamps(), name=name, color=color)
    )


def seed_team(workspace: Workspace, told: dict[str, Any]) -> Team:
    """Make a team, with the states that every team has, or make it anew under the same ids.

    Raises:
        KeyError: it has no key.
    """
    key = str(told["key"])
    team = Team(
        id=seeded_id("team", key),
        **workspace.stamps(),
        key=key,
        name=str(told.get("name") or key),
        organization_id=workspace.store.organization().id,
        guidance=str(told.get("guidance", "")),
    )
    workspace.store.put(team)
    for position, (name, kind, color) in enumerate(STATES):
        state = WorkflowState(
            id=seeded_id("state", key, name),
            **workspace.stamps(),
            name=name,
            type=kind,
            position=float(position),
            color=color,
            team_id=team.id,
        )
        workspace.store.put(state)
    return team


def _user(workspace: Workspace, told: dict[str, Any], organization: Organization) -> User:
    name = str(told.get("displayName") or slug(str(told["name"])))
    user = User(
        id=seeded_id("user", name),
        **workspace.stamps(),
        name=str(told["name"]),
        display_name=name,
        email=str(told["email"]),
        organization_id=organization.id,
        url=f"{workspace.settings.site_url}/{organization.url_key}/profiles/{name}",
        app=bool(told.get("app")),
        admin=bool(told.get("admin")),
    )
    return workspace.store.put(user)


def _app_user(workspace: Workspace, name: str, organization: Organization) -> User:
    email = f"{seeded_id('user', name)}@oauthapp.linear.app"
    told = {"name": name, "displayName": name, "email": email, "app": True}
    return _user(workspace, told, organization)
