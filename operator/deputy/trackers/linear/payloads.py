"""Read the bodies of Linear's webhooks into events.

Fields that we do not know are of no interest; what Linear says may be absent may be absent.
"""

import re
from collections.abc import Mapping

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
from deputy.trackers.linear.payload_fields import (
    Payload,
    object_in,
    objects_in,
    optional_object_in,
    optional_text_in,
    sent_at,
    text_in,
    text_or_none_in,
)
from deputy.trackers.models import Issue, Person, Team

#: How the comment begins that Linear itself writes above a delegation.
_DELEGATION_COMMENT = "This thread is for an agent session with"

#: Types of workflow states in which nobody wants the work any more.
_CANCELED = frozenset({"canceled", "duplicate"})

_USER = re.compile(r"<user\b[^<>]*>([^<]*)</user>")


def event_of(body: Payload) -> TrackerEvent:
    """Return what a body says; raise `MalformedDelivery` where a promised field is missing."""
    kind, action = text_in(body, "type"), text_in(body, "action")
    read = _READERS.get((kind, action))
    event = read(body) if read is not None else None
    return event if event is not None else Ignored(f"{kind}/{action}")


def _created(body: Payload) -> TrackerEvent:
    session = object_in(body, "agentSession")
    issue = _issue(session.get("issue"))
    if issue is None:
        return _elsewhere(body)
    return SessionCreated(
        organization_id=text_in(body, "organizationId"),
        app_user_id=text_in(body, "appUserId"),
        session_id=text_in(session, "id"),
        issue=issue,
        delegator=_person(session.get("creator"), session.get("creatorId")),
        prompt_context=optional_text_in(body, "promptContext"),
        text=_mention(body, session) if _is_mention(session) else "",
        guidance=tuple(optional_text_in(rule, "body") for rule in objects_in(body, "guidance")),
        sent=sent_at(body),
    )


def _prompted(body: Payload) -> TrackerEvent:
    session = object_in(body, "agentSession")
    activity = object_in(body, "agentActivity")
    text = optional_text_in(object_in(activity, "content"), "body")
    author = _person(activity.get("user"), activity.get("userId"))
    if author is None:
        raise MalformedDelivery("agentActivity has no user")
    return SessionPrompted(
        organization_id=text_in(body, "organizationId"),
        app_user_id=text_in(body, "appUserId"),
        session_id=text_in(session, "id"),
        issue=_issue(session.get("issue")),
        activity_id=text_in(activity, "id"),
        author=author,
        text=text,
        is_stop=activity.get("signal") == "stop" or is_stop_word(text),
        sent=sent_at(body),
    )


def _elsewhere(body: Payload) -> TrackerEvent:
    return SessionElsewhere(text_in(object_in(body, "agentSession"), "id"))


def _issue_updated(body: Payload) -> TrackerEvent | None:
    data, before = object_in(body, "data"), optional_object_in(body, "updatedFrom")
    was = text_or_none_in(before, "delegateId")
    return _issue_changed(
        body,
        undelegated_from=was if was != data.get("delegateId") else None,
        is_canceled=_type_of_state(data) in _CANCELED
        and bool({"stateId", "canceledAt"} & {*before}),
        is_removed=any(name in before and data.get(name) for name in ("trashed", "archivedAt")),
    )


def _issue_removed(body: Payload) -> TrackerEvent | None:
    return _issue_changed(body, undelegated_from=None, is_canceled=False, is_removed=True)


def _issue_changed(
    body: Payload, *, undelegated_from: str | None, is_canceled: bool, is_removed: bool
) -> IssueChanged | None:
    """Return the change, or None for one that takes nothing away from us."""
    if not (undelegated_from or is_canceled or is_removed):
        return None
    data = object_in(body, "data")
    return IssueChanged(
        organization_id=text_in(body, "organizationId"),
        issue_id=text_in(data, "id"),
        undelegated_from=undelegated_from,
        is_canceled=is_canceled,
        is_removed=is_removed,
        actor=_actor(body),
        sent=sent_at(body),
        team=_known_team(data),
    )


def _unassigned(body: Payload) -> TrackerEvent:
    notification = object_in(body, "notification")
    return Unassigned(
        organization_id=text_in(body, "organizationId"),
        app_user_id=text_in(body, "appUserId"),
        issue_id=text_in(notification, "issueId"),
        actor=_person(notification.get("actor"), notification.get("actorId")),
        issue=_known_issue(notification.get("issue")),
        sent=sent_at(body),
    )


def _revoked(body: Payload) -> TrackerEvent:
    return AppRevoked(text_in(body, "organizationId"), sent_at(body))


def _access_changed(body: Payload) -> TrackerEvent:
    return TeamAccessChanged(text_in(body, "organizationId"))


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


def _is_mention(session: Payload) -> bool:
    """Tell a mention from a delegation; their payloads look alike.

    The source says it where Linear sends one; else a delegation is told by the comment that
    Linear writes above it.
    """
    source = session.get("sourceMetadata")
    if isinstance(source, Mapping):
        return source.get("type") == "comment"
    comment = optional_object_in(session, "comment")
    return bool(comment.get("userId")) and not optional_text_in(comment, "body").startswith(
        _DELEGATION_COMMENT
    )


def _mention(body: Payload, session: Payload) -> str:
    """Return the words of a mention, which may stand anywhere in the thread of its comment."""
    root = optional_object_in(session, "comment")
    source = session.get("sourceCommentId") or root.get("id")
    for comment in (root, *objects_in(body, "previousComments")):
        if comment.get("id") == source:
            return optional_text_in(comment, "body")
    return _newest_comment(optional_text_in(body, "promptContext"))


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
    team = object_in(body, "team")
    return Issue(
        id=text_in(body, "id"),
        identifier=optional_text_in(body, "identifier"),
        title=optional_text_in(body, "title"),
        url=optional_text_in(body, "url"),
        team=Team(
            text_in(team, "id"), optional_text_in(team, "key"), optional_text_in(team, "name")
        ),
        description=optional_text_in(body, "description"),
    )


def _known_team(data: Payload) -> Team | None:
    """Return the team of an issue, None where its id is not told."""
    team = optional_object_in(data, "team")
    known = optional_text_in(team, "id") or optional_text_in(data, "teamId")
    key, name = optional_text_in(team, "key"), optional_text_in(team, "name")
    return Team(known, key, name) if known else None


def _known_issue(body: object) -> Issue | None:
    """Return an issue that is only mentioned; None where it is not told whole."""
    try:
        return _issue(body)
    except MalformedDelivery:
        return None


def _person(body: object, person_id: object) -> Person | None:
    if isinstance(body, Mapping):
        return Person(
            text_in(body, "id"), optional_text_in(body, "name"), optional_text_in(body, "email")
        )
    return Person(person_id) if isinstance(person_id, str) and person_id else None


def _actor(body: Payload) -> Person | None:
    actor = body.get("actor")
    if not isinstance(actor, Mapping) or actor.get("type") != "user":
        return None
    return _person(actor, None)


def _type_of_state(data: Payload) -> str:
    return optional_text_in(optional_object_in(data, "state"), "type")
