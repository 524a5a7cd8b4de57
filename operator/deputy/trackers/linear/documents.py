"""Every GraphQL document that Deputy sends to Linear; a test validates each against its schema."""

import dataclasses
from collections.abc import Sequence
from typing import assert_never

from deputy.trackers.linear import content
from deputy.trackers.linear.content import JSONObject
from deputy.trackers.updates import (
    AddLinks,
    ChangeIssue,
    PostActivity,
    PostComment,
    SetPlan,
    Update,
)

#: Who we are, and where.
VIEWER = """
query Viewer { viewer { id name } organization { id name urlKey } }
"""

_ISSUE_FIELDS = """
    id identifier title url priority
    state { id name type position }
    labels(first: 50) { nodes { name } }
    team { id key name }
"""

#: What no webhook tells of an issue.
ISSUE = f"query IssueFacts($id: String!) {{ issue(id: $id) {{ {_ISSUE_FIELDS} }} }}"

#: The same of many; a page is as long as the list of ids, because its length is what it costs.
ISSUES = f"""
query IssuesFacts($ids: [ID!]!, $first: Int!) {{
  issues(filter: {{ id: {{ in: $ids }} }}, first: $first, includeArchived: true) {{
    nodes {{ {_ISSUE_FIELDS} }}
  }}
}}
"""

#: Our organisation and its teams, each with its workflow, a page at a time.
TEAMS = """
query Teams($after: String) {
  organization { id name urlKey }
  teams(first: 50, after: $after) {
    nodes { id key name states(first: 50) { nodes { id name type position } } }
    pageInfo { hasNextPage endCursor }
  }
}
"""


#: Who we are, and the sessions of all agents, those that changed last first, a page at a time.
SESSIONS = """
query Sessions($after: String) {
  viewer { id }
  agentSessions(first: 50, after: $after, orderBy: updatedAt) {
    nodes { id status startedAt createdAt updatedAt appUser { id } }
    pageInfo { hasNextPage endCursor }
  }
}
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """A document and the variables that go with it."""

    query: str
    variables: JSONObject


@dataclasses.dataclass(frozen=True, slots=True)
class _Mutation:
    """One mutation: its name, its arguments' types and their values."""

    name: str
    types: dict[str, str]
    values: JSONObject


def alias(index: int) -> str:
    """Return the alias of the update at `index` in a batch; errors name it in their path."""
    return f"u{index}"


def batch(updates: Sequence[Update]) -> Document:
    """Return one mutation that carries out all `updates`, one after the other.

    Linear stops at the first that fails: those before it are done, those behind it are not.
    """
    declared: list[str] = []
    lines: list[str] = []
    variables: JSONObject = {}
    for index, mutation in enumerate(map(_mutation, updates)):
        declared += [f"${name}{index}: {kind}" for name, kind in mutation.types.items()]
        given = ", ".join(f"{name}: ${name}{index}" for name in mutation.types)
        lines.append(f"  {alias(index)}: {mutation.name}({given}) {{ success }}")
        variables |= {f"{name}{index}": value for name, value in mutation.values.items()}
    body = "\n".join(lines)
    return Document(f"mutation Updates({', '.join(declared)}) {{\n{body}\n}}", variables)


def _mutation(update: Update) -> _Mutation:
    match update:
        case PostActivity():
            values = content.activity_input(update)
            return _create("agentActivityCreate", "AgentActivityCreateInput", values)
        case PostComment():
            return _create("commentCreate", "CommentCreateInput", content.comment_input(update))
        case SetPlan(session_id=session):
            return _change_session(session, content.plan_input(update))
        case AddLinks(session_id=session):
            return _change_session(session, content.links_input(update))
        case ChangeIssue(issue_id=issue):
            values = content.issue_input(update)
            return _change("issueUpdate", issue, "IssueUpdateInput", values)
        case _:
            assert_never(update)


def _change_session(session_id: str, values: JSONObject) -> _Mutation:
    return _change("agentSessionUpdate", session_id, "AgentSessionUpdateInput", values)


def _create(name: str, kind: str, values: JSONObject) -> _Mutation:
    return _Mutation(name, {"input": f"{kind}!"}, {"input": values})


def _change(name: str, object_id: str, kind: str, values: JSONObject) -> _Mutation:
    return _Mutation(
        name, {"id": "String!", "input": f"{kind}!"}, {"id": object_id, "input": values}
    )
