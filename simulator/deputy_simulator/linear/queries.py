"""The root queries that the simulator answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from deputy_simulator.linear.entities import (
    AgentActivity,
    AgentSession,
    Attachment,
    Comment,
    Issue,
    IssueLabel,
    Json,
    Node,
    Team,
    User,
    WorkflowState,
)
from deputy_simulator.linear.errors import ForbiddenError, NotFoundError
from deputy_simulator.linear.pages import connection
from deputy_simulator.linear.payloads import PRIORITIES
from deputy_simulator.linear.ratelimit import HOUR, LeakyBucket

if TYPE_CHECKING:
    from deputy_simulator.linear.call import Call
    from deputy_simulator.linear.fields import Field

N = TypeVar("N", bound=Node)


def _one(kind: type[N]) -> Field:
    return lambda call, _root, given: call.workspace.store.get(kind, given["id"])


def _many(kind: type[N]) -> Field:
    return lambda call, _root, given: connection(call, call.workspace.store.all(kind), given)


def _issues(call: Call, _root: Any, given: Json) -> Json:
    return connection(call, call.issues(), given)


def _found(call: Call, term: str) -> list[Issue]:
    wanted = term.casefold()
    return [i for i in call.issues() if wanted in f"{i.title} {i.description or ''}".casefold()]


def _issue_search(call: Call, _root: Any, given: Json) -> Json:
    return connection(call, _found(call, given.get("query") or ""), given)


def _search_issues(call: Call, _root: Any, given: Json) -> Json:
    found = _found(call, given["term"])
    return connection(call, found, given) | {"totalCount": float(len(found))}


def _branch(call: Call, _root: Any, given: Json) -> Issue | None:
    return next((i for i in call.issues() if i.branch_name == given["branchName"]), None)


def _attachments(call: Call, _root: Any, given: Json) -> Json:
    linked = [a for a in call.workspace.store.all(Attachment) if a.url == given["url"]]
    return connection(call, linked, given)


def _application(call: Call, _root: Any, given: Json) -> Json:
    client = call.authority.clients.get(given["clientId"])
    if client is None:
        raise NotFoundError("OauthClient")
    return {
        "id": client.id,
        "clientId": client.id,
        "name": client.name,
        "developer": call.workspace.store.organization().name,
        "developerUrl": call.workspace.settings.site_url,
    }


def _suggestions(call: Call, _root: Any, given: Json) -> Json:
    """Rank candidates by whether the issue names them; real Linear asks a model."""
    issue = call.issue(given["issueId"])
    text = f"{issue.title} {issue.description or ''}".casefold()
    ranked = [
        {
            "repositoryFullName": candidate["repositoryFullName"],
            "hostname": candidate["hostname"],
            "confidence": 0.9 if _short(candidate) in text else 0.2,
        }
        for candidate in given["candidateRepositories"]
    ]
    return {"suggestions": sorted(ranked, key=lambda one: -one["confidence"])}


def _short(candidate: Json) -> str:
    return str(candidate["repositoryFullName"]).rpartition("/")[2].casefold()


def _rate_limit(call: Call, _root: Any, _given: Json) -> Json:
    buckets = (("REQUESTS", call.budget.requests), ("COMPLEXITY", call.budget.complexity))
    return {
        "kind": "oauth" if call.token.client_id else "apiKey",
        "identifier": call.caller.id,
        "limits": [_limit(call, name, bucket) for name, bucket in buckets],
    }


def _limit(call: Call, name: str, bucket: LeakyBucket) -> Json:
    now = call.workspace.clock.stamp().timestamp()
    return {
        "type": name,
        "allowedAmount": float(bucket.capacity),
        "requestedAmount": 1.0 if name == "REQUESTS" else float(call.points),
        "remainingAmount": float(bucket.remaining),
        "period": HOUR * 1000,
        "reset": (now + bucket.reset_after) * 1000,
    }


def _priorities(_call: Call, _root: Any, _given: Json) -> list[Json]:
    return [{"priority": number, "label": label} for number, label in enumerate(PRIORITIES)]


def _admin_only(_call: Call, _root: Any, _given: Json) -> Any:
    raise ForbiddenError("Invalid role: admin required")


def _comment(call: Call, _root: Any, given: Json) -> Comment:
    return call.workspace.store.get(Comment, given.get("id"))


#: Root queries by name; what is missing here finds nothing.
QUERIES: dict[str, Field] = {
    "viewer": lambda call, _root, _given: call.caller,
    "organization": lambda call, _root, _given: call.workspace.store.organization(),
    "issue": lambda call, _root, given: call.issue(given["id"]),
    "issues": _issues,
    "issueSearch": _issue_search,
    "searchIssues": _search_issues,
    "issueVcsBranchSearch": _branch,
    "issueRepositorySuggestions": _suggestions,
    "team": lambda call, _root, given: call.workspace.store.team(given["id"]),
    "teams": _many(Team),
    "workflowState": _one(WorkflowState),
    "workflowStates": _many(WorkflowState),
    "issueLabel": _one(IssueLabel),
    "issueLabels": _many(IssueLabel),
    "issuePriorityValues": _priorities,
    "userSettings": lambda call, _root, _given: {"user": call.caller},
    "user": _one(User),
    "users": _many(User),
    "comment": _comment,
    "comments": _many(Comment),
    "attachment": _one(Attachment),
    "attachmentsForURL": _attachments,
    "agentSession": _one(AgentSession),
    "agentSessions": _many(AgentSession),
    "agentActivity": _one(AgentActivity),
    "agentActivities": _many(AgentActivity),
    "applicationInfo": _application,
    "rateLimitStatus": _rate_limit,
    "webhook": _admin_only,
    "webhooks": _admin_only,
}
