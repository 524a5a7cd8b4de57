"""The things a Linear organisation consists of, as far as an agent sees them.

Field names are Linear's, in snake case: the GraphQL resolvers rely on it. A field that ends in
`_id` names another entity, and GraphQL shows that entity under the name without the ending.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Any, TypeAlias

from deputy_simulator.linear.sessions import Status

if TYPE_CHECKING:
    import datetime as dt

Json: TypeAlias = dict[str, Any]


class ActivityType(enum.StrEnum):
    """What an activity is; the first five are the agent's, `prompt` is a person's."""

    THOUGHT = "thought"
    ACTION = "action"
    ELICITATION = "elicitation"
    RESPONSE = "response"
    ERROR = "error"
    PROMPT = "prompt"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What every entity has."""

    id: str
    created_at: dt.datetime
    updated_at: dt.datetime
    archived_at: dt.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Organization(Node):
    """A Linear workspace."""

    name: str
    url_key: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Team(Node):
    """A team, which owns issues and their workflow."""

    key: str
    name: str
    organization_id: str
    guidance: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowState(Node):
    """A column of a team's board."""

    name: str
    type: str
    position: float
    color: str
    team_id: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class IssueLabel(Node):
    """A label, of a team or of all teams."""

    name: str
    color: str
    team_id: str | None = None
    description: str | None = None
    parent_id: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class User(Node):
    """A person, or the user that an application acts as."""

    name: str
    display_name: str
    email: str
    organization_id: str
    url: str
    app: bool = False
    admin: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Issue(Node):
    """An issue."""

    number: int
    identifier: str
    title: str
    url: str
    branch_name: str
    team_id: str
    state_id: str
    description: str | None = None
    priority: int = 0
    assignee_id: str | None = None
    delegate_id: str | None = None
    creator_id: str | None = None
    parent_id: str | None = None
    label_ids: tuple[str, ...] = ()
    started_at: dt.datetime | None = None
    completed_at: dt.datetime | None = None
    canceled_at: dt.datetime | None = None
    trashed: bool | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Comment(Node):
    """A comment on an issue, or a reply to one."""

    body: str
    issue_id: str
    url: str
    parent_id: str | None = None
    user_id: str | None = None
    is_artificial_agent_session_root: bool = False
    quoted_text: str | None = None
    edited_at: dt.datetime | None = None
    resolved_at: dt.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An address that an agent shows in its session."""

    label: str
    url: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AgentSession(Node):
    """What an agent does about one issue, from one delegation or mention."""

    slug_id: str
    url: str
    app_user_id: str
    creator_id: str | None
    issue_id: str
    comment_id: str
    heard_at: float
    """When the agent was last heard, or else the session began, by `Clock.elapsed`."""
    status: Status = Status.PENDING
    source_comment_id: str | None = None
    source_metadata: Json | None = None
    plan: Any = None
    plans: tuple[Any, ...] = ()
    """Every plan so far, the present one last."""
    summary: str | None = None
    external_links: tuple[Link, ...] = ()
    acknowledged_at: dt.datetime | None = None
    started_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    dismissed_at: dt.datetime | None = None
    dismissed_by_id: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AgentActivity(Node):
    """One entry of a session."""

    agent_session_id: str
    content: Json
    user_id: str
    ephemeral: bool = False
    signal: str | None = None
    signal_metadata: Any = None
    source_comment_id: str | None = None
    vanished_at: dt.datetime | None = None
    """When something followed this ephemeral activity, and it disappeared."""

    @property
    def type(self) -> str:
        """What the activity is."""
        return str(self.content["type"])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attachment(Node):
    """A link on an issue; one per address."""

    title: str
    url: str
    issue_id: str
    creator_id: str | None = None
    subtitle: str | None = None
    metadata: Json = dataclasses.field(default_factory=dict)
    group_by_source: bool = False
    source_type: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reaction(Node):
    """An emoji on an issue or a comment."""

    emoji: str
    user_id: str
    issue_id: str | None = None
    comment_id: str | None = None
