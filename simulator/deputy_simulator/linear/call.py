"""One call of the GraphQL API: who calls, and what it may see."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeAlias

from graphql import GraphQLResolveInfo

from deputy_simulator.linear.entities import Issue, User

if TYPE_CHECKING:
    from collections.abc import Callable

    from deputy_simulator.linear.oauth import Authority, Token
    from deputy_simulator.linear.ratelimit import Budget
    from deputy_simulator.linear.workspace import Workspace


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the GraphQL API."""

    workspace: Workspace
    authority: Authority
    caller: User
    token: Token
    budget: Budget
    points: int
    #: Returns what a query would show as that field of an entity.
    field_value: Callable[[Call, Any, str], Any]

    def issue(self, key: str) -> Issue:
        """Return the issue with this id or identifier, if the caller may see it."""
        return self.workspace.issue_for(self.caller, key)

    def value(self, node: Any, field: str) -> Any:
        """Return what a query would show as that field of an entity, a list in full.

        Raises:
            NotSupportedError: the schema has no such field.
        """
        return self.field_value(self, node, field)

    def issues(self) -> list[Issue]:
        """Return all issues that the caller may see."""
        hidden = self.workspace.hidden_team_ids if self.caller.app else frozenset()
        return [i for i in self.workspace.store.all(Issue) if i.team_id not in hidden]


Info: TypeAlias = GraphQLResolveInfo[Any]


def call_of(info: Info) -> Call:
    """Return the call in which a field is resolved."""
    call = info.context
    if not isinstance(call, Call):
        message = f"a resolver was called in the context of {type(call).__name__}"
        raise TypeError(message)
    return call
