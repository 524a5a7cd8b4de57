"""What anybody may do to issues: make, change, comment, attach, react, put away."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from deputy_simulator.linear import webhook_events
from deputy_simulator.linear.entities import (
    Attachment,
    Comment,
    Issue,
    IssueLabel,
    Json,
    Reaction,
    Team,
    User,
    WorkflowState,
)
from deputy_simulator.linear.errors import InvalidInputError
from deputy_simulator.linear.workspace import Workspace, slug

if TYPE_CHECKING:
    import datetime as dt

_PRIORITIES = range(5)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NewIssue:
    """What a new issue is to hold."""

    title: str
    team_id: str
    description: str | None = None
    priority: int = 0
    state_id: str | None = None
    label_ids: tuple[str, ...] = ()
    parent_id: str | None = None
    assignee_id: str | None = None
    id: str | None = None


def create_issue(workspace: Workspace, new: NewIssue, actor: User | None) -> Issue:
    """Make an issue; without a state it begins in the team's first unstarted one."""
    store = workspace.store
    if not new.title.strip():
        raise InvalidInputError("title", "title must not be empty.")
    team = store.get(Team, new.team_id)
    number = store.next_number(team)
    identifier = f"{team.key}-{number}"
    state = store.state(team.id, new.state_id or "unstarted")
    issue = Issue(
        id=store.claim_id(Issue, new.id),
        **workspace.stamps(),
        number=number,
        identifier=identifier,
        title=new.title,
        description=new.description,
        url=workspace.issue_url(identifier, new.title),
        branch_name=f"{identifier.lower()}-{slug(new.title)}",
        team_id=team.id,
        state_id=state.id,
        priority=_priority(new.priority),
        creator_id=actor.id if actor else None,
        assignee_id=new.assignee_id,
        parent_id=new.parent_id,
        label_ids=tuple(store.get(IssueLabel, known).id for known in new.label_ids),
    )
    store.put(issue)
    webhook_events.issue_created(workspace, issue, actor)
    return issue


def update_issue(workspace: Workspace, issue: Issue, changes: Json, actor: User | None) -> Issue:
    """Change fields of an issue (names as in `Issue`) and tell of what really changed.

    Raises:
        NotFoundError: a state, label or user does not exist, or the state is another team's.
    """
    _check(workspace, issue, changes)
    now = workspace.clock.stamp()
    wanted = dict(changes)
    if "state_id" in wanted:
        wanted |= _dates(issue, workspace.store.get(WorkflowState, wanted["state_id"]), now)
    changed = dataclasses.replace(issue, updated_at=now, **wanted)
    if dataclasses.replace(changed, updated_at=issue.updated_at) == issue:
        return issue
    workspace.store.put(changed)
    webhook_events.issue_updated(workspace, issue, changed, actor)
    return changed


def relabel(issue: Issue, added: list[str], removed: list[str]) -> tuple[str, ...]:
    """Return the issue's labels with some added and some removed, in their order."""
    kept = [known for known in issue.label_ids if known not in removed]
    return tuple(dict.fromkeys([*kept, *added]))


def archive_issue(workspace: Workspace, issue: Issue, actor: User | None, *, trash: bool) -> Issue:
    """Put an issue away, or into the trash."""
    now = workspace.clock.stamp()
    gone = dataclasses.replace(
        issue, archived_at=now, updated_at=now, trashed=True if trash else issue.trashed
    )
    workspace.store.put(gone)
    if trash:
        webhook_events.issue_removed(workspace, gone, actor)
    else:
        webhook_events.issue_updated(workspace, issue, gone, actor)
    return gone


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NewComment:
    """What a new comment is to hold."""

    issue_id: str
    body: str
    parent_id: str | None = None
    id: str | None = None
    artificial: bool = False


def add_comment(workspace: Workspace, new: NewComment, actor: User | None) -> Comment:
    """Write a comment, on the issue or as a reply, and tell of it."""
    if not new.body.strip():
        raise InvalidInputError("body", "body must not be empty.")
    store = workspace.store
    issue = store.get(Issue, new.issue_id)
    parent = store.get(Comment, new.parent_id) if new.parent_id else None
    comment_id = store.claim_id(Comment, new.id)
    comment = Comment(
        id=comment_id,
        **workspace.stamps(),
        body=new.body,
        issue_id=issue.id,
        parent_id=(parent.parent_id or parent.id) if parent else None,
        user_id=actor.id if actor else None,
        url=f"{issue.url}#comment-{comment_id[:8]}",
        is_artificial_agent_session_root=new.artificial,
    )
    store.put(comment)
    webhook_events.comment_created(workspace, comment, actor)
    return comment


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NewAttachment:
    """What a link on an issue is to hold."""

    issue_id: str
    title: str
    url: str
    subtitle: str | None = None
    metadata: Json = dataclasses.field(default_factory=dict)
    group_by_source: bool = False
    source_type: str | None = None
    id: str | None = None


def attach(workspace: Workspace, new: NewAttachment, actor: User | None) -> Attachment:
    """Link an address to an issue; the same address again updates the link."""
    store = workspace.store
    fields: dict[str, Any] = {
        "title": new.title,
        "subtitle": new.subtitle,
        "metadata": new.metadata,
        "group_by_source": new.group_by_source,
        "source_type": new.source_type,
    }
    for known in store.all(Attachment):
        if (known.issue_id, known.url) == (new.issue_id, new.url):
            now = workspace.clock.stamp()
            return store.put(dataclasses.replace(known, updated_at=now, **fields))
    attachment = Attachment(
        id=store.claim_id(Attachment, new.id),
        **workspace.stamps(),
        url=new.url,
        issue_id=new.issue_id,
        creator_id=actor.id if actor else None,
        **fields,
    )
    return store.put(attachment)


def react(workspace: Workspace, target: Issue | Comment, emoji: str, actor: User) -> Reaction:
    """Put an emoji on an issue or a comment."""
    reaction = Reaction(
        id=workspace.store.new_id(),
        **workspace.stamps(),
        emoji=emoji,
        user_id=actor.id,
        issue_id=target.id if isinstance(target, Issue) else None,
        comment_id=target.id if isinstance(target, Comment) else None,
    )
    return workspace.store.put(reaction)


def _priority(value: int) -> int:
    if value not in _PRIORITIES:
        raise InvalidInputError("priority", "priority must be 0 to 4.")
    return value


def _check(workspace: Workspace, issue: Issue, changes: Json) -> None:
    store = workspace.store
    if "state_id" in changes:
        store.state(issue.team_id, changes["state_id"])
    for field in ("assignee_id", "delegate_id"):
        if changes.get(field) is not None:
            store.get(User, changes[field])
    for label in changes.get("label_ids", ()):
        store.get(IssueLabel, label)
    if "priority" in changes:
        _priority(changes["priority"])


def _dates(issue: Issue, state: WorkflowState, now: dt.datetime) -> Json:
    """Return when the issue was started, completed, canceled once it is in `state`."""
    kind = state.type
    return {
        "started_at": issue.started_at or (now if kind in {"started", "completed"} else None),
        "completed_at": (issue.completed_at or now) if kind == "completed" else None,
        "canceled_at": (issue.canceled_at or now) if kind == "canceled" else None,
    }
