"""The mutations that the simulator carries out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from deputy_simulator.linear import agent, people
from deputy_simulator.linear.agent import NewActivity
from deputy_simulator.linear.entities import (
    AgentSession,
    Attachment,
    Comment,
    Issue,
    IssueLabel,
    Json,
    Reaction,
    Team,
)
from deputy_simulator.linear.errors import (
    ForbiddenError,
    InvalidInputError,
    NotSupportedError,
)
from deputy_simulator.linear.issues import (
    NewAttachment,
    NewComment,
    NewIssue,
    add_comment,
    archive_issue,
    attach,
    create_issue,
    react,
    relabel,
)
from deputy_simulator.linear.reading import snake
from deputy_simulator.linear.validation import check_links

if TYPE_CHECKING:
    from deputy_simulator.linear.call import Call
    from deputy_simulator.linear.fields import Field

#: Fields of `IssueUpdateInput` that are taken over as they are.
_PLAIN = frozenset(
    {
        "title",
        "description",
        "stateId",
        "assigneeId",
        "delegateId",
        "labelIds",
        "parentId",
        "priority",
    }
)
_LABELS = frozenset({"addedLabelIds", "removedLabelIds"})
#: Fields that the simulator accepts and does not show.
_IGNORED = frozenset(
    {"sortOrder", "subIssueSortOrder", "prioritySortOrder", "subscriberIds", "estimate", "dueDate"}
)


def _done(call: Call, **entity: Any) -> Json:
    return {"success": True, "lastSyncId": float(call.workspace.store.sync_id), **entity}


def _deleted(call: Call, entity_id: str) -> Json:
    return _done(call, entityId=entity_id)


def _activity_create(call: Call, _root: Any, given: Json) -> Json:
    told = given["input"]
    new = NewActivity(
        session_id=told["agentSessionId"],
        content=told["content"],
        id=told.get("id"),
        ephemeral=bool(told.get("ephemeral")),
        signal=told.get("signal"),
        signal_metadata=told.get("signalMetadata"),
    )
    return _done(call, agentActivity=agent.create_activity(call.workspace, new, call.caller))


def _activity_create_prompt(call: Call, _root: Any, given: Json) -> Json:
    told = given["input"]
    if call.caller.app:
        raise ForbiddenError("Agents cannot create prompt activities.")
    session = call.workspace.store.get(AgentSession, told["agentSessionId"])
    if told.get("signal") == "stop":
        activity = people.stop(call.workspace, session, call.caller)
    else:
        body = told["content"].get("body") or ""
        activity = people.reply(call.workspace, session, call.caller, body)
    return _done(call, agentActivity=activity)


def _session_update(call: Call, _root: Any, given: Json) -> Json:
    session = agent.own_session(call.workspace, given["id"], call.caller)
    if {"dismissedAt", "userState"} & set(given["input"]):
        raise ForbiddenError("Only updatable by internal clients.")
    changed = agent.update_session(call.workspace, session, given["input"])
    return _done(call, agentSession=changed)


def _session_on_issue(call: Call, _root: Any, given: Json) -> Json:
    told = given["input"]
    return _opened(call, call.issue(told["issueId"]), None, told)


def _session_on_comment(call: Call, _root: Any, given: Json) -> Json:
    told = given["input"]
    comment = call.workspace.store.get(Comment, told["commentId"])
    if comment.parent_id is not None:
        raise InvalidInputError("commentId", "commentId must name a root comment.")
    return _opened(call, call.issue(comment.issue_id), comment, told)


def _opened(call: Call, issue: Issue, comment: Comment | None, told: Json) -> Json:
    if not call.caller.app:
        raise ForbiddenError("Only OAuth applications can create agent sessions.")
    links = check_links(told.get("externalUrls"))
    session = people.open_session_by_app(call.workspace, issue, call.caller, comment)
    if links:
        session = agent.update_session(
            call.workspace, session, {"externalUrls": told["externalUrls"]}
        )
    return _done(call, agentSession=session)


def _issue_create(call: Call, _root: Any, given: Json) -> Json:
    told = given["input"]
    new = NewIssue(
        title=told.get("title") or "",
        team_id=told["teamId"],
        description=told.get("description"),
        priority=told.get("priority") or 0,
        state_id=told.get("stateId"),
        label_ids=tuple(told.get("labelIds") or ()),
        parent_id=told.get("parentId"),
        assignee_id=told.get("assigneeId"),
        id=told.get("id"),
    )
    issue = create_issue(call.workspace, new, call.caller)
    if told.get("delegateId"):
        changes = {"delegate_id": told["delegateId"]}
        issue = people.change_issue(call.workspace, issue, changes, call.caller)
    return _done(call, issue=issue)


def _issue_update(call: Call, _root: Any, given: Json) -> Json:
    issue = call.issue(given["id"])
    told = given["input"]
    unknown = set(told) - _PLAIN - _LABELS - _IGNORED - {"trashed"}
    if unknown:
        raise NotSupportedError(f"issueUpdate with {', '.join(sorted(unknown))}")
    changes = {snake(name): value for name, value in told.items() if name in _PLAIN}
    if _LABELS & set(told):
        added, removed = told.get("addedLabelIds") or [], told.get("removedLabelIds") or []
        changes["label_ids"] = relabel(issue, added, removed)
    elif "label_ids" in changes:
        changes["label_ids"] = tuple(changes["label_ids"] or ())
    issue = people.change_issue(call.workspace, issue, changes, call.caller)
    if told.get("trashed"):
        issue = archive_issue(call.workspace, issue, call.caller, trash=True)
    return _done(call, issue=issue)


def _issue_add_label(call: Call, _root: Any, given: Json) -> Json:
    issue = call.issue(given["id"])
    labels = relabel(issue, [given["labelId"]], [])
    changed = people.change_issue(call.workspace, issue, {"label_ids": labels}, call.caller)
    return _done(call, issue=changed)


def _issue_remove_label(call: Call, _root: Any, given: Json) -> Json:
    issue = call.issue(given["id"])
    labels = relabel(issue, [], [given["labelId"]])
    changed = people.change_issue(call.workspace, issue, {"label_ids": labels}, call.caller)
    return _done(call, issue=changed)


def _issue_archive(call: Call, _root: Any, given: Json) -> Json:
    issue = call.issue(given["id"])
    trash = bool(given.get("trash"))
    return _done(call, entity=archive_issue(call.workspace, issue, call.caller, trash=trash))


def _issue_delete(call: Call, _root: Any, given: Json) -> Json:
    issue = call.issue(given["id"])
    return _done(call, entity=archive_issue(call.workspace, issue, call.caller, trash=True))


def _issue_subscribe(call: Call, _root: Any, given: Json) -> Json:
    return _done(call, issue=call.issue(given["id"]))


def _label_create(call: Call, _root: Any, given: Json) -> Json:
    told = given["input"]
    store = call.workspace.store
    team_id = store.get(Team, told["teamId"]).id if told.get("teamId") else None
    if any(k.name == told["name"] and k.team_id == team_id for k in store.all(IssueLabel)):
        raise InvalidInputError("name", "A label with this name exists already.")
    label = IssueLabel(
        id=store.claim_id(IssueLabel, told.get("id")),
        **call.workspace.stamps(),
        name=told["name"],
        color=told.get("color") or "#95a2b3",
        team_id=team_id,
        description=told.get("description"),
    )
    return _done(call, issueLabel=store.put(label))


def _comment_create(call: Call, _root: Any, given: Json) -> Json:
    told = given["input"]
    store = call.workspace.store
    parent = store.get(Comment, told["parentId"]) if told.get("parentId") else None
    key = told.get("issueId") or (parent.issue_id if parent else None)
    if key is None:
        raise NotSupportedError("comments on anything but issues")
    new = NewComment(
        issue_id=call.issue(key).id,
        body=told.get("body") or "",
        parent_id=told.get("parentId"),
        id=told.get("id"),
    )
    if call.caller.app:
        return _done(call, comment=add_comment(call.workspace, new, call.caller))
    return _done(call, comment=people.comment(call.workspace, new, call.caller))


def _comment_update(call: Call, _root: Any, given: Json) -> Json:
    comment = call.workspace.store.get(Comment, given["id"])
    if comment.user_id != call.caller.id:
        raise ForbiddenError("Only the author can edit a comment.")
    now = call.workspace.clock.stamp()
    body = given["input"].get("body") or comment.body
    edited = None if given.get("skipEditedAt") else now
    changed = dataclasses.replace(comment, body=body, edited_at=edited, updated_at=now)
    return _done(call, comment=call.workspace.store.put(changed))


def _comment_delete(call: Call, _root: Any, given: Json) -> Json:
    comment = call.workspace.store.get(Comment, given["id"])
    if comment.user_id != call.caller.id:
        raise ForbiddenError("Only the author can delete a comment.")
    call.workspace.store.remove(comment)
    return _deleted(call, comment.id)


def _comment_resolve(call: Call, _root: Any, given: Json) -> Json:
    comment = call.workspace.store.get(Comment, given["id"])
    now = call.workspace.clock.stamp()
    changed = dataclasses.replace(comment, resolved_at=now, updated_at=now)
    return _done(call, comment=call.workspace.store.put(changed))


def _reaction_create(call: Call, _root: Any, given: Json) -> Json:
    told = given["input"]
    target: Issue | Comment
    if told.get("commentId"):
        target = call.workspace.store.get(Comment, told["commentId"])
    elif told.get("issueId"):
        target = call.issue(told["issueId"])
    else:
        raise NotSupportedError("reactions to anything but issues and comments")
    return _done(call, reaction=react(call.workspace, target, told["emoji"], call.caller))


def _reaction_delete(call: Call, _root: Any, given: Json) -> Json:
    reaction = call.workspace.store.get(Reaction, given["id"])
    call.workspace.store.remove(reaction)
    return _deleted(call, reaction.id)


def _attachment_create(call: Call, _root: Any, given: Json) -> Json:
    return _attached(call, given["input"], given["input"].get("metadata") or {}, None)


def _link_url(call: Call, _root: Any, given: Json) -> Json:
    return _attached(call, given, {}, None)


def _link_pull_request(call: Call, _root: Any, given: Json) -> Json:
    return _attached(call, given, {"linkKind": given.get("linkKind") or "links"}, "github")


def _link_merge_request(call: Call, _root: Any, given: Json) -> Json:
    return _attached(call, given, {"number": given["number"]}, "gitlab")


def _attached(call: Call, told: Json, metadata: Json, source_type: str | None) -> Json:
    new = NewAttachment(
        issue_id=call.issue(told["issueId"]).id,
        title=told.get("title") or told["url"],
        url=told["url"],
        subtitle=told.get("subtitle"),
        metadata=metadata,
        group_by_source=bool(told.get("groupBySource")),
        source_type=source_type,
        id=told.get("id"),
    )
    return _done(call, attachment=attach(call.workspace, new, call.caller))


def _attachment_update(call: Call, _root: Any, given: Json) -> Json:
    attachment = call.workspace.store.get(Attachment, given["id"])
    told = given["input"]
    kept = {name: told[name] for name in ("title", "subtitle", "metadata") if name in told}
    now = call.workspace.clock.stamp()
    changed = dataclasses.replace(attachment, updated_at=now, **kept)
    return _done(call, attachment=call.workspace.store.put(changed))


def _attachment_delete(call: Call, _root: Any, given: Json) -> Json:
    attachment = call.workspace.store.get(Attachment, given["id"])
    call.workspace.store.remove(attachment)
    return _deleted(call, attachment.id)


def _admin_only(_call: Call, _root: Any, _given: Json) -> Any:
    raise ForbiddenError("Invalid role: admin required")


#: Mutations by name; what is missing here is answered with `NotModelledError`.
MUTATIONS: dict[str, Field] = {
    "agentActivityCreate": _activity_create,
    "agentActivityCreatePrompt": _activity_create_prompt,
    "agentSessionUpdate": _session_update,
    "agentSessionUpdateExternalUrl": _session_update,
    "agentSessionCreateOnIssue": _session_on_issue,
    "agentSessionCreateOnComment": _session_on_comment,
    "issueCreate": _issue_create,
    "issueUpdate": _issue_update,
    "issueAddLabel": _issue_add_label,
    "issueRemoveLabel": _issue_remove_label,
    "issueArchive": _issue_archive,
    "issueDelete": _issue_delete,
    "issueSubscribe": _issue_subscribe,
    "issueLabelCreate": _label_create,
    "commentCreate": _comment_create,
    "commentUpdate": _comment_update,
    "commentDelete": _comment_delete,
    "commentResolve": _comment_resolve,
    "reactionCreate": _reaction_create,
    "reactionDelete": _reaction_delete,
    "attachmentCreate": _attachment_create,
    "attachmentLinkURL": _link_url,
    "attachmentLinkGitHubPR": _link_pull_request,
    "attachmentLinkGitLabMR": _link_merge_request,
    "attachmentUpdate": _attachment_update,
    "attachmentDelete": _attachment_delete,
    "webhookCreate": _admin_only,
    "webhookUpdate": _admin_only,
    "webhookDelete": _admin_only,
    "webhookRotateSecret": _admin_only,
}
