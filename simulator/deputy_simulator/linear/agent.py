"""What an application does in its sessions: say something, show a plan, a link, a title."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from deputy_simulator.linear import validation
from deputy_simulator.linear.entities import AgentActivity, AgentSession, Json, Link, User
from deputy_simulator.linear.errors import ForbiddenError
from deputy_simulator.linear.issues import NewComment, add_comment
from deputy_simulator.linear.sessions import ENDED, Happening, Status, of_activity

if TYPE_CHECKING:
    from deputy_simulator.linear.world import World

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


def create_activity(world: World, new: NewActivity, caller: User) -> AgentActivity:
    """Append an activity to the caller's session and move the session accordingly.

    Raises:
        NotFoundError: there is no such session.
        ForbiddenError: the session is another application's.
        ConflictError: the id is taken; nothing is changed.
        InvalidInputError: see `validation.check_activity`.
    """
    store = world.store
    session = own_session(world, new.session_id, caller)
    content = validation.check_activity(
        new.content, ephemeral=new.ephemeral, signal=new.signal, metadata=new.signal_metadata
    )
    activity = AgentActivity(
        id=store.claim_id(AgentActivity, new.id),
        **world.stamps(),
        agent_session_id=session.id,
        content=content,
        user_id=caller.id,
        ephemeral=new.ephemeral,
        signal=new.signal,
        signal_metadata=new.signal_metadata,
    )
    vanish(world, session)
    store.put(activity)
    _heard(world, session, of_activity(activity.type, new.signal))
    if activity.type in _COMMENTED:
        words = NewComment(
            issue_id=session.issue_id, body=str(content["body"]), parent_id=session.comment_id
        )
        add_comment(world, words, caller)
    return activity


def update_session(world: World, session: AgentSession, changes: Json) -> AgentSession:
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
        session = world.store.put(titled)
    return _heard(world, session, Happening.ACKNOWLEDGED, **wanted) if wanted else session


def own_session(world: World, session_id: str, caller: User) -> AgentSession:
    """Return the caller's session with this id.

    Raises:
        NotFoundError: there is none.
        ForbiddenError: it is another application's.
    """
    session = world.store.get(AgentSession, session_id)
    if session.app_user_id != caller.id:
        raise ForbiddenError("Only the OAuth application that owns the session can update it.")
    return session


def vanish(world: World, session: AgentSession) -> None:
    """Let the session's live ephemeral activity disappear, if there is one."""
    last = world.store.last_activity(session)
    if last is not None and last.ephemeral and last.vanished_at is None:
        world.store.put(dataclasses.replace(last, vanished_at=world.clock.stamp()))


def silence(world: World, seconds: float) -> list[AgentSession]:
    """Mark every session stale whose agent was not heard for `seconds`; return those."""
    now = world.clock.elapsed()
    quiet = [s for s in world.store.all(AgentSession) if now - s.heard_at >= seconds]
    return [
        world.move(session, Happening.SILENT)
        for session in quiet
        if session.status in {Status.PENDING, Status.ACTIVE}
    ]


def _heard(
    world: World, session: AgentSession, happening: Happening, **changes: Any
) -> AgentSession:
    now = world.clock.stamp()
    moved = world.move(
        session,
        happening,
        heard_at=world.clock.elapsed(),
        acknowledged_at=session.acknowledged_at or now,
        started_at=session.started_at or now,
        **changes,
    )
    ended = (moved.ended_at or now) if moved.status in ENDED else None
    if ended == moved.ended_at:
        return moved
    return world.store.put(dataclasses.replace(moved, ended_at=ended))


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
