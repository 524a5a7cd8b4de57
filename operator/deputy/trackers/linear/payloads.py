"""Read the bodies of Linear's webhooks into events.

Fields that we do not know are of no interest; what Linear says may be absent may be absent.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from deputy.trackers.events import (
    AppRevoked,
    CommentCreated,
    Event,
    Ignored,
    IssueChanged,
    IssueRef,
    Person,
    SessionCreated,
    SessionElsewhere,
    SessionPrompted,
    TeamAccessChanged,
    TeamRef,
    Unassigned,
    is_stop_word,
)
from deputy.trackers.linear.refusal import Malformed

_Object: TypeAlias = Mapping[str, Any]

#: How the comment begins that Linear itself writes above a delegation.
_ANCHOR = "This thread is for an agent session with"

#: Types of workflow states in which nobody wants the work any more.
_CANCELED = frozenset({"canceled", "duplicate"})

_USER = re.compile(r"<user\b[^<>]*>([^<]*)</user>")


def event_of(found: _Object) -> Event:
    """Return what a body says; raise `Malformed` where a field is missing that is promised."""
    kind, action = _text(found, "type"), _text(found, "action")
    read = _READERS.get((kind, action))
    event = read(found) if read is not None else None
    return event if event is not None else Ignored(f"{kind}/{action}")


def _created(found: _Object) -> Event:
    session = _object(found, "agentSession")
    issue = _issue(session.get("issue"))
    if issue is None:
        return _elsewhere(found)
    is_mention = _is_mention(session)
    return SessionCreated(
        organization_id=_text(found, "organizationId"),
        app_user_id=_text(found, "appUserId"),
        session_id=_text(session, "id"),
        issue=issue,
        delegator=_person(session.get("creator"), session.get("creatorId")),
        is_mention=is_mention,
        prompt_context=_words(found, "promptContext"),
        text=_mention(found, session) if is_mention else "",
        guidance=tuple(_words(rule, "body") for rule in _objects(found, "guidance")),
        comment_id=_maybe(session, "commentId"),
    )


def _prompted(found: _Object) -> Event:
    session = _object(found, "agentSession")
    activity = _object(found, "agentActivity")
    text = _words(_object(activity, "content"), "body")
    author = _person(activity.get("user"), activity.get("userId"))
    if author is None:
        raise Malformed("agentActivity has no user")
    return SessionPrompted(
        organization_id=_text(found, "organizationId"),
        app_user_id=_text(found, "appUserId"),
        session_id=_text(session, "id"),
        issue=_issue(session.get("issue")),
        activity_id=_text(activity, "id"),
        author=author,
        text=text,
        is_stop=activity.get("signal") == "stop" or is_stop_word(text),
    )


def _elsewhere(found: _Object) -> Event:
    return SessionElsewhere(
        _text(found, "organizationId"),
        _text(found, "appUserId"),
        _text(_object(found, "agentSession"), "id"),
    )


def _issue_updated(found: _Object) -> Event | None:
    data, before = _object(found, "data"), _maybe_object(found, "updatedFrom")
    was = _maybe(before, "delegateId")
    return _issue_changed(
        found,
        undelegated_from=was if was != data.get("delegateId") else None,
        is_canceled=_type_of_state(data) in _CANCELED
        and bool({"stateId", "canceledAt"} & {*before}),
        is_removed=any(name in before and data.get(name) for name in ("trashed", "archivedAt")),
    )


def _issue_removed(found: _Object) -> Event | None:
    return _issue_changed(found, undelegated_from=None, is_canceled=False, is_removed=True)


def _issue_changed(
    found: _Object, *, undelegated_from: str | None, is_canceled: bool, is_removed: bool
) -> IssueChanged | None:
    """Return the change, or None for one that takes nothing away from us."""
    if not (undelegated_from or is_canceled or is_removed):
        return None
    data = _object(found, "data")
    return IssueChanged(
        organization_id=_text(found, "organizationId"),
        issue_id=_text(data, "id"),
        identifier=_words(data, "identifier"),
        undelegated_from=undelegated_from,
        is_canceled=is_canceled,
        is_removed=is_removed,
        actor=_actor(found),
    )


def _unassigned(found: _Object) -> Event:
    notification = _object(found, "notification")
    return Unassigned(
        organization_id=_text(found, "organizationId"),
        app_user_id=_text(found, "appUserId"),
        issue_id=_text(notification, "issueId"),
        actor=_person(notification.get("actor"), notification.get("actorId")),
    )


def _revoked(found: _Object) -> Event:
    return AppRevoked(_text(found, "organizationId"), _text(found, "oauthClientId"))


def _access_changed(found: _Object) -> Event:
    return TeamAccessChanged(
        organization_id=_text(found, "organizationId"),
        app_user_id=_text(found, "appUserId"),
        added=_texts(found, "addedTeamIds"),
        removed=_texts(found, "removedTeamIds"),
        all_public_teams=found.get("canAccessAllPublicTeams") is True,
    )


def _commented(found: _Object) -> Event:
    data = _object(found, "data")
    is_person = not data.get("botActor") and _actor(found) is not None
    return CommentCreated(
        organization_id=_text(found, "organizationId"),
        comment_id=_text(data, "id"),
        parent_id=_maybe(data, "parentId"),
        issue=_issue(data.get("issue")),
        author=_person(data.get("user"), data.get("userId")) if is_person else None,
        text=_words(data, "body"),
    )


#: What is read of each type and action; everything else is ignored.
_READERS = {
    ("AgentSessionEvent", "created"): _created,
    ("AgentSessionEvent", "prompted"): _prompted,
    ("Issue", "update"): _issue_updated,
    ("Issue", "remove"): _issue_removed,
    ("AppUserNotification", "issueUnassignedFromYou"): _unassigned,
    ("OAuthApp", "revoked"): _revoked,
    ("PermissionChange", "teamAccessChanged"): _access_changed,
    ("Comment", "create"): _commented,
}


def _is_mention(session: _Object) -> bool:
    """Tell a mention from a delegation; their payloads look alike.

    The source says it where Linear sends one; else a delegation is told by the comment that
    Linear writes above it.
    """
    source = session.get("sourceMetadata")
    if isinstance(source, Mapping):
        return source.get("type") == "comment"
    comment = _maybe_object(session, "comment")
    return bool(comment.get("userId")) and not _words(comment, "body").startswith(_ANCHOR)


def _mention(found: _Object, session: _Object) -> str:
    """Return the words of a mention, which may stand anywhere in the thread of its comment."""
    root = _maybe_object(session, "comment")
    source = session.get("sourceCommentId") or root.get("id")
    for comment in (root, *_objects(found, "previousComments")):
        if comment.get("id") == source:
            return _words(comment, "body")
    return _last_of_thread(_words(found, "promptContext"))


def _last_of_thread(context: str) -> str:
    """Return the newest comment of the thread that the prompt context begins with, or nothing.

    The context only looks like XML: nothing in it is escaped, so no parser may see it, and no
    search may go back and forth in what could be long and written to be slow.
    """
    end = context.find("</primary-directive-thread>")
    end = context.rfind("</comment>", 0, end) if end >= 0 else -1
    begin = context.rfind("<comment", 0, end) if end >= 0 else -1
    _, closed, words = context[begin:end].partition(">") if begin >= 0 else ("", "", "")
    return _USER.sub(r"@\1", words).strip() if closed else ""


def _issue(found: object) -> IssueRef | None:
    if not isinstance(found, Mapping):
        return None
    team = _object(found, "team")
    return IssueRef(
        id=_text(found, "id"),
        identifier=_words(found, "identifier"),
        title=_words(found, "title"),
        url=_words(found, "url"),
        team=TeamRef(_text(team, "id"), _words(team, "key"), _words(team, "name")),
        description=_words(found, "description"),
    )


def _person(found: object, person_id: object) -> Person | None:
    if isinstance(found, Mapping):
        return Person(_text(found, "id"), _words(found, "name"), _words(found, "email"))
    return Person(person_id) if isinstance(person_id, str) and person_id else None


def _actor(found: _Object) -> Person | None:
    actor = found.get("actor")
    if not isinstance(actor, Mapping) or actor.get("type") != "user":
        return None
    return _person(actor, None)


def _type_of_state(data: _Object) -> str:
    return _words(_maybe_object(data, "state"), "type")


def _object(found: _Object, name: str) -> _Object:
    value = found.get(name)
    if not isinstance(value, Mapping):
        raise Malformed(f"{name} is missing or not an object")
    return value


def _maybe_object(found: _Object, name: str) -> _Object:
    value = found.get(name)
    return value if isinstance(value, Mapping) else {}


def _objects(found: _Object, name: str) -> list[_Object]:
    value = found.get(name)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _texts(found: _Object, name: str) -> tuple[str, ...]:
    value = found.get(name)
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _text(found: _Object, name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed(f"{name} is missing or not a text")
    return value


def _words(found: _Object, name: str) -> str:
    """Return what people wrote; a text that was cut may end in half a character, which is lost."""
    value = found.get(name)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _maybe(found: _Object, name: str) -> str | None:
    return _words(found, name) or None
