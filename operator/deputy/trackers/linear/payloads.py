"""Read the bodies of Linear's webhooks into events.

Fields that we do not know are of no interest; what Linear says may be absent may be absent.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from deputy.trackers.events import (
    AppRevoked,
    Ignored,
    IssueChanged,
    SessionCreated,
    SessionElsewhere,
    SessionPrompted,
    TeamAccessChanged,
    TrackerEvent,
    Unassigned,
    is_stop_word,
)
from deputy.trackers.linear.errors import MalformedDelivery
from deputy.trackers.models import Issue, Person, Team

_Object: TypeAlias = Mapping[str, Any]

#: How the comment begins that Linear itself writes above a delegation.
_DELEGATION_COMMENT = "This thread is for an agent session with"

#: Types of workflow states in which nobody wants the work any more.
_CANCELED = frozenset({"canceled", "duplicate"})

_USER = re.compile(r"<user\b[^<>]*>([^<]*)</user>")


def event_of(body: _Object) -> TrackerEvent:
    """Return what a body says; raise `MalformedDelivery` where a promised field is missing."""
    kind, action = _text(body, "type"), _text(body, "action")
    read = _READERS.get((kind, action))
    event = read(body) if read is not None else None
    return event if event is not None else Ignored(f"{kind}/{action}")


def _created(body: _Object) -> TrackerEvent:
    session = _object(body, "agentSession")
    issue = _issue(session.get("issue"))
    if issue is None:
        return _elsewhere(body)
    return SessionCreated(
        organization_id=_text(body, "organizationId"),
        app_user_id=_text(body, "appUserId"),
        session_id=_text(session, "id"),
        issue=issue,
        delegator=_person(session.get("creator"), session.get("creatorId")),
        prompt_context=_optional_text(body, "promptContext"),
        text=_mention(body, session) if _is_mention(session) else "",
        guidance=tuple(_optional_text(rule, "body") for rule in _objects(body, "guidance")),
    )


def _prompted(body: _Object) -> TrackerEvent:
    session = _object(body, "agentSession")
    activity = _object(body, "agentActivity")
    text = _optional_text(_object(activity, "content"), "body")
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


def _elsewhere(body: _Object) -> TrackerEvent:
    return SessionElsewhere(_text(_object(body, "agentSession"), "id"))


def _issue_updated(body: _Object) -> TrackerEvent | None:
    data, before = _object(body, "data"), _optional_object(body, "updatedFrom")
    was = _text_or_none(before, "delegateId")
    return _issue_changed(
        body,
        undelegated_from=was if was != data.get("delegateId") else None,
        is_canceled=_type_of_state(data) in _CANCELED
        and bool({"stateId", "canceledAt"} & {*before}),
        is_removed=any(name in before and data.get(name) for name in ("trashed", "archivedAt")),
    )


def _issue_removed(body: _Object) -> TrackerEvent | None:
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
        undelegated_from=undelegated_from,
        is_canceled=is_canceled,
        is_removed=is_removed,
        actor=_actor(body),
    )


def _unassigned(body: _Object) -> TrackerEvent:
    notification = _object(body, "notification")
    return Unassigned(
        organization_id=_text(body, "organizationId"),
        app_user_id=_text(body, "appUserId"),
        issue_id=_text(notification, "issueId"),
        actor=_person(notification.get("actor"), notification.get("actorId")),
    )


def _revoked(body: _Object) -> TrackerEvent:
    return AppRevoked(_text(body, "organizationId"))


def _access_changed(body: _Object) -> TrackerEvent:
    return TeamAccessChanged(_text(body, "organizationId"))


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
    comment = _optional_object(session, "comment")
    return bool(comment.get("userId")) and not _optional_text(comment, "body").startswith(
        _DELEGATION_COMMENT
    )


def _mention(body: _Object, session: _Object) -> str:
    """Return the words of a mention, which may stand anywhere in the thread of its comment."""
    root = _optional_object(session, "comment")
    source = session.get("sourceCommentId") or root.get("id")
    for comment in (root, *_objects(body, "previousComments")):
        if comment.get("id") == source:
            return _optional_text(comment, "body")
    return _newest_comment(_optional_text(body, "promptContext"))


def _newest_comment(context: str) -> str:
    """Return the newest comment of the thread that the prompt context begins with, or nothing.

    The context only looks like XML: nothing in it is escaped, so no parser may see it, and no
    search may go back and forth in what could be long and written to be slow.
    """
    end = context.find("</primary-directive-thread>")
    end = context.rfind("</comment>", 0, end) if end >= 0 else -1
    begin = context.rfind("<comment", 0, end) if end >= 0 else -1
    _, closed, text = context[begin:end].partition(">") if begin >= 0 else ("", "", "")
    return _USER.sub(r"@\1", text).strip() if closed else ""


def _issue(body: object) -> Issue | None:
    if not isinstance(body, Mapping):
        return None
    team = _object(body, "team")
    return Issue(
        id=_text(body, "id"),
        identifier=_optional_text(body, "identifier"),
        title=_optional_text(body, "title"),
        url=_optional_text(body, "url"),
        team=Team(_text(team, "id"), _optional_text(team, "key"), _optional_text(team, "name")),
        description=_optional_text(body, "description"),
    )


def _person(body: object, person_id: object) -> Person | None:
    if isinstance(body, Mapping):
        return Person(
            _text(body, "id"), _optional_text(body, "name"), _optional_text(body, "email")
        )
    return Person(person_id) if isinstance(person_id, str) and person_id else None


def _actor(body: _Object) -> Person | None:
    actor = body.get("actor")
    if not isinstance(actor, Mapping) or actor.get("type") != "user":
        return None
    return _person(actor, None)


def _type_of_state(data: _Object) -> str:
    return _optional_text(_optional_object(data, "state"), "type")


def _object(body: _Object, name: str) -> _Object:
    value = body.get(name)
    if not isinstance(value, Mapping):
        raise MalformedDelivery(f"{name} is missing or not an object")
    return value


def _optional_object(body: _Object, name: str) -> _Object:
    value = body.get(name)
    return value if isinstance(value, Mapping) else {}


def _objects(body: _Object, name: str) -> list[_Object]:
    value = body.get(name)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _text(body: _Object, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedDelivery(f"{name} is missing or not a text")
    return value


def _optional_text(body: _Object, name: str) -> str:
    """Return what people wrote; a text that was cut may end in half a character, which is lost."""
    value = body.get(name)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _text_or_none(body: _Object, name: str) -> str | None:
    return _optional_text(body, name) or None
