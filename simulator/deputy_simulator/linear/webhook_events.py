"""What the application's webhook is told, and when: one function per kind of event.

Linear tells an application about everything it may see, its own doings included.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

from deputy_simulator.linear import payloads
from deputy_simulator.linear.clock import iso
from deputy_simulator.linear.entities import (
    AgentActivity,
    AgentSession,
    Comment,
    Issue,
    Json,
    Team,
    User,
)
from deputy_simulator.linear.prompt import guidance, prompt_context
from deputy_simulator.linear.workspace import WebhookEvent, Workspace

#: Fields of an issue whose former value `updatedFrom` carries.
_TRACKED = {
    "title": "title",
    "description": "description",
    "priority": "priority",
    "state_id": "stateId",
    "assignee_id": "assigneeId",
    "delegate_id": "delegateId",
    "label_ids": "labelIds",
    "parent_id": "parentId",
    "team_id": "teamId",
    "started_at": "startedAt",
    "completed_at": "completedAt",
    "canceled_at": "canceledAt",
    "archived_at": "archivedAt",
    "trashed": "trashed",
}


def session_created(
    workspace: Workspace, session: AgentSession, mention: Comment | None = None
) -> None:
    """Tell of a new session; `mention` is the comment that called the agent, if one did."""
    if session.app_user_id != workspace.app_user_id:
        return
    previous = _previous_comments(workspace, mention)
    body = {
        "agentSession": payloads.session(workspace.store, session),
        "promptContext": prompt_context(workspace, session),
        "guidance": guidance(workspace, session),
        "previousComments": [payloads.comment_child(c) for c in previous] or None,
        "agentActivity": None,
    }
    _tell(workspace, "AgentSessionEvent", "created", body, app=True)


def session_prompted(workspace: Workspace, session: AgentSession, activity: AgentActivity) -> None:
    """Tell of a person's words in a session, or of the wish that it stop."""
    if session.app_user_id != workspace.app_user_id:
        return
    body = {
        "agentSession": payloads.session(workspace.store, session),
        "agentActivity": payloads.activity(workspace.store, activity),
    }
    _tell(workspace, "AgentSessionEvent", "prompted", body, app=True)


def notified(workspace: Workspace, kind: str, issue: Issue, actor: User | None) -> None:
    """Tell the application what its user would find in its inbox."""
    now = iso(workspace.clock.stamp())
    notification = {
        "id": workspace.store.new_id(),
        "createdAt": now,
        "updatedAt": now,
        "archivedAt": None,
        "type": kind,
        "actorId": actor.id if actor else None,
        "externalUserActorId": None,
        "userId": workspace.app_user_id,
        "issueId": issue.id,
        "issue": payloads.issue_child(workspace.store, issue),
        "actor": payloads.user_child(actor),
    }
    _tell(workspace, "AppUserNotification", kind, {"notification": notification}, app=True)


def issue_created(workspace: Workspace, issue: Issue, actor: User | None) -> None:
    """Tell of a new issue."""
    _tell_data(workspace, "create", payloads.issue(workspace.store, issue), issue.url, actor)


def issue_updated(workspace: Workspace, old: Issue, new: Issue, actor: User | None) -> None:
    """Tell what changed in an issue, if anything did."""
    former = _former(old, new)
    if former:
        former["updatedAt"] = iso(old.updated_at)
        data = payloads.issue(workspace.store, new)
        _tell_data(workspace, "update", data, new.url, actor, updated_from=former)


def issue_removed(workspace: Workspace, issue: Issue, actor: User | None) -> None:
    """Tell that an issue was put into the trash."""
    _tell_data(workspace, "remove", payloads.issue(workspace.store, issue), issue.url, actor)


def comment_created(workspace: Workspace, comment: Comment, actor: User | None) -> None:
    """Tell of a new comment."""
    body = {
        "actor": payloads.actor(actor),
        "data": payloads.comment(workspace.store, comment),
        "url": comment.url,
    }
    _tell(workspace, "Comment", "create", body)


def team_access_changed(workspace: Workspace, added: list[Team], removed: list[Team]) -> None:
    """Tell that the application may see other teams than before."""
    body = {
        "canAccessAllPublicTeams": not workspace.hidden_team_ids,
        "addedTeamIds": [team.id for team in added],
        "removedTeamIds": [team.id for team in removed],
    }
    _tell(workspace, "PermissionChange", "teamAccessChanged", body, app=True)


def app_revoked(workspace: Workspace) -> None:
    """Tell that the organisation took the application's access away."""
    body = {"oauthClientId": workspace.settings.client_id}
    _tell(workspace, "OAuthApp", "revoked", body)


def _tell_data(
    workspace: Workspace,
    action: str,
    data: Json,
    url: str,
    actor: User | None,
    *,
    updated_from: Json | None = None,
) -> None:
    body: Json = {"actor": payloads.actor(actor), "data": data, "url": url}
    if updated_from is not None:
        body["updatedFrom"] = updated_from
    _tell(workspace, "Issue", action, body)


def _tell(workspace: Workspace, kind: str, action: str, body: Json, *, app: bool = False) -> None:
    envelope: Json = {
        "type": kind,
        "action": action,
        "createdAt": iso(workspace.clock.stamp()),
        "organizationId": workspace.store.organization().id,
    }
    if app:
        envelope["oauthClientId"] = workspace.settings.client_id
        envelope["appUserId"] = workspace.app_user_id
    workspace.outbox(WebhookEvent(kind, action, envelope | body))


def _former(old: Issue, new: Issue) -> Json:
    before, now = dataclasses.asdict(old), dataclasses.asdict(new)
    changed = ((wire, before[name]) for name, wire in _TRACKED.items() if before[name] != now[name])
    return {wire: _plain(value) for wire, value in changed}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return iso(value) if isinstance(value, dt.datetime) else value


def _previous_comments(workspace: Workspace, mention: Comment | None) -> list[Comment]:
    if mention is None or mention.parent_id is None:
        return []
    issue = workspace.store.get(Issue, mention.issue_id)
    thread = (mention.parent_id,)
    return [
        comment
        for comment in workspace.store.comments(issue)
        if comment.id != mention.id and (comment.id in thread or comment.parent_id in thread)
    ]
