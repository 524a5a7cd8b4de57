"""`/control`, first half: what people do in Linear, for tests and for the page.

Bodies and answers are JSON. An issue is named by id or identifier, a person by id, display name
or address (without one it is jane), a team by id or key, a state by id, name or type.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from aiohttp import web

from deputy_simulator.linear import news, people, views
from deputy_simulator.linear.entities import AgentSession, Comment, Issue, Json, User
from deputy_simulator.linear.errors import InvalidInputError
from deputy_simulator.linear.http import SIMULATOR
from deputy_simulator.linear.issues import NewComment, archive_issue, create_issue
from deputy_simulator.linear.seed import label_id, new_issue, plant_team

if TYPE_CHECKING:
    from deputy_simulator.linear.simulator import Simulator

#: Most copies or mentions that one call makes.
MOST = 2_000


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """The body of a control request, with the simulator it is about."""

    simulator: Simulator
    told: Json

    @property
    def actor(self) -> User:
        """Who does it."""
        return self.simulator.world.store.user(str(self.told.get("user") or "jane"))

    @property
    def issue(self) -> Issue:
        """The issue it is done to."""
        return self.simulator.world.store.issue(self.text("issue"))

    @property
    def session(self) -> AgentSession:
        """The session it is done to."""
        return self.simulator.world.store.get(AgentSession, self.text("session"))

    def text(self, name: str) -> str:
        """Return a field that must be there.

        Raises:
            InvalidInputError: it is missing.
        """
        value = self.told.get(name)
        if not isinstance(value, str) or not value:
            raise InvalidInputError(name, f"The field {name!r} is missing.")
        return value

    def count(self, name: str, default: int = 1) -> int:
        """Return a number of copies.

        Raises:
            InvalidInputError: it is not within 0 to `MOST`.
        """
        value = int(self.told.get(name, default))
        if not 0 <= value <= MOST:
            raise InvalidInputError(name, f"{name} must be 0 to {MOST}.")
        return value


async def wish_of(request: web.Request) -> Wish:
    """Read a control request; no body is an empty one."""
    told: Any = await request.json() if request.can_read_body else {}
    if not isinstance(told, dict):
        raise InvalidInputError("body", "The body must be an object.")
    return Wish(request.app[SIMULATOR], told)


async def create(request: web.Request) -> web.Response:
    """`{title, description?, team?, state?, priority?, labels?, user?, delegate?}` → issue."""
    wish = await wish_of(request)
    world = wish.simulator.world
    wish.text("title")
    issue = create_issue(world, new_issue(world, wish.told), wish.actor)
    if wish.told.get("delegate"):
        people.delegate(world, issue, wish.actor)
    return web.json_response(views.whole_issue(world, world.store.issue(issue.id)), status=201)


async def team(request: web.Request) -> web.Response:
    """`{key, name?, guidance?}` → team, with the states that every team has."""
    wish = await wish_of(request)
    wish.text("key")
    made = plant_team(wish.simulator.world, wish.told)
    return web.json_response(views.team(made), status=201)


async def delegate(request: web.Request) -> web.Response:
    """`{issue, user?, automation?, again?, copies?}` → `{sessionId, session, issue}`.

    Answers at once, the webhook is on its way. `copies` sends the session's webhook so many times
    at the same moment; `again` takes the issue from the agent first.
    """
    wish = await wish_of(request)
    world = wish.simulator.world
    actor = None if wish.told.get("automation") else wish.actor
    issue = wish.issue
    if wish.told.get("again") and issue.delegate_id is not None:
        issue = people.change_issue(world, issue, {"delegate_id": None}, wish.actor)
    with wish.simulator.sender.copying(wish.count("copies")):
        session = people.delegate(world, issue, actor)
    return web.json_response(_opened(wish, [session] if session else []))


async def mention(request: web.Request) -> web.Response:
    """`{issue, body?, user?, parent?, count?, copies?}` → `{sessionIds, sessions, issue}`.

    Writes `count` comments that mention the agent, at the same moment.
    """
    wish = await wish_of(request)
    sessions = _mentions(wish, wish.count("count"), wish.count("copies"))
    return web.json_response(_opened(wish, sessions))


async def storm(request: web.Request) -> web.Response:
    """`{issue, copies?: 200, mentions?: 50, body?, user?}` → `{sessionIds, sessions, issue}`.

    One delegation whose webhook is sent `copies` times, and `mentions` mentions, all at once.
    """
    wish = await wish_of(request)
    with wish.simulator.sender.copying(wish.count("copies", 200)):
        session = people.delegate(wish.simulator.world, wish.issue, wish.actor)
    sessions = [session] if session else []
    sessions += _mentions(wish, wish.count("mentions", 50), 1)
    return web.json_response(_opened(wish, sessions))


async def comment(request: web.Request) -> web.Response:
    """`{issue, body, user?, parent?}` → comment; a mention or a reply does what it does."""
    wish = await wish_of(request)
    written = _comment(wish, wish.text("body"))
    return web.json_response(views.comment(wish.simulator.world, written), status=201)


async def reply(request: web.Request) -> web.Response:
    """`{session, body, user?, copies?}` → the prompt activity."""
    wish = await wish_of(request)
    with wish.simulator.sender.copying(wish.count("copies")):
        activity = people.reply(wish.simulator.world, wish.session, wish.actor, wish.text("body"))
    return web.json_response(views.activity(wish.simulator.world, activity), status=201)


async def stop(request: web.Request) -> web.Response:
    """`{session, user?, copies?}` → the prompt activity that carries the signal `stop`."""
    wish = await wish_of(request)
    with wish.simulator.sender.copying(wish.count("copies")):
        activity = people.stop(wish.simulator.world, wish.session, wish.actor)
    return web.json_response(views.activity(wish.simulator.world, activity), status=201)


async def dismiss(request: web.Request) -> web.Response:
    """`{session, user?}` → session; the agent is no longer the delegate."""
    wish = await wish_of(request)
    gone = people.dismiss(wish.simulator.world, wish.session, wish.actor)
    return web.json_response(views.session(wish.simulator.world, gone))


async def undelegate(request: web.Request) -> web.Response:
    """`{issue, user?}` → issue."""
    return await _change(request, lambda _wish: {"delegate_id": None})


async def cancel(request: web.Request) -> web.Response:
    """`{issue, user?}` → issue, in the state of type canceled."""
    return await _change(request, lambda wish: _state(wish, "canceled"))


async def move(request: web.Request) -> web.Response:
    """`{issue, state, user?}` → issue."""
    return await _change(request, lambda wish: _state(wish, wish.text("state")))


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
    wish = await wish_of(request)
    world = wish.simulator.world
    hide = [world.store.team(key) for key in wish.told.get("hide") or ()]
    show = [world.store.team(key) for key in wish.told.get("show") or ()]
    people.change_team_access(world, hide=hide, show=show)
    return web.json_response({"hiddenTeamIds": sorted(world.hidden_team_ids)})


async def revoke_app(request: web.Request) -> web.Response:
    """Take the application's access away: its tokens end, and it is told."""
    simulator = request.app[SIMULATOR]
    simulator.authority.revoke_all(simulator.settings.client_id)
    news.app_revoked(simulator.world)
    return web.json_response({})


async def agent_sessions(request: web.Request) -> web.Response:
    """`{enabled}`: switch the category «Agent session events» of the application."""
    wish = await wish_of(request)
    wish.simulator.world.agent_sessions = bool(wish.told.get("enabled", True))
    return web.json_response({"enabled": wish.simulator.world.agent_sessions})


def _comment(wish: Wish, body: str) -> Comment:
    parent = wish.told.get("parent")
    new = NewComment(issue_id=wish.issue.id, body=body, parent_id=parent)
    return people.comment(wish.simulator.world, new, wish.actor)


def _mentions(wish: Wish, count: int, copies: int) -> list[AgentSession]:
    world = wish.simulator.world
    body = str(wish.told.get("body") or "Please have a look")
    if not world.mentions_app(body):
        body = f"@{world.app_user.display_name} {body}"
    before = {session.id for session in world.sessions_of(wish.issue)}
    with wish.simulator.sender.copying(copies):
        for _ in range(count):
            _comment(wish, body)
    return [s for s in world.sessions_of(wish.issue) if s.id not in before]


def _opened(wish: Wish, sessions: list[AgentSession]) -> Json:
    world = wish.simulator.world
    shown = [views.session(world, session) for session in sessions]
    return {
        "sessionId": sessions[0].id if sessions else None,
        "session": shown[0] if shown else None,
        "sessionIds": [session.id for session in sessions],
        "sessions": shown,
        "issue": views.issue(world, wish.issue),
    }


async def _change(request: web.Request, changes: Any) -> web.Response:
    wish = await wish_of(request)
    world = wish.simulator.world
    changed = people.change_issue(world, wish.issue, changes(wish), wish.actor)
    return web.json_response(views.issue(world, changed))


async def _put_away(request: web.Request, *, trash: bool) -> web.Response:
    wish = await wish_of(request)
    world = wish.simulator.world
    gone = archive_issue(world, wish.issue, wish.actor, trash=trash)
    return web.json_response(views.issue(world, gone))


def _state(wish: Wish, name: str) -> Json:
    return {"state_id": wish.simulator.world.store.state(wish.issue.team_id, name).id}


def _edits(wish: Wish) -> Json:
    changes: Json = {
        k: wish.told[k] for k in ("title", "description", "priority") if k in wish.told
    }
    if "labels" in wish.told:
        world = wish.simulator.world
        changes["label_ids"] = tuple(label_id(world, name) for name in wish.told["labels"])
    return changes
