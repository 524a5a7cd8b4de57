"""Every GraphQL document that Deputy sends to Linear; a test validates each against its schema."""

import dataclasses
import re
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

#: What no webhook tells of an issue.
ISSUE = """
query IssueFacts($id: String!) {
  issue(id: $id) {
    id identifier title url branchName priority archivedAt trashed
    state { id name type position }
    labels(first: 50) { nodes { name } }
    delegate { id }
    team { id key name }
  }
}
"""

#: Teams by a filter, each with its workflow.
TEAMS = """
query Teams($filter: TeamFilter!) {
  teams(filter: $filter, first: 10) {
    nodes { id key name states(first: 50) { nodes { id name type position } } }
  }
}
"""

#: Documents without a part that is built.
FIXED = {"VIEWER": VIEWER, "ISSUE": ISSUE, "TEAMS": TEAMS}

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """A document and the variables that go with it."""

    query: str
    variables: JSONObject


@dataclasses.dataclass(frozen=True, slots=True)
class _Call:
    """One mutation: its name, its arguments' types and their values."""

    name: str
    types: dict[str, str]
    values: JSONObject


def team_filter(name_or_key_or_id: str) -> JSONObject:
    """Return the filter that finds a team by any of its names.

    Linear refuses to compare an id with what is no UUID, so it is left out where it cannot be.
    """
    same = {"eqIgnoreCase": name_or_key_or_id}
    either: list[JSONObject] = [{"key": same}, {"name": same}]
    if _UUID.fullmatch(name_or_key_or_id):
        either.append({"id": {"eq": name_or_key_or_id}})
    return {"or": either}


def alias(place: int) -> str:
    """Return the alias of the update at `place` in a batch; errors name it in their path."""
    return f"u{place}"


def batch(updates: Sequence[Update]) -> Document:
    """Return one mutation that carries out all `updates`, one after the other.

    Linear stops at the first that fails: those before it are done, those behind it are not.
    """
    declared: list[str] = []
    lines: list[str] = []
    variables: JSONObject = {}
    for place, call in enumerate(map(_call, updates)):
        declared += [f"${name}{place}: {kind}" for name, kind in call.types.items()]
        given = ", ".join(f"{name}: ${name}{place}" for name in call.types)
        lines.append(f"  {alias(place)}: {call.name}({given}) {{ success }}")
        variables |= {f"{name}{place}": value for name, value in call.values.items()}
    body = "\n".join(lines)
    return Document(f"mutation Updates({', '.join(declared)}) {{\n{body}\n}}", variables)


def _call(update: Update) -> _Call:
    match update:
        case PostActivity():
            told = content.activity_input(update)
            return _create("agentActivityCreate", "AgentActivityCreateInput", told)
        case PostComment():
            return _create("commentCreate", "CommentCreateInput", content.comment_input(update))
        case SetPlan(session_id=session):
            return _change_session(session, content.plan_input(update))
        case AddLinks(session_id=session):
            return _change_session(session, content.links_input(update))
        case ChangeIssue(issue_id=issue):
            told = content.issue_input(update)
            return _change("issueUpdate", issue, "IssueUpdateInput", told)
        case _:
            assert_never(update)


def _change_session(session_id: str, told: JSONObject) -> _Call:
    return _change("agentSessionUpdate", session_id, "AgentSessionUpdateInput", told)


def _create(name: str, kind: str, told: JSONObject) -> _Call:
    return _Call(name, {"input": f"{kind}!"}, {"input": told})


def _change(name: str, thing: str, kind: str, told: JSONObject) -> _Call:
    return _Call(name, {"id": "String!", "input": f"{kind}!"}, {"id": thing, "input": told})
