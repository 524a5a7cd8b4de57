"""The organisation with its clock and its application: what every act upon it needs."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from deputy_simulator.linear.entities import AgentSession, Comment, Issue, Json, User
from deputy_simulator.linear.errors import NotFoundError
from deputy_simulator.linear.sessions import SessionEvent, after
from deputy_simulator.linear.store import Store

if TYPE_CHECKING:
    from deputy_simulator.linear.clock import Clock
    from deputy_simulator.linear.settings import Settings


@dataclasses.dataclass(frozen=True, slots=True)
class WebhookEvent:
    """Something that the application's webhook is told."""

    type: str
    action: str
    body: Json


Outbox: TypeAlias = Callable[[WebhookEvent], None]


class Workspace:
    """An organisation, the application under test in it, and the clock both live by."""

    def __init__(self, settings: Settings, clock: Clock, outbox: Outbox) -> None:
        self.settings = settings
        self.clock = clock
        self.outbox = outbox
        self.store = Store()
        self.app_user_id = ""
        self.agent_sessions = settings.agent_sessions
        self.hidden_team_ids: frozenset[str] = frozenset()

    @property
    def app_user(self) -> User:
        """The user that the application acts as."""
        return self.store.get(User, self.app_user_id)

    def stamps(self) -> dict[str, Any]:
        """Return `created_at` and `updated_at` of something that is made now."""
        now = self.clock.stamp()
        return {"created_at": now, "updated_at": now}

    def issue_for(self, caller: User | None, key: str) -> Issue:
        """Return the issue as `caller` may see it.

        Raises:
            NotFoundError: there is none, or it is in a team that the application may not see.
        """
        issue = self.store.issue(key)
        if caller is not None and caller.app and issue.team_id in self.hidden_team_ids:
            raise NotFoundError("Issue")
        return issue

    def mentions_app(self, body: str) -> bool:
        """Say whether `body` calls the application by its name."""
        name = re.escape(self.app_user.display_name)
        return re.search(rf"(?<![\w@])@{name}(?![\w-])", body, re.IGNORECASE) is not None

    def move(self, session: AgentSession, event: SessionEvent, **changes: Any) -> AgentSession:
        """Let `event` move the session, and record `changes` with it."""
        status = after(session.status, event)
        now = self.clock.stamp()
        return self.store.put(
            dataclasses.replace(session, status=status, updated_at=now, **changes)
        )

    def sessions_of(self, issue: Issue) -> list[AgentSession]:
        """Return the issue's sessions, oldest first."""
        return [s for s in self.store.all(AgentSession) if s.issue_id == issue.id]

    def session_of_thread(self, root: Comment) -> AgentSession | None:
        """Return the session whose thread hangs on `root`."""
        sessions = (s for s in self.store.all(AgentSession) if s.comment_id == root.id)
        return next(sessions, None)

    def issue_url(self, identifier: str, title: str) -> str:
        """Return the address at which a person sees the issue."""
        organization = self.store.organization().url_key
        return f"{self.settings.site_url}/{organization}/issue/{identifier}/{slug(title)}"


def slug(title: str) -> str:
    """Return `title` as it appears in addresses and branch names."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60].strip("-") or "issue"
