"""Bodies of webhooks, field by field as Linear's SDK types them.

What is stamped at each attempt (`webhookId`, `webhookTimestamp`) is added by the sender.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deputy_simulator.linear.clock import iso
from deputy_simulator.linear.entities import (
    AgentActivity,
    AgentSession,
    Comment,
    Issue,
    IssueLabel,
    Json,
    Node,
    Team,
    User,
    WorkflowState,
)

if TYPE_CHECKING:
    import datetime as dt

    from deputy_simulator.linear.store import Store

PRIORITIES = ("No priority", "Urgent", "High", "Medium", "Low")


def moment(value: dt.datetime | None) -> str | None:
    """Return a time stamp as it is written in JSON."""
    return iso(value) if value is not None else None


def stamps(node: Node) -> Json:
    """Return what every entity has."""
    return {
        "id": node.id,
        "createdAt": iso(node.created_at),
        "updatedAt": iso(node.updated_at),
        "archivedAt": moment(node.archived_at),
    }


def user_child(user: User | None) -> Json | None:
    """Return a user inside another entity."""
    if user is None:
        return None
    return {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "avatarUrl": None,
        "url": user.url,
    }


def team_child(team: Team) -> Json:
    """Return a team inside another entity."""
    return {"id": team.id, "key": team.key, "name": team.name}


def issue_child(store: Store, issue: Issue, *, described: bool = True) -> Json:
    """Return an issue inside another entity: no state, no labels, no delegate."""
    child: Json = {
        "id": issue.id,
        "identifier": issue.identifier,
        "title": issue.title,
        "url": issue.url,
        "teamId": issue.team_id,
        "team": team_child(store.get(Team, issue.team_id)),
    }
    return child | {"description": issue.description} if described else child


def comment_child(comment: Comment) -> Json:
    """Return a comment inside another entity."""
    return {
        "id": comment.id,
        "body": comment.body,
        "userId": comment.user_id,
        "issueId": comment.issue_id,
    }


def actor(user: User | None) -> Json | None:
    """Return who did it, for changes of data."""
    child = user_child(user)
    return child | {"type": "user"} if child is not None else None


def session(store: Store, seen: AgentSession) -> Json:
    """Return a session as `AgentSessionWebhookPayload`."""
    return stamps(seen) | {
        "creatorId": seen.creator_id,
        "appUserId": seen.app_user_id,
        "commentId": seen.comment_id,
        "issueId": seen.issue_id,
        "status": seen.status.value,
        "startedAt": moment(seen.started_at),
        "endedAt": moment(seen.ended_at),
        "type": "commentThread",
        "summary": seen.summary,
        "sourceMetadata": seen.source_metadata,
        "sourceCommentId": seen.source_comment_id,
        "organizationId": store.organization().id,
        "creator": user_child(store.find(User, seen.creator_id)),
        "comment": comment_child(store.get(Comment, seen.comment_id)),
        "issue": issue_child(store, store.get(Issue, seen.issue_id)),
        "url": seen.url,
    }


def activity(store: Store, seen: AgentActivity) -> Json:
    """Return an activity as `AgentActivityWebhookPayload`."""
    return stamps(seen) | {
        "agentSessionId": seen.agent_session_id,
        "content": seen.content,
        "signal": seen.signal,
        "signalMetadata": seen.signal_metadata,
        "sourceCommentId": seen.source_comment_id,
        "userId": seen.user_id,
        "user": user_child(store.find(User, seen.user_id)),
    }


def issue(store: Store, seen: Issue) -> Json:
    """Return an issue as the `data` of an `Issue` event."""
    state = store.get(WorkflowState, seen.state_id)
    return (
        stamps(seen)
        | issue_child(store, seen)
        | {
            "number": seen.number,
            "priority": seen.priority,
            "priorityLabel": PRIORITIES[seen.priority],
            "prioritySortOrder": -1.0,
            "sortOrder": -10.0,
            "labelIds": list(seen.label_ids),
            "labels": [_label(store.get(IssueLabel, known)) for known in seen.label_ids],
            "previousIdentifiers": [],
            "stateId": seen.state_id,
            "state": {
                "id": state.id,
                "color": state.color,
                "name": state.name,
                "type": state.type,
            },
            "assigneeId": seen.assignee_id,
            "assignee": user_child(store.find(User, seen.assignee_id)),
            "delegateId": seen.delegate_id,
            "delegate": user_child(store.find(User, seen.delegate_id)),
            "creatorId": seen.creator_id,
            "creator": user_child(store.find(User, seen.creator_id)),
            "parentId": seen.parent_id,
            "subscriberIds": [seen.creator_id] if seen.creator_id else [],
            "reactionData": [],
            "releases": [],
            "startedAt": moment(seen.started_at),
            "completedAt": moment(seen.completed_at),
            "canceledAt": moment(seen.canceled_at),
            "trashed": seen.trashed,
            "botActor": None,
        }
    )


def comment(store: Store, seen: Comment) -> Json:
    """Return a comment as the `data` of a `Comment` event."""
    parent = store.find(Comment, seen.parent_id)
    return stamps(seen) | {
        "body": seen.body,
        "issueId": seen.issue_id,
        "parentId": seen.parent_id,
        "parent": comment_child(parent) if parent is not None else None,
        "userId": seen.user_id,
        "user": user_child(store.find(User, seen.user_id)),
        "reactionData": [],
        "botActor": None,
        "editedAt": moment(seen.edited_at),
        "resolvedAt": moment(seen.resolved_at),
        "quotedText": seen.quoted_text,
        "issue": issue_child(store, store.get(Issue, seen.issue_id), described=False),
    }


def _label(label: IssueLabel) -> Json:
    return {
        "id": label.id,
        "color": label.color,
        "name": label.name,
        "parentId": label.parent_id,
    }
