"""The organisation as JSON for tests and for the page: whole, with every time stamp."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from deputy_simulator.linear.clock import epoch_ms, iso
from deputy_simulator.linear.entities import (
    AgentActivity,
    AgentSession,
    Attachment,
    Comment,
    Issue,
    IssueLabel,
    Json,
    Node,
    Team,
    User,
    WorkflowState,
)
from deputy_simulator.linear.payloads import PRIORITIES, moment, stamps, team_child
from deputy_simulator.linear.sessions import ANSWER_DUE

if TYPE_CHECKING:
    from deputy_simulator.linear.webhooks import Attempt, Delivery
    from deputy_simulator.linear.workspace import Workspace


def person(user: User | None) -> Json | None:
    """Show a user."""
    if user is None:
        return None
    return {
        "id": user.id,
        "name": user.name,
        "displayName": user.display_name,
        "email": user.email,
        "app": user.app,
    }


def team(seen: Team) -> Json:
    """Show a team."""
    return team_child(seen)


def state(seen: WorkflowState) -> Json:
    """Show a workflow state."""
    return {
        "id": seen.id,
        "name": seen.name,
        "type": seen.type,
        "color": seen.color,
        "position": seen.position,
        "teamId": seen.team_id,
    }


def issue(workspace: Workspace, seen: Issue) -> Json:
    """Show an issue, without its comments."""
    store = workspace.store
    labels = [store.get(IssueLabel, known) for known in seen.label_ids]
    return stamps(seen) | {
        "identifier": seen.identifier,
        "number": seen.number,
        "title": seen.title,
        "description": seen.description,
        "url": seen.url,
        "branchName": seen.branch_name,
        "priority": seen.priority,
        "priorityLabel": PRIORITIES[seen.priority],
        "team": team_child(store.get(Team, seen.team_id)),
        "state": state(store.get(WorkflowState, seen.state_id)),
        "labels": [{"id": k.id, "name": k.name, "color": k.color} for k in labels],
        "assignee": person(store.find(User, seen.assignee_id)),
        "delegate": person(store.find(User, seen.delegate_id)),
        "creator": person(store.find(User, seen.creator_id)),
        "startedAt": moment(seen.started_at),
        "completedAt": moment(seen.completed_at),
        "canceledAt": moment(seen.canceled_at),
        "trashed": bool(seen.trashed),
        "sessionIds": [session.id for session in workspace.sessions_of(seen)],
    }


def whole_issue(workspace: Workspace, seen: Issue) -> Json:
    """Show an issue with its comments, attachments and sessions."""
    store = workspace.store
    linked = [a for a in store.all(Attachment) if a.issue_id == seen.id]
    return issue(workspace, seen) | {
        "comments": [comment(workspace, known) for known in store.comments(seen)],
        "attachments": [attachment(workspace, known) for known in linked],
        "sessions": [session(workspace, known) for known in workspace.sessions_of(seen)],
    }


def comment(workspace: Workspace, seen: Comment) -> Json:
    """Show a comment."""
    return stamps(seen) | {
        "body": seen.body,
        "issueId": seen.issue_id,
        "parentId": seen.parent_id,
        "user": person(workspace.store.find(User, seen.user_id)),
        "artificial": seen.is_artificial_agent_session_root,
    }


def attachment(workspace: Workspace, seen: Attachment) -> Json:
    """Show a link on an issue."""
    return stamps(seen) | {
        "title": seen.title,
        "subtitle": seen.subtitle,
        "url": seen.url,
        "issueId": seen.issue_id,
        "metadata": seen.metadata,
        "sourceType": seen.source_type,
        "creator": person(workspace.store.find(User, seen.creator_id)),
    }


def session(workspace: Workspace, seen: AgentSession) -> Json:
    """Show a session, without its activities."""
    store = workspace.store
    subject = store.get(Issue, seen.issue_id)
    return stamps(seen) | {
        "slugId": seen.slug_id,
        "url": seen.url,
        "status": seen.status.value,
        "issueId": subject.id,
        "issueIdentifier": subject.identifier,
        "issueTitle": subject.title,
        "appUser": person(store.find(User, seen.app_user_id)),
        "creator": person(store.find(User, seen.creator_id)),
        "commentId": seen.comment_id,
        "sourceCommentId": seen.source_comment_id,
        "sourceMetadata": seen.source_metadata,
        "acknowledgedAt": moment(seen.acknowledged_at),
        "acknowledgedAfterMs": _answer_ms(seen),
        "answeredInTime": _in_time(workspace, seen),
        "startedAt": moment(seen.started_at),
        "endedAt": moment(seen.ended_at),
        "dismissedAt": moment(seen.dismissed_at),
        "summary": seen.summary,
        "plan": seen.plan,
        "externalUrls": [{"label": link.label, "url": link.url} for link in seen.external_links],
    }


def whole_session(workspace: Workspace, seen: AgentSession) -> Json:
    """Show a session with what it shows a person (`activities`) and all it ever held."""
    history = [
        activity(workspace, known) for known in workspace.store.activities(seen, vanished=True)
    ]
    return session(workspace, seen) | {
        "activities": [known for known in history if known["vanishedAt"] is None],
        "history": history,
        "plans": list(seen.plans),
    }


def activity(workspace: Workspace, seen: AgentActivity) -> Json:
    """Show an activity."""
    return stamps(seen) | {
        "sessionId": seen.agent_session_id,
        "type": seen.type,
        "content": seen.content,
        "ephemeral": seen.ephemeral,
        "vanishedAt": moment(seen.vanished_at),
        "signal": seen.signal,
        "signalMetadata": seen.signal_metadata,
        "user": person(workspace.store.find(User, seen.user_id)),
        "sourceCommentId": seen.source_comment_id,
    }


def delivery(seen: Delivery) -> Json:
    """Show a delivery of a webhook with its attempts, without the body."""
    body = seen.event.body
    subject = body.get("agentSession") or {}
    prompt = body.get("agentActivity") or {}
    data = body.get("data") or body.get("notification") or {}
    return {
        "id": seen.id,
        "type": seen.event.type,
        "action": seen.event.action,
        "sessionId": subject.get("id"),
        "activityId": prompt.get("id"),
        "issueId": subject.get("issueId") or data.get("issueId") or data.get("id"),
        "state": seen.state,
        "madeAt": iso(seen.made_at),
        "attempts": [_attempt(known) for known in seen.attempts],
    }


def node(workspace: Workspace, seen: Node) -> tuple[str, Json] | None:
    """Show an entity with the name of its kind; None for what the page does not show."""
    match seen:
        case Issue():
            return "issue", issue(workspace, seen)
        case AgentSession():
            return "session", session(workspace, seen)
        case AgentActivity():
            return "activity", activity(workspace, seen)
        case Comment():
            return "comment", comment(workspace, seen)
        case Attachment():
            return "attachment", attachment(workspace, seen)
        case _:
            return None


def everything(workspace: Workspace) -> Json:
    """Show what the page begins with."""
    store = workspace.store
    organization = store.organization()
    return {
        "organization": {
            "id": organization.id,
            "name": organization.name,
            "urlKey": organization.url_key,
        },
        "app": person(workspace.app_user),
        "teams": [team(known) for known in store.all(Team)],
        "states": [state(known) for known in store.all(WorkflowState)],
        "labels": [{"id": k.id, "name": k.name, "color": k.color} for k in store.all(IssueLabel)],
        "users": [person(known) for known in store.all(User)],
        "issues": [issue(workspace, known) for known in store.all(Issue)],
        "sessions": [session(workspace, known) for known in store.all(AgentSession)],
        "activities": [activity(workspace, known) for known in store.all(AgentActivity)],
        "comments": [comment(workspace, known) for known in store.all(Comment)],
        "attachments": [attachment(workspace, known) for known in store.all(Attachment)],
        "now": iso(workspace.clock.stamp()),
    }


def _attempt(seen: Attempt) -> Json:
    return {
        "sentAt": iso(seen.sent_at),
        "answeredAt": iso(seen.sent_at + dt.timedelta(milliseconds=seen.milliseconds)),
        "milliseconds": seen.milliseconds,
        "status": seen.status,
        "error": seen.error,
    }


def _answer_ms(seen: AgentSession) -> int | None:
    if seen.acknowledged_at is None:
        return None
    return epoch_ms(seen.acknowledged_at) - epoch_ms(seen.created_at)


def _in_time(workspace: Workspace, seen: AgentSession) -> bool | None:
    """Say whether the agent answered when it was due; None while there is time left."""
    taken = _answer_ms(seen)
    if taken is not None:
        return taken <= ANSWER_DUE * 1000
    left = workspace.clock.elapsed() - seen.heard_at < ANSWER_DUE
    return None if left else False
