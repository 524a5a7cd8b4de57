"""Fields of entities that are not simply an attribute: lists, counts, constants.

`FIELDS` maps type and field to a function of the call, the entity and the arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from deputy_simulator.linear.call import Call
from deputy_simulator.linear.entities import (
    AgentActivity,
    AgentSession,
    Attachment,
    Comment,
    Issue,
    IssueLabel,
    Json,
    Node,
    Organization,
    Reaction,
    Team,
    User,
    WorkflowState,
)
from deputy_simulator.linear.pages import connection
from deputy_simulator.linear.payloads import PRIORITIES

Field: TypeAlias = Callable[[Call, Any, Json], Any]


def paged(nodes: Callable[[Call, Any], Iterable[Node]]) -> Field:
    """Return a field that pages through what `nodes` finds."""
    return lambda call, node, given: connection(call, nodes(call, node), given)


def constant(value: Any) -> Field:
    """Return a field that is always the same."""
    return lambda _call, _node, _given: value


def team_states(call: Call, team: Team) -> list[WorkflowState]:
    """Return a team's states."""
    return [s for s in call.workspace.store.all(WorkflowState) if s.team_id == team.id]


def team_labels(call: Call, team: Team) -> list[IssueLabel]:
    """Return a team's labels and those of all teams."""
    return [k for k in call.workspace.store.all(IssueLabel) if k.team_id in {None, team.id}]


def content(_call: Call, activity: AgentActivity, _given: Json) -> Json:
    """Return the content of an activity with what the schema wants beside it."""
    return {"bodyData": {}, **activity.content}


def _default_state(call: Call, team: Team, _given: Json) -> WorkflowState:
    return call.workspace.store.state(team.id, "unstarted")


def _triage_state(call: Call, team: Team, _given: Json) -> WorkflowState | None:
    states = team_states(call, team)
    return next((state for state in states if state.type == "triage"), None)


def _comment_session(call: Call, comment: Comment, _given: Json) -> AgentSession | None:
    return call.workspace.session_of_thread(comment)


def _links(_call: Call, session: AgentSession, _given: Json) -> list[Json]:
    return [{"label": link.label, "url": link.url} for link in session.external_links]


def _first_link(_call: Call, session: AgentSession, _given: Json) -> str | None:
    return session.external_links[0].url if session.external_links else None


def _is_app(_call: Call, user: User, _given: Json) -> bool:
    return user.app


def _initials(_call: Call, user: User, _given: Json) -> str:
    return "".join(word[0] for word in user.name.split()[:2]).upper()


def _created(call: Call, user: User) -> list[Issue]:
    return [issue for issue in call.issues() if issue.creator_id == user.id]


def _team_issues(call: Call, team: Team) -> list[Issue]:
    return [issue for issue in call.issues() if issue.team_id == team.id]


def _reactions(call: Call, node: Issue | Comment) -> list[Reaction]:
    known = call.workspace.store.all(Reaction)
    return [one for one in known if node.id in (one.issue_id, one.comment_id)]


_ORGANIZATION: dict[str, Field] = {
    "agentAutomationEnabled": constant(True),
    "restrictAgentInvocationToMembers": constant(False),
    "labels": paged(lambda call, _: call.workspace.store.all(IssueLabel)),
    "teams": paged(lambda call, _: call.workspace.store.all(Team)),
    "users": paged(lambda call, _: call.workspace.store.all(User)),
    "userCount": lambda call, _node, _given: len(call.workspace.store.all(User)),
    "createdIssueCount": lambda call, _node, _given: len(call.workspace.store.all(Issue)),
    "workingDays": constant([1.0, 2.0, 3.0, 4.0, 5.0]),
}

_TEAM: dict[str, Field] = {
    "displayName": lambda _call, team, _given: team.name,
    "defaultIssueState": _default_state,
    "triageIssueState": _triage_state,
    "triageEnabled": lambda call, team, given: _triage_state(call, team, given) is not None,
    "private": constant(False),
    "timezone": constant("Etc/UTC"),
    "visibility": constant("public"),
    "states": paged(team_states),
    "labels": paged(team_labels),
    "issues": paged(_team_issues),
    "issueCount": lambda call, team, _given: len(_team_issues(call, team)),
    "members": paged(lambda call, _: call.workspace.store.all(User)),
}

_USER: dict[str, Field] = {
    "active": constant(True),
    "guest": constant(False),
    "owner": lambda _call, user, _given: user.admin,
    "isMe": lambda call, user, _given: user.id == call.caller.id,
    "isAssignable": constant(True),
    "isMentionable": constant(True),
    "supportsAgentSessions": _is_app,
    "canAccessAnyPublicTeam": lambda call, _user, _given: not call.workspace.hidden_team_ids,
    "timezone": constant("Etc/UTC"),
    "initials": _initials,
    "avatarBackgroundColor": constant("#5e6ad2"),
    "teams": paged(lambda call, _: call.workspace.store.all(Team)),
    "createdIssues": paged(_created),
    "createdIssueCount": lambda call, user, _given: len(_created(call, user)),
    "assignedIssues": paged(lambda c, user: [i for i in c.issues() if i.assignee_id == user.id]),
    "delegatedIssues": paged(lambda c, user: [i for i in c.issues() if i.delegate_id == user.id]),
}

_ISSUE: dict[str, Field] = {
    "number": lambda _call, issue, _given: float(issue.number),
    "priorityLabel": lambda _call, issue, _given: PRIORITIES[issue.priority],
    "previousIdentifiers": constant([]),
    "labels": paged(
        lambda c, issue: [c.workspace.store.get(IssueLabel, k) for k in issue.label_ids]
    ),
    "comments": paged(lambda call, issue: call.workspace.store.comments(issue)),
    "children": paged(lambda call, issue: [i for i in call.issues() if i.parent_id == issue.id]),
    "attachments": paged(
        lambda c, issue: [a for a in c.workspace.store.all(Attachment) if a.issue_id == issue.id]
    ),
    "agentSessions": paged(lambda call, issue: call.workspace.sessions_of(issue)),
    "reactions": lambda call, issue, _given: _reactions(call, issue),
    "subscribers": paged(
        lambda c, issue: [u for u in c.workspace.store.all(User) if u.id == issue.creator_id]
    ),
}

_COMMENT: dict[str, Field] = {
    "agentSession": _comment_session,
    "agentSessions": paged(
        lambda c, comment: [s for s in [c.workspace.session_of_thread(comment)] if s is not None]
    ),
    "children": paged(
        lambda c, comment: [k for k in c.workspace.store.all(Comment) if k.parent_id == comment.id]
    ),
    "reactions": lambda call, comment, _given: _reactions(call, comment),
}

_SESSION: dict[str, Field] = {
    "activities": paged(lambda call, session: call.workspace.store.activities(session)),
    "context": constant({}),
    "type": constant("commentThread"),
    "externalUrls": _links,
    "externalLink": _first_link,
}

#: By type and field; what is not here is read by name.
FIELDS: dict[str, dict[str, Field]] = {
    Organization.__name__: _ORGANIZATION,
    Team.__name__: _TEAM,
    User.__name__: _USER,
    Issue.__name__: _ISSUE,
    Comment.__name__: _COMMENT,
    AgentSession.__name__: _SESSION,
    AgentActivity.__name__: {"content": content, "queued": constant(False)},
    WorkflowState.__name__: {
        "issues": paged(lambda call, state: [i for i in call.issues() if i.state_id == state.id])
    },
    IssueLabel.__name__: {
        "isGroup": constant(False),
        "issues": paged(lambda call, known: [i for i in call.issues() if known.id in i.label_ids]),
        "organization": lambda call, _label, _given: call.workspace.store.organization(),
    },
    Attachment.__name__: {"source": constant(None)},
}
