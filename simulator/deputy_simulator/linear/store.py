"""Everything an organisation holds, in memory, with a word to whoever watches a change."""

from __future__ import annotations

import collections
import random
import uuid
from collections.abc import Callable
from typing import TypeAlias, TypeVar

from deputy_simulator.linear.entities import (
    AgentActivity,
    AgentSession,
    Comment,
    Issue,
    Node,
    Organization,
    Team,
    User,
    WorkflowState,
)
from deputy_simulator.linear.errors import ConflictError, InvalidInputError, NotFoundError

N = TypeVar("N", bound=Node)
Watcher: TypeAlias = Callable[[Node], None]


class Store:
    """The entities, by kind and id, in the order of their making."""

    def __init__(self) -> None:
        self._nodes: dict[type[Node], dict[str, Node]] = collections.defaultdict(dict)
        self._activities: dict[str, list[str]] = collections.defaultdict(list)
        self._comments: dict[str, list[str]] = collections.defaultdict(list)
        self._numbers: dict[str, int] = collections.defaultdict(int)
        self._ids = random.Random()  # noqa: S311
        self._watchers: list[Watcher] = []
        self.sync_id = 0

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher` with every entity that is made or changed from now on."""
        self._watchers.append(watcher)

    def new_id(self) -> str:
        """Return a fresh UUID, version 4."""
        return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))

    def claim_id(self, kind: type[Node], wished: str | None) -> str:
        """Return the id under which an entity is to be made.

        Raises:
            InvalidInputError: `wished` is not a UUID in version 4 shape.
            ConflictError: `wished` is taken.
        """
        if wished is None:
            return self.new_id()
        if not _is_uuid4(wished):
            raise InvalidInputError("id", "id must be a UUID v4.")
        if wished in self._nodes[kind]:
            raise ConflictError(kind.__name__, wished)
        return wished

    def put(self, node: N) -> N:
        """Make or replace an entity."""
        known = self._nodes[type(node)]
        if node.id not in known:
            self._index(node)
        known[node.id] = node
        self.sync_id += 1
        for watcher in self._watchers:
            watcher(node)
        return node

    def remove(self, node: Node) -> None:
        """Forget an entity; nothing happens when it is not there."""
        self._nodes[type(node)].pop(node.id, None)
        if isinstance(node, Comment) and node.id in self._comments[node.issue_id]:
            self._comments[node.issue_id].remove(node.id)

    def all(self, kind: type[N]) -> list[N]:
        """Return the entities of a kind, oldest first."""
        return [node for node in self._nodes[kind].values() if isinstance(node, kind)]

    def find(self, kind: type[N], node_id: str | None) -> N | None:
        """Return the entity, or None where there is none."""
        node = self._nodes[kind].get(node_id) if node_id is not None else None
        return node if isinstance(node, kind) else None

    def get(self, kind: type[N], node_id: str | None) -> N:
        """Return the entity, or raise `NotFoundError`."""
        node = self.find(kind, node_id)
        if node is None:
            raise NotFoundError(kind.__name__)
        return node

    def any(self, node_id: str) -> Node | None:
        """Return the entity of whatever kind with this id."""
        return next((known[node_id] for known in self._nodes.values() if node_id in known), None)

    def issue(self, key: str) -> Issue:
        """Return the issue with this id or identifier, or raise `NotFoundError`."""
        issue = self.find(Issue, key)
        if issue is None:
            wanted = key.upper()
            issue = next((i for i in self.all(Issue) if i.identifier == wanted), None)
        if issue is None:
            raise NotFoundError("Issue")
        return issue

    def team(self, key: str) -> Team:
        """Return the team with this id or key, or raise `NotFoundError`."""
        team = self.find(Team, key) or next((t for t in self.all(Team) if t.key == key), None)
        if team is None:
            raise NotFoundError("Team")
        return team

    def user(self, key: str) -> User:
        """Return the user with this id, display name or address, or raise `NotFoundError`."""
        user = self.find(User, key) or next(
            (u for u in self.all(User) if key in (u.display_name, u.email, u.name)), None
        )
        if user is None:
            raise NotFoundError("User")
        return user

    def state(self, team_id: str, name: str) -> WorkflowState:
        """Return a team's state by id, name or type, or raise `NotFoundError`."""
        states = [s for s in self.all(WorkflowState) if s.team_id == team_id]
        for state in states:
            if name in (state.id, state.name):
                return state
        typed = [state for state in states if state.type == name]
        if not typed:
            raise NotFoundError("WorkflowState")
        return min(typed, key=lambda state: state.position)

    def organization(self) -> Organization:
        """Return the one organisation."""
        return self.all(Organization)[0]

    def activities(self, session: AgentSession, *, vanished: bool = False) -> list[AgentActivity]:
        """Return a session's activities, oldest first, the vanished ones only if wanted."""
        known = (self.get(AgentActivity, known) for known in self._activities[session.id])
        return [activity for activity in known if vanished or activity.vanished_at is None]

    def last_activity(self, session: AgentSession) -> AgentActivity | None:
        """Return a session's newest activity."""
        ids = self._activities[session.id]
        return self.get(AgentActivity, ids[-1]) if ids else None

    def comments(self, issue: Issue) -> list[Comment]:
        """Return an issue's comments, oldest first."""
        return [self.get(Comment, known) for known in self._comments[issue.id]]

    def next_number(self, team: Team) -> int:
        """Return the number that the team's next issue gets."""
        return self._numbers[team.id] + 1

    def _index(self, node: Node) -> None:
        match node:
            case AgentActivity():
                self._activities[node.agent_session_id].append(node.id)
            case Comment():
                self._comments[node.issue_id].append(node.id)
            case Issue():
                self._numbers[node.team_id] = max(self._numbers[node.team_id], node.number)
            case _:
                pass


def _is_uuid4(text: str) -> bool:
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        return False
    return str(parsed) == text.lower() and parsed.version == 4
