"""What people do, and what follows of it: delegate, mention, reply, stop, take away."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from deputy_simulator.linear import webhook_events
from deputy_simulator.linear.agent import vanish
from deputy_simulator.linear.entities import (
    AgentActivity,
    AgentSession,
    Comment,
    Issue,
    Json,
    Team,
    User,
)
from deputy_simulator.linear.errors import InvalidInputError, LinearError
from deputy_simulator.linear.issues import NewComment, add_comment, update_issue
from deputy_simulator.linear.sessions import ENDED, SessionEvent, Status

if TYPE_CHECKING:
    from deputy_simulator.linear.workspace import Workspace


class NotEnabledError(LinearError):
    """The application has not switched on the category «Agent session events»."""

    kind = "feature not accessible"
    code = "FEATURE_NOT_ACCESSIBLE"

    def __init__(self) -> None:
        super().__init__("Agent sessions are not enabled for this application.")


def change_issue(workspace: Workspace, issue: Issue, changes: Json, actor: User | None) -> Issue:
    """Change an issue as `update_issue` does, with what a change of delegate entails.

    A new delegate gets a session, unless it delegated to itself; a former one is told.
    """
    changed = update_issue(workspace, issue, changes, actor)
    if changed.delegate_id == issue.delegate_id:
        return changed
    if issue.delegate_id == workspace.app_user_id:
        webhook_events.notified(workspace, "issueUnassignedFromYou", changed, actor)
    delegate = workspace.store.find(User, changed.delegate_id)
    if delegate is None or (actor is not None and actor.id == delegate.id):
        return changed
    if delegate.id == workspace.app_user_id:
        webhook_events.notified(workspace, "issueAssignedToYou", changed, actor)
    if delegate.app and workspace.agent_sessions:
        open_session(workspace, changed, delegate, actor)
    return changed


def delegate(workspace: Workspace, issue: Issue, actor: User | None) -> AgentSession | None:
    """Delegate an issue to the application; None while its session events are off.

    The delegating person becomes the assignee where there is none. An automation (`actor` is
    None) leaves the assignee alone.

    Raises:
        InvalidInputError: the application is the delegate already.
    """
    if issue.delegate_id == workspace.app_user_id:
        reason = f"{issue.identifier} is delegated to {workspace.app_user.name} already."
        raise InvalidInputError("delegateId", reason)
    changes: Json = {"delegate_id": workspace.app_user_id}
    if actor is not None and issue.assignee_id is None:
        changes["assignee_id"] = actor.id
    before = {session.id for session in workspace.sessions_of(issue)}
    change_issue(workspace, issue, changes, actor)
    fresh = [s for s in workspace.sessions_of(issue) if s.id not in before]
    return fresh[-1] if fresh else None


def open_session(
    workspace: Workspace, issue: Issue, app_user: User, creator: User | None
) -> AgentSession:
    """Open a session on an issue, on an anchor comment that Linear itself writes."""
    words = NewComment(
        issue_id=issue.id,
        body=f"This thread is for an agent session with {app_user.name}.",
        artificial=True,
    )
    anchor = add_comment(workspace, words, None)
    session = _session(workspace, issue, app_user, creator, anchor)
    webhook_events.session_created(workspace, session)
    return session


def open_session_by_app(
    workspace: Workspace, issue: Issue, app_user: User, comment: Comment | None
) -> AgentSession:
    """Open a session that the application itself asks for, on an issue or a root comment.

    Raises:
        NotEnabledError: the application's session events are off.
    """
    if not workspace.agent_sessions:
        raise NotEnabledError
    if comment is None:
        words = f"This thread is for an agent session with {app_user.name}."
        new = NewComment(issue_id=issue.id, body=words, artificial=True)
        comment = add_comment(workspace, new, None)
    session = _session(workspace, issue, app_user, None, comment)
    return workspace.move(session, SessionEvent.THOUGHT, started_at=session.created_at)


def comment(workspace: Workspace, new: NewComment, actor: User) -> Comment:
    """Write a comment; a mention opens a session, a reply in a session's thread prompts it."""
    written = add_comment(workspace, new, actor)
    root = workspace.store.find(Comment, written.parent_id)
    session = workspace.session_of_thread(root) if root is not None else None
    if session is not None and not actor.app:
        _prompt(workspace, session, actor, written.body, source=written)
    elif workspace.mentions_app(written.body) and not actor.app and workspace.agent_sessions:
        issue = workspace.store.get(Issue, written.issue_id)
        webhook_events.notified(workspace, "issueCommentMention", issue, actor)
        session = _session(
            workspace, issue, workspace.app_user, actor, root or written, mention=written
        )
        webhook_events.session_created(workspace, session, written)
    return written


def reply(workspace: Workspace, session: AgentSession, actor: User, body: str) -> AgentActivity:
    """Say something to the agent in its session."""
    words = NewComment(issue_id=session.issue_id, body=body, parent_id=session.comment_id)
    return _prompt(workspace, session, actor, body, source=add_comment(workspace, words, actor))


def stop(workspace: Workspace, session: AgentSession, actor: User) -> AgentActivity:
    """Ask the agent to halt; a session that has ended stays ended."""
    return _prompt(workspace, session, actor, "Stop", signal="stop")


def dismiss(workspace: Workspace, session: AgentSession, actor: User) -> AgentSession:
    """Put a session away: the agent is no longer the issue's delegate."""
    now = workspace.clock.stamp()
    gone = dataclasses.replace(
        session, dismissed_at=now, dismissed_by_id=actor.id, ended_at=now, updated_at=now
    )
    workspace.store.put(gone)
    issue = workspace.store.get(Issue, session.issue_id)
    if issue.delegate_id == session.app_user_id:
        change_issue(workspace, issue, {"delegate_id": None}, actor)
    return gone


def change_team_access(workspace: Workspace, *, hide: list[Team], show: list[Team]) -> None:
    """Take teams from the application's sight, and give others back."""
    hidden = workspace.hidden_team_ids | {team.id for team in hide}
    workspace.hidden_team_ids = frozenset(hidden - {team.id for team in show})
    webhook_events.team_access_changed(workspace, show, hide)


def _session(
    workspace: Workspace,
    issue: Issue,
    app_user: User,
    creator: User | None,
    root: Comment,
    *,
    mention: Comment | None = None,
) -> AgentSession:
    session_id = workspace.store.new_id()
    session = AgentSession(
        id=session_id,
        **workspace.stamps(),
        slug_id=session_id.replace("-", "")[:12],
        url=f"{issue.url}#agent-session-{session_id[:8]}",
        app_user_id=app_user.id,
        creator_id=creator.id if creator else None,
        issue_id=issue.id,
        comment_id=root.id,
        heard_at=workspace.clock.elapsed(),
        source_comment_id=mention.id if mention is not None and mention is not root else None,
        source_metadata={"type": "comment"} if mention is not None else None,
    )
    return workspace.store.put(session)


def _prompt(
    workspace: Workspace,
    session: AgentSession,
    actor: User,
    body: str,
    *,
    source: Comment | None = None,
    signal: str | None = None,
) -> AgentActivity:
    activity = AgentActivity(
        id=workspace.store.new_id(),
        **workspace.stamps(),
        agent_session_id=session.id,
        content={"type": "prompt", "body": body},
        user_id=actor.id,
        signal=signal,
        source_comment_id=source.id if source is not None else None,
    )
    vanish(workspace, session)
    workspace.store.put(activity)
    event = SessionEvent.STOPPED if signal == "stop" else SessionEvent.PROMPTED
    webhook_events.session_prompted(workspace, _moved(workspace, session, event), activity)
    return activity


def _moved(workspace: Workspace, session: AgentSession, event: SessionEvent) -> AgentSession:
    moved = workspace.move(session, event)
    if moved.status is session.status:
        return moved
    if session.status in ENDED:
        moved = workspace.store.put(dataclasses.replace(moved, ended_at=None))
    if moved.status is Status.PENDING:
        return workspace.store.put(
            dataclasses.replace(moved, heard_at=workspace.clock.elapsed(), acknowledged_at=None)
        )
    return moved
