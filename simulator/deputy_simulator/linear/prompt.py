"""The context that Linear puts together for an agent when a session begins.

Linear documents no escaping, so there is none here: a reader must cope with hostile text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deputy_simulator.linear.entities import (
    AgentSession,
    Comment,
    Issue,
    IssueLabel,
    Json,
    Team,
    User,
)

if TYPE_CHECKING:
    from deputy_simulator.linear.workspace import Workspace


def prompt_context(workspace: Workspace, session: AgentSession) -> str:
    """Return the issue, the session's thread, other threads and the guidance as one text."""
    issue = workspace.store.get(Issue, session.issue_id)
    comments = workspace.store.comments(issue)
    root = workspace.store.get(Comment, session.comment_id)
    threads = [c for c in comments if c.parent_id is None and c.id != root.id]
    parts = [
        _issue(workspace, issue),
        _thread(workspace, "primary-directive-thread", root, comments),
    ]
    parts += [
        _thread(workspace, "other-thread", thread, comments)
        for thread in threads
        if not thread.is_artificial_agent_session_root
    ]
    rules = _rules(workspace, session)
    return "\n\n".join([*parts, rules] if rules else parts)


def guidance(workspace: Workspace, session: AgentSession) -> list[Json]:
    """Return the organisation's words to all agents, the nearest team's first."""
    team = _team(workspace, session)
    if not team.guidance:
        return []
    origin = {
        "id": team.id,
        "key": team.key,
        "name": team.name,
        "displayName": team.name,
        "parentId": None,
    }
    return [{"body": team.guidance, "origin": {"type": "Team", "team": origin}}]


def _issue(workspace: Workspace, issue: Issue) -> str:
    store = workspace.store
    team = store.get(Team, issue.team_id)
    lines = [f'<issue identifier="{issue.identifier}">', f"<title>{issue.title}</title>"]
    if issue.description:
        lines.append(f"<description>{issue.description}</description>")
    lines.append(f'<team name="{team.name}"/>')
    lines += [f"<label>{store.get(IssueLabel, known).name}</label>" for known in issue.label_ids]
    parent = store.find(Issue, issue.parent_id)
    if parent is not None:
        lines.append(
            f'<parent-issue identifier="{parent.identifier}"><title>{parent.title}</title>'
            f"<description>{parent.description or ''}</description></parent-issue>"
        )
    return "\n".join([*lines, "</issue>"])


def _thread(workspace: Workspace, tag: str, root: Comment, comments: list[Comment]) -> str:
    replies = [comment for comment in comments if comment.parent_id == root.id]
    inside = "".join(_comment(workspace, comment) for comment in [root, *replies])
    return f'<{tag} comment-id="{root.id}">{inside}</{tag}>'


def _comment(workspace: Workspace, comment: Comment) -> str:
    author = workspace.store.find(User, comment.user_id)
    name = author.name if author else workspace.app_user.name
    app = workspace.app_user
    body = comment.body.replace(
        f"@{app.display_name}", f'<user id="{app.id}">{app.display_name}</user>'
    )
    at = comment.created_at.strftime("%Y-%m-%d %H:%M:%S")
    return f'<comment author="{name}" created-at="{at}">{body}</comment>'


def _rules(workspace: Workspace, session: AgentSession) -> str:
    team = _team(workspace, session)
    if not team.guidance:
        return ""
    return (
        f'<guidance><guidance-rule origin="team" team-name="{team.name}">'
        f"{team.guidance}</guidance-rule></guidance>"
    )


def _team(workspace: Workspace, session: AgentSession) -> Team:
    return workspace.store.get(Team, workspace.store.get(Issue, session.issue_id).team_id)
