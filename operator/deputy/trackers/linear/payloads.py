"""Read the bodies of Linear's webhooks into events.

Fields that we do not know are of no interest; what Linear says may be absent may be absent.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from deputy.trackers.events import (
    AppRevoked,
    Event,
    Ignored,
    IssueChanged,
    SessionCreated,
    SessionElsewhere,
    SessionPrompted,
    TeamAccessChanged,
    Unassigned,
    is_stop_word,
)
from deputy.trackers.linear.errors import MalformedDelivery
from deputy.trackers.models import Issue, Person, Team

_Object: TypeAlias = Mapping[str, Any]

#: How the comment begins that Linear itself writes above a delegation.
_ANCHOR = "This thread is for an agent session with"

#: Types of workflow states in which nobody wants the work any more.
_CANCELED = frozenset({"canceled", "duplicate"})

_USER = re.compile(r"<user\b[^<>]*>([^<]*)</user>")


def event_of(body: _Object) -> Event:
    """Return what a body says; raise `MalformedDelivery` where a promised field is missing."""
    kind, action = _text(body, "type"), _text(body, "action")
    read = _READERS.get((kind, action))
    event = read(body) if read is not None else None
    return event if event is not None else Ignored(f"{kind}/{action}")


def _created(body: _Object) -> Event:
    session = _object(body, "agentSession")
    issue = _issue(session.get("issue"))
    if issue is None:
        return _elsewhere(body)
    is_mention = _is_mention(session)
    return SessionCreated(
        organization_id=_text(body, "organizationId"),
        app_user_id=_text(body, "appUserId"),
        session_id=_text(session, "id"),
        issue=issue,
        delegator=_person(session.get("creator"), session.get("creatorId")),
        is_mention=is_mention,
        prompt_context=_words(body, "promptContext"),
        text=_mention(body, session) if is_mention else "",
        guidance=tuple(_words(rule, "body") for rule in _objects(body, "guidance")),
        comment_id=_maybe(session, "commentId"),
    )


def _prompted(body: _Object) -> Event:
    session = _object(body, "agentSession")
    activity = _object(body, "agentActivity")
    text = _words(_object(activity, "content"), "body")
    author = _person(activity.get("user"), activity.get("userId"))
    if author is None:
        raise MalformedDelivery("agentActivity has no user")
    return SessionPrompted(
        organization_id=_text(body, "organizationId"),
        app_user_id=_text(body, "appUserId"),
        session_id=_text(session, "id"),
        issue=_issue(session.get("issue")),
        activity_id=_text(activity, "id"),
        author=author,
        text=text,
        is_stop=activity.get("signal") == "stop" or is_stop_word(text),
    )


def _elsewhere(body: _Object) -> Event:
    return SessionElsewhere(
        _text(body, "organizationId"),
        _text(body, "appUserId"),
        _text(_object(body, "agentSession"), "id"),
    )


def _issue_updated(body: _Object) -> Event | None:
    data, before = _object(body, "data"), _maybe_object(body, "updatedFrom")
    was = _maybe(before, "delegateId")
    return _issue_changed(
        body,
        undelegated_from=was if was != data.get("delegateId") else None,
        is_canceled=_type_of_state(data) in _CANCELED
        and bool({"stateId", "canceledAt"} & {*before}),
        is_removed=any(name in before and data.get(name) for name in ("trashed", "archivedAt")),
    )


def _issue_removed(body: _Object) -> Event | None:
    return _issue_changed(body, undelegated_from=None, is_canceled=False, is_removed=True)


def _issue_changed(
    body: _Object, *, undelegated_from: str | None, is_canceled: bool, is_removed: bool
) -> IssueChanged | None:
    """Return the change, or None for one that takes nothing away from us."""
    if not (undelegated_from or is_canceled or is_removed):
        return None
    data = _object(body, "data")
    return IssueChanged(
        organization_id=_text(body, "organizationId"),
        issue_id=_text(data, "id"),
        identifier=_words(data, "identifier"),
        undelegated_from=undelegated_from,
        is_canceled=is_canceled,
        is_removed=is_removed,
        actor=_actor(body),
    )


def _unassigned(body: _Object) -> Event:
    notification = _object(body, "notification")
    return Unassigned(
        organization_id=_text(body, "organizationId"),
        app_user_id=_text(body, "appUserId"),
        issue_id=_text(notification, "issueId"),
        actor=_person(notification.get("actor"), notification.get("actorId")),
    )


def _revoked(body: _Object) -> Event:
    return AppRevoked(_text(body, "organizationId"), _text(body, "oauthClientId"))


def _access_changed(body: _Object) -> Event:
    return TeamAccessChanged(
        organization_id=_text(body, "organizationId"),
        app_user_id=_text(body, "appUserId"),
        added=_texts(body, "addedTeamIds"),
        removed=_texts(body, "removedTeamIds"),
        all_public_teams=body.get("canAccessAllPublicTeams") is True,
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


def _mention(body: _Object, session: _Object) -> str:
    """Return the words of a mention, which may stand anywhere in the thread of its comment."""
    root = _maybe_object(session, "comment")
    source = session.get("sourceCommentId") or root.get("id")
    for comment in (root, *_objects(body, "previousComments")):
        if comment.get("id") == source:
            return _words(comment, "body")
    return _last_of_thread(_words(body, "promptContext"))


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


def _issue(body: object) -> Issue | None:
    if not isinstance(body, Mapping):
        return None
    team = _object(body, "team")
    return Issue(
        id=_text(body, "id"),
        identifier=_words(body, "identifier"),
        title=_words(body, "title"),
        url=_words(body, "url"),
        team=Team(_text(team, "id"), _words(team, "key"), _words(team, "name")),
        description=_words(body, "description"),
    )


def _person(body: object, person_id: object) -> Person | None:
    if isinstance(body, Mapping):
        return Person(_text(body, "id"), _words(body, "name"), _words(body, "email"))
    return Person(person_id) if isinstance(person_id, str) and person_id else None


def _actor(body: _Object) -> Person | None:
    actor = body.get("actor")
    if not isinstance(actor, Mapping) or actor.get("type") != "user":
        return None
    return _person(actor, None)


def _type_of_state(data: _Object) -> str:
    return _words(_maybe_object(data, "state"), "type")


def _object(body: _Object, name: str) -> _Object:
    value = body.get(name)
    if not isinstance(value, Mapping):
        raise MalformedDelivery(f"{name} is missing or not an object")
    return value


def _maybe_object(body: _Object, name: str) -> _Object:
    value = body.get(name)
    return value if isinstance(value, Mapping) else {}


def _objects(body: _Object, name: str) -> list[_Object]:
    value = body.get(name)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _texts(body: _Object, name: str) -> tuple[str, ...]:
    value = body.get(name)
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _text(body: _Object, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedDelivery(f"{name} is missing or not a text")
    return value


def _words(body: _Object, name: str) -> str:
    """Return what people wrote; a text that was cut may end in half a character, which is lost."""
    value = body.get(name)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _maybe(body: _Object, name: str) -> str | None:
    return _words(body, name) or None
