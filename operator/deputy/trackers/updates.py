"""What a tracker is told, in words that belong to no tracker, and what became of it."""

import dataclasses
import enum
from typing import TypeAlias

from deputy.wire import Asked, Step, Thought, ToolFinished


class Priority(enum.Enum):
    """What goes first when a tracker's budget is short; within a session the order is kept."""

    ACKNOWLEDGEMENT = "acknowledgement"
    TERMINAL = "terminal"
    QUESTION = "question"
    NORMAL = "normal"
    EPHEMERAL = "ephemeral"

    @property
    def is_urgent(self) -> bool:
        """Say whether the reserve of the budget is for it."""
        return self in _URGENT


_URGENT = frozenset({Priority.ACKNOWLEDGEMENT, Priority.TERMINAL, Priority.QUESTION})


@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    """The last word of a run that went well; it ends the session."""

    body: str


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """The last word of a run that did not; it ends the session."""

    body: str


#: What an activity says: the agent's own events as the sidecar sent them, or a last word of ours.
Content: TypeAlias = Thought | ToolFinished | Asked | Response | Failure


@dataclasses.dataclass(frozen=True, slots=True)
class SessionLink:
    """An address that a session shows."""

    label: str
    url: str


@dataclasses.dataclass(frozen=True, slots=True)
class PostActivity:
    """Append to a session; a second one with the same id is recognised as the first."""

    session_id: str
    activity_id: str
    content: Content
    priority: Priority = Priority.NORMAL


@dataclasses.dataclass(frozen=True, slots=True)
class SetPlan:
    """Show this plan in place of the one before."""

    session_id: str
    steps: tuple[Step, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class AddLinks:
    """Show these addresses beside those that are shown."""

    session_id: str
    links: tuple[SessionLink, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class ChangeIssue:
    """Set an issue's workflow state, its delegate, or both; None leaves it as it is.

    With a `session_id` it keeps its place in that session's order, and is dropped with it.
    """

    issue_id: str
    state_id: str | None = None
    delegate_id: str | None = None
    session_id: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class PostComment:
    """Comment on an issue; `comment_id` and `session_id` as with the others."""

    issue_id: str
    comment_id: str
    body: str
    session_id: str = ""


Update: TypeAlias = PostActivity | SetPlan | AddLinks | ChangeIssue | PostComment


def priority_of(update: Update) -> Priority:
    """Return how urgent an update is; what is no activity is never urgent."""
    return update.priority if isinstance(update, PostActivity) else Priority.NORMAL


def is_ephemeral(update: Update) -> bool:
    """Say whether an update is an activity that vanishes with the next one."""
    if not isinstance(update, PostActivity):
        return False
    return isinstance(update.content, Thought | ToolFinished) and update.content.ephemeral


@dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """The tracker has it, from this call or from an earlier one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """The tracker will not have it; repeating is futile."""

    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Dropped:
    """It was not sent, because something newer says more or nobody may hear it any more."""

    reason: str


UpdateResult: TypeAlias = Sent | Refused | Dropped
