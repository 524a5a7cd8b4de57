"""What people do, and what follows of it: delegate, mention, reply, stop, take away."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from deputy_simulator.linear import news
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
from deputy_simulator.linear.sessions import ENDED, Happening, Status

if TYPE_CHECKING:
    from deputy_simulator.linear.world import World


class NotEnabledError(LinearError):
    """The application has not switched on the category «Agent session events»."""

    kind = "feature not accessible"
    code = "FEATURE_NOT_ACCESSIBLE"

    def __init__(self) -> None:
        super().__init__("Agent sessions are not enabled for this application.")


def change_issue(world: World, issue: Issue, changes: Json, actor: User | None) -> Issue:
    """Change an issue as `update_issue` does, with what a change of delegate entails.

    A new delegate gets a session, unless it delegated to itself; a former one is told.
    """
    changed = update_issue(world, issue, changes, actor)
    if changed.delegate_id == issue.delegate_id:
        return changed
    if issue.delegate_id == world.app_user_id:
        news.notified(world, "issueUnassignedFromYou", changed, actor)
    delegate = world.store.find(User, changed.delegate_id)
    if delegate is None or (actor is not None and actor.id == delegate.id):
        return changed
    if delegate.id == world.app_user_id:
        news.notified(world, "issueAssignedToYou", changed, actor)
    if delegate.app and world.agent_sessions:
        open_session(world, changed, delegate, actor)
    return changed


def delegate(world: World, issue: Issue, actor: User | None) -> AgentSession | None:
    """Delegate an issue to the application; None while its session events are off.

    The delegating person becomes the assignee where there is none. An automation (`actor` is
    None) leaves the assignee alone.

    Raises:
        InvalidInputError: the application is the delegate already.
    """
    if issue.delegate_id == world.app_user_id:
        reason = f"{issue.identifier} is delegated to {world.app_user.name} already."
        raise InvalidInputError("delegateId", reason)
    changes: Json = {"delegate_id": world.app_user_id}
    if actor is not None and issue.assignee_id is None:
        changes["assignee_id"] = actor.id
    before = {session.id for session in world.sessions_of(issue)}
    change_issue(world, issue, changes, actor)
    fresh = [s for s in world.sessions_of(issue) if s.id not in before]
    return fresh[-1] if fresh else None


def open_session(world: World, issue: Issue, app_user: User, creator: User | None) -> AgentSession:
    """Open a session on an issue, on an anchor comment that Linear itself writes."""
    words = NewComment(
        issue_id=issue.id,
        body=f"This thread is for an agent session with {app_user.name}.",
        artificial=True,
    )
    anchor = add_comment(world, words, None)
    session = _session(world, issue, app_user, creator, anchor)
    news.session_created(world, session)
    return session


def open_session_by_app(
    world: World, issue: Issue, app_user: User, comment: Comment | None
) -> AgentSession:
    """Open a session that the application itself asks for, on an issue or a root comment.

    Raises:
        NotEnabledError: the application's session events are off.
    """
    if not world.agent_sessions:
        raise NotEnabledError
    if comment is None:
        words = f"This thread is for an agent session with {app_user.name}."
        new = NewComment(issue_id=issue.id, body=words, artificial=True)
        comment = add_comment(world, new, None)
    session = _session(world, issue, app_user, None, comment)
    return world.move(session, Happening.THOUGHT, started_at=session.created_at)


def comment(world: World, new: NewComment, actor: User) -> Comment:
    """Write a comment; a mention opens a session, a reply in a session's thread prompts it."""
    written = add_comment(world, new, actor)
    root = world.store.find(Comment, written.parent_id)
    session = world.session_of_thread(root) if root is not None else None
    if session is not None and not actor.app:
        _prompt(world, session, actor, written.body, source=written)
    elif world.mentions_app(written.body) and not actor.app and world.agent_sessions:
        issue = world.store.get(Issue, written.issue_id)
        news.notified(world, "issueCommentMention", issue, actor)
        session = _session(world, issue, world.app_user, actor, root or written, mention=written)
        news.session_created(world, session, written)
    return written


def reply(world: World, session: AgentSession, actor: User, body: str) -> AgentActivity:
    """Say something to the agent in its session."""
    words = NewComment(issue_id=session.issue_id, body=body, parent_id=session.comment_id)
    return _prompt(world, session, actor, body, source=add_comment(world, words, actor))


def stop(world: World, session: AgentSession, actor: User) -> AgentActivity:
    """Ask the agent to halt; a session that has ended stays ended."""
    return _prompt(world, session, actor, "Stop", signal="stop")


def dismiss(world: World, session: AgentSession, actor: User) -> AgentSession:
    """Put a session away: the agent is no longer the issue's delegate."""
    now = world.clock.stamp()
    gone = dataclasses.replace(
        session, dismissed_at=now, dismissed_by_id=actor.id, ended_at=now, updated_at=now
    )
    world.store.put(gone)
    issue = world.store.get(Issue, session.issue_id)
    if issue.delegate_id == session.app_user_id:
        change_issue(world, issue, {"delegate_id": None}, actor)
    return gone


def change_team_access(world: World, *, hide: list[Team], show: list[Team]) -> None:
    """Take teams from the application's sight, and give others back."""
    hidden = world.hidden_team_ids | {team.id for team in hide}
    world.hidden_team_ids = frozenset(hidden - {team.id for team in show})
    news.team_access_changed(world, show, hide)


def _session(
    world: World,
    issue: Issue,
    app_user: User,
    creator: User | None,
    root: Comment,
    *,
    mention: Comment | None = None,
) -> AgentSession:
    session_id = world.store.new_id()
    session = AgentSession(
        id=session_id,
        **world.stamps(),
        slug_id=session_id.replace("-", "")[:12],
        url=f"{issue.url}#agent-session-{session_id[:8]}",
        app_user_id=app_user.id,
        creator_id=creator.id if creator else None,
        issue_id=issue.id,
        comment_id=root.id,
        heard_at=world.clock.elapsed(),
        source_comment_id=mention.id if mention is not None and mention is not root else None,
        source_metadata={"type": "comment"} if mention is not None else None,
    )
    return world.store.put(session)


def _prompt(
    world: World,
    session: AgentSession,
    actor: User,
    body: str,
    *,
    source: Comment | None = None,
    signal: str | None = None,
) -> AgentActivity:
    activity = AgentActivity(
        id=world.store.new_id(),
        **world.stamps(),
        agent_session_id=session.id,
        content={"type": "prompt", "body": body},
        user_id=actor.id,
        signal=signal,
        source_comment_id=source.id if source is not None else None,
    )
    vanish(world, session)
    world.store.put(activity)
    happening = Happening.STOPPED if signal == "stop" else Happening.PROMPTED
    news.session_prompted(world, _moved(world, session, happening), activity)
    return activity


def _moved(world: World, session: AgentSession, happening: Happening) -> AgentSession:
    moved = world.move(session, happening)
    if moved.status is session.status:
        return moved
    if session.status in ENDED:
        moved = world.store.put(dataclasses.replace(moved, ended_at=None))
    if moved.status is Status.PENDING:
        return world.store.put(
            dataclasses.replace(moved, heard_at=world.clock.elapsed(), acknowledged_at=None)
        )
    return moved
