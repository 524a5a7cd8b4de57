"""What an application does in its sessions: say something, show a plan, a link, a title."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from deputy_simulator.linear import validation
from deputy_simulator.linear.entities import AgentActivity, AgentSession, Json, Link, User
from deputy_simulator.linear.errors import ForbiddenError
from deputy_simulator.linear.issues import NewComment, add_comment
from deputy_simulator.linear.sessions import ENDED, SessionEvent, Status, of_activity

if TYPE_CHECKING:
    from deputy_simulator.linear.workspace import Workspace

#: Types whose body Linear also writes into the thread as a comment.
_COMMENTED = frozenset({"response", "elicitation", "error"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NewActivity:
    """What an agent wants to say, unchecked."""

    session_id: str
    content: Any
    id: str | None = None
    ephemeral: bool = False
    signal: str | None = None
    signal_metadata: Any = None


def create_activity(workspace: Workspace, new: NewActivity, caller: User) -> AgentActivity:
    """Append an activity to the caller's session and move the session accordingly.

    Raises:
        NotFoundError: there is no such session.
        ForbiddenError: the session is another application's.
        ConflictError: the id is taken; nothing is changed.
        InvalidInputError: see `validation.check_activity`.
    """
    store = workspace.store
    session = own_session(workspace, new.session_id, caller)
    content = validation.check_activity(
        new.content, ephemeral=new.ephemeral, signal=new.signal, metadata=new.signal_metadata
    )
    activity = AgentActivity(
        id=store.claim_id(AgentActivity, new.id),
        **workspace.stamps(),
        agent_session_id=session.id,
        content=content,
        user_id=caller.id,
        ephemeral=new.ephemeral,
        signal=new.signal,
        signal_metadata=new.signal_metadata,
    )
    vanish(workspace, session)
    store.put(activity)
    _heard(workspace, session, of_activity(activity.type, new.signal))
    if activity.type in _COMMENTED:
        words = NewComment(
            issue_id=session.issue_id, body=str(content["body"]), parent_id=session.comment_id
        )
        add_comment(workspace, words, caller)
    return activity


def update_session(workspace: Workspace, session: AgentSession, changes: Json) -> AgentSession:
    """Set plan, links or title (names as in `AgentSessionUpdateInput`) of a session.

    A title alone does not count as a sign of life, the others do.
    """
    wanted: dict[str, Any] = {}
    if "plan" in changes:
        plan = validation.check_plan(changes["plan"])
        wanted |= {"plan": plan, "plans": (*session.plans, plan)}
    links = _links(session, changes)
    if links is not None:
        wanted["external_links"] = links
    if not wanted and "summary" not in changes:
        return session
    if "summary" in changes:
        titled = dataclasses.replace(session, summary=validation.check_summary(changes["summary"]))
        session = workspace.store.put(titled)
    return _heard(workspace, session, SessionEvent.ACKNOWLEDGED, **wanted) if wanted else session


def own_session(workspace: Workspace, session_id: str, caller: User) -> AgentSession:
    """Return the caller's session with this id.

    Raises:
        NotFoundError: there is none.
        ForbiddenError: it is another application's.
    """
    session = workspace.store.get(AgentSession, session_id)
    if session.app_user_id != caller.id:
        raise ForbiddenError("Only the OAuth application that owns the session can update it.")
    return session


def vanish(workspace: Workspace, session: AgentSession) -> None:
    """Let the session's live ephemeral activity disappear, if there is one."""
    last = workspace.store.last_activity(session)
    if last is not None and last.ephemeral and last.vanished_at is None:
        workspace.store.put(dataclasses.replace(last, vanished_at=workspace.clock.stamp()))


def silence(workspace: Workspace, seconds: float) -> list[AgentSession]:
    """Mark every session stale whose agent was not heard for `seconds`; return those."""
    now = workspace.clock.elapsed()
    quiet = [s for s in workspace.store.all(AgentSession) if now - s.heard_at >= seconds]
    return [
        workspace.move(session, SessionEvent.SILENT)
        for session in quiet
        if session.status in {Status.PENDING, Status.ACTIVE}
    ]


def _heard(
    workspace: Workspace, session: AgentSession, event: SessionEvent, **changes: Any
) -> AgentSession:
    now = workspace.clock.stamp()
    moved = workspace.move(
        session,
        event,
        heard_at=workspace.clock.elapsed(),
        acknowledged_at=session.acknowledged_at or now,
        started_at=session.started_at or now,
        **changes,
    )
    ended = (moved.ended_at or now) if moved.status in ENDED else None
    if ended == moved.ended_at:
        return moved
    return workspace.store.put(dataclasses.replace(moved, ended_at=ended))


def _links(session: AgentSession, changes: Json) -> tuple[Link, ...] | None:
    """Return the session's links after `changes`, or None where they say nothing of links."""
    if changes.get("externalUrls") is not None:
        return validation.check_links(changes["externalUrls"])
    added = validation.check_links(changes.get("addedExternalUrls"))
    removed = set(changes.get("removedExternalUrls") or ()) | {link.url for link in added}
    if changes.get("externalLink"):
        added = (*added, Link(label="Open", url=str(changes["externalLink"])))
    if not added and not removed:
        return None
    return (*(link for link in session.external_links if link.url not in removed), *added)
