"""What happened in a tracker, in words that belong to no tracker.

A tracker's own module reads its webhooks into these; nobody else knows how they looked. `sent` is
when it happened by the tracker's clock, however late it is told: events overtake each other.
"""

import dataclasses
import datetime as dt
import re
from typing import TypeAlias

from deputy.trackers.models import Issue, Person, Team

_STOP_WORD = re.compile(r"\s*(?:@\S+\s+)*/?stop[\s.!]*", re.IGNORECASE)


def is_stop_word(text: str) -> bool:
    """Say whether a message asks to stop and says nothing else, as «stop» or «@deputy /stop»."""
    return _STOP_WORD.fullmatch(text) is not None


@dataclasses.dataclass(frozen=True, slots=True)
class SessionCreated:
    """An issue was delegated to us, or we were mentioned in one of its comments.

    `delegator` is None where an automation or another agent did it. `text` are the words of the
    mention, and empty for a delegation. `prompt_context` is opaque text that other people wrote.
    """

    organization_id: str
    app_user_id: str
    session_id: str
    issue: Issue
    delegator: Person | None
    prompt_context: str
    text: str
    guidance: tuple[str, ...]
    sent: dt.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class SessionElsewhere:
    """We were spoken to in something that is no issue, such as a document."""

    session_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class SessionPrompted:
    """A person spoke to us in a session that exists; `activity_id` names this one message."""

    organization_id: str
    app_user_id: str
    session_id: str
    issue: Issue | None
    activity_id: str
    author: Person
    text: str
    is_stop: bool
    sent: dt.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class IssueChanged:
    """An issue was taken away from its delegate, canceled, or removed; at least one of these.

    `undelegated_from` is the user who was its delegate, whoever that is.
    """

    organization_id: str
    issue_id: str
    undelegated_from: str | None
    is_canceled: bool
    is_removed: bool
    actor: Person | None
    sent: dt.datetime | None = None
    team: Team | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Unassigned:
    """An issue is no longer ours, told by a notification to our user."""

    organization_id: str
    app_user_id: str
    issue_id: str
    actor: Person | None
    issue: Issue | None = None
    sent: dt.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class AppRevoked:
    """The organisation has disconnected the application; its tokens are worth nothing."""

    organization_id: str
    sent: dt.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class TeamAccessChanged:
    """The application may see other teams than before."""

    organization_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class Ignored:
    """Something that we were told and need not know; `kind` is the tracker's word for it."""

    kind: str


TrackerEvent: TypeAlias = (
    SessionCreated
    | SessionElsewhere
    | SessionPrompted
    | IssueChanged
    | Unassigned
    | AppRevoked
    | TeamAccessChanged
    | Ignored
)
