"""`/control`, first half: what people do in Linear, for tests and for the page.

Bodies and answers are JSON. An issue is named by id or identifier, a person by id, display name
or address (without one it is jane), a team by id or key, a state by id, name or type.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from aiohttp import web

from deputy_simulator.linear import people, views, webhook_events
from deputy_simulator.linear.entities import AgentSession, Comment, Issue, Json, User
from deputy_simulator.linear.errors import InvalidInputError
from deputy_simulator.linear.http import SIMULATOR
from deputy_simulator.linear.issues import NewComment, archive_issue, create_issue
from deputy_simulator.linear.seed import label_id, new_issue, seed_team

if TYPE_CHECKING:
    from deputy_simulator.linear.simulator import Simulator

#: Most copies or mentions that one call makes.
MOST = 2_000


@dataclasses.dataclass(frozen=True, slots=True)
class Command:
    """The body of a control request, with the simulator it is about."""

    simulator: Simulator
    body: Json

    @property
    def actor(self) -> User:
        """Who does it."""
        return self.simulator.workspace.store.user(str(self.body.get("user") or "jane"))

    @property
    def issue(self) -> Issue:
        """The issue it is done to."""
        return self.simulator.workspace.store.issue(self.text("issue"))

    @property
    def session(self) -> AgentSession:
        """The session it is done to."""
        return self.simulator.workspace.store.get(AgentSession, self.text("session"))

    def text(self, name: str) -> str:
        """Return a field that must be there.

        Raises:
            InvalidInputError: it is missing.
        """
        value = self.body.get(name)
        if not isinstance(value, str) or not value:
            raise InvalidInputError(name, f"The field {name!r} is missing.")
        return value

    def count(self, name: str, default: int = 1) -> int:
        """Return a number of copies.

        Raises:
            InvalidInputError: it is not within 0 to `MOST`.
        """
        value = int(self.body.get(name, default))
        if not 0 <= value <= MOST:
            raise InvalidInputError(name, f"{name} must be 0 to {MOST}.")
        return value


async def command_of(request: web.Request) -> Command:
    """Read a control request; no body is an empty one."""
    body: Any = await request.json() if request.can_read_body else {}
    if not isinstance(body, dict):
        raise InvalidInputError("body", "The body must be an object.")
    return Command(request.app[SIMULATOR], body)


async def create(request: web.Request) -> web.Response:
    """`{title, description?, team?, state?, priority?, labels?, user?, delegate?}` → issue."""
    command = await command_of(request)
    workspace = command.simulator.workspace
    command.text("title")
    issue = create_issue(workspace, new_issue(workspace, command.body), command.actor)
    if command.body.get("delegate"):
        people.delegate(workspace, issue, command.actor)
    return web.json_response(
        views.whole_issue(workspace, workspace.store.issue(issue.id)), status=201
    )


async def team(request: web.Request) -> web.Response:
    """`{key, name?, guidance?}` → team, with the states that every team has."""
    command = await command_of(request)
    command.text("key")
    made = seed_team(command.simulator.workspace, command.body)
    return web.json_response(views.team(made), status=201)


async def delegate(request: web.Request) -> web.Response:
    """`{issue, user?, automation?, again?, copies?}` → `{sessionId, session, issue}`.

    Answers at once, the webhook is on its way. `copies` sends the session's webhook so many times
    at the same moment; `again` takes the issue from the agent first.
    """
    command = await command_of(request)
    workspace = command.simulator.workspace
    actor = None if command.body.get("automation") else command.actor
    issue = command.issue
    if command.body.get("again") and issue.delegate_id is not None:
        issue = people.change_issue(workspace, issue, {"delegate_id": None}, command.actor)
    with command.simulator.sender.copying(command.count("copies")):
        session = people.delegate(workspace, issue, actor)
    return web.json_response(_opened(command, [session] if session else []))


async def mention(request: web.Request) -> web.Response:
    """`{issue, body?, user?, parent?, count?, copies?}` → `{sessionIds, sessions, issue}`.

    Writes `count` comments that mention the agent, at the same moment.
    """
    command = await command_of(request)
    sessions = _mentions(command, command.count("count"), command.count("copies"))
    return web.json_response(_opened(command, sessions))


async def storm(request: web.Request) -> web.Response:
    """`{issue, copies?: 200, mentions?: 50, body?, user?}` → `{sessionIds, sessions, issue}`.

    One delegation whose webhook is sent `copies` times, and `mentions` mentions, all at once.
    """
    command = await command_of(request)
    with command.simulator.sender.copying(command.count("copies", 200)):
        session = people.delegate(command.simulator.workspace, command.issue, command.actor)
    sessions = [session] if session else []
    sessions += _mentions(command, command.count("mentions", 50), 1)
    return web.json_response(_opened(command, sessions))


async def comment(request: web.Request) -> web.Response:
    """`{issue, body, user?, parent?}` → comment; a mention or a reply does what it does."""
    command = await command_of(request)
    written = _comment(command, command.text("body"))
    return web.json_response(views.comment(command.simulator.workspace, written), status=201)


async def reply(request: web.Request) -> web.Response:
    """`{session, body, user?, copies?}` → the prompt activity."""
    command = await command_of(request)
    with command.simulator.sender.copying(command.count("copies")):
        activity = people.reply(
            command.simulator.workspace, command.session, command.actor, command.text("body")
        )
    return web.json_response(views.activity(command.simulator.workspace, activity), status=201)


async def stop(request: web.Request) -> web.Response:
    """`{session, user?, copies?}` → the prompt activity that carries the signal `stop`."""
    command = await command_of(request)
    with command.simulator.sender.copying(command.count("copies")):
        activity = people.stop(command.simulator.workspace, command.session, command.actor)
    return web.json_response(views.activity(command.simulator.workspace, activity), status=201)


async def dismiss(request: web.Request) -> web.Response:
    """`{session, user?}` → session; the agent is no longer the delegate."""
    command = await command_of(request)
    gone = people.dismiss(command.simulator.workspace, command.session, command.actor)
    return web.json_response(views.session(command.simulator.workspace, gone))


async def undelegate(request: web.Request) -> web.Response:
    """`{issue, user?}` → issue."""
    return await _change(request, lambda _wish: {"delegate_id": None})


async def cancel(request: web.Request) -> web.Response:
    """`{issue, user?}` → issue, in the state of type canceled."""
    return await _change(request, lambda command: _state(command, "canceled"))


async def move(request: web.Request) -> web.Response:
    """`{issue, state, user?}` → issue."""
    return await _change(request, lambda command: _state(command, command.text("state")))


async def edit(request: web.Request) -> web.Response:
    """`{issue, title?, description?, priority?, labels?, user?}` → issue."""
    return await _change(request, _edits)


async def archive(request: web.Request) -> web.Response:
    """`{issue, user?}` → issue, archived."""
    return await _put_away(request, trash=False)


async def remove(request: web.Request) -> web.Response:
    """`{issue, user?}` → issue, in the trash."""
    return await _put_away(request, trash=True)


async def team_access(request: web.Request) -> web.Response:
    """`{hide?: [team], show?: [team]}` → `{hiddenTeamIds}`: what the application may see."""
    command = await command_of(request)
    workspace = command.simulator.workspace
    hide = [workspace.store.team(key) for key in command.body.get("hide") or ()]
    show = [workspace.store.team(key) for key in command.body.get("show") or ()]
    people.change_team_access(workspace, hide=hide, show=show)
    return web.json_response({"hiddenTeamIds": sorted(workspace.hidden_team_ids)})


async def revoke_app(request: web.Request) -> web.Response:
    """Take the application's access away: its tokens end, and it is told."""
    simulator = request.app[SIMULATOR]
    simulator.authority.revoke_all(simulator.settings.client_id)
    webhook_events.app_revoked(simulator.workspace)
    return web.json_response({})


async def agent_sessions(request: web.Request) -> web.Response:
    """`{enabled}`: switch the category «Agent session events» of the application."""
    command = await command_of(request)
    command.simulator.workspace.agent_sessions = bool(command.body.get("enabled", True))
    return web.json_response({"enabled": command.simulator.workspace.agent_sessions})


def _comment(command: Command, body: str) -> Comment:
    parent = command.body.get("parent")
    new = NewComment(issue_id=command.issue.id, body=body, parent_id=parent)
    return people.comment(command.simulator.workspace, new, command.actor)


def _mentions(command: Command, count: int, copies: int) -> list[AgentSession]:
    workspace = command.simulator.workspace
    body = str(command.body.get("body") or "Please have a look")
    if not workspace.mentions_app(body):
        body = f"@{workspace.app_user.display_name} {body}"
    before = {session.id for session in workspace.sessions_of(command.issue)}
    with command.simulator.sender.copying(copies):
        for _ in range(count):
            _comment(command, body)
    return [s for s in workspace.sessions_of(command.issue) if s.id not in before]


def _opened(command: Command, sessions: list[AgentSession]) -> Json:
    workspace = command.simulator.workspace
    shown = [views.session(workspace, session) for session in sessions]
    return {
        "sessionId": sessions[0].id if sessions else None,
        "session": shown[0] if shown else None,
        "sessionIds": [session.id for session in sessions],
        "sessions": shown,
        "issue": views.issue(workspace, command.issue),
    }


async def _change(request: web.Request, changes: Any) -> web.Response:
    command = await command_of(request)
    workspace = command.simulator.workspace
    changed = people.change_issue(workspace, command.issue, changes(command), command.actor)
    return web.json_response(views.issue(workspace, changed))


async def _put_away(request: web.Request, *, trash: bool) -> web.Response:
    command = await command_of(request)
    workspace = command.simulator.workspace
    gone = archive_issue(workspace, command.issue, command.actor, trash=trash)
    return web.json_response(views.issue(workspace, gone))


def _state(command: Command, name: str) -> Json:
    return {"state_id": command.simulator.workspace.store.state(command.issue.team_id, name).id}


def _edits(command: Command) -> Json:
    changes: Json = {
        k: command.body[k] for k in ("title", "description", "priority") if k in command.body
    }
    if "labels" in command.body:
        workspace = command.simulator.workspace
        changes["label_ids"] = tuple(label_id(workspace, name) for name in command.body["labels"])
    return changes
