"""The simulator as an aiohttp application."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from aiohttp import web

from deputy_simulator.linear import control, inspection, oauth_http, page
from deputy_simulator.linear.errors import ConflictError, LinearError, NotFoundError
from deputy_simulator.linear.graphql_http import graphql
from deputy_simulator.linear.http import SIMULATOR
from deputy_simulator.linear.schema import schema
from deputy_simulator.linear.settings import Settings
from deputy_simulator.linear.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.typedefs import Handler

__all__ = ["SIMULATOR", "make_app"]


def make_app(settings: Settings | None = None) -> web.Application:
    """Return the simulator; `app[SIMULATOR]` is what it holds, for tests in the same process."""
    app = web.Application(middlewares=[_control_errors])
    app[SIMULATOR] = Simulator(settings or Settings())
    app.router.add_routes(
        [
            web.get("/healthz", _healthz),
            web.post("/graphql", graphql),
            web.get("/oauth/authorize", oauth_http.authorize),
            web.post("/oauth/authorize", oauth_http.decide),
            web.post("/oauth/token", oauth_http.token),
            web.post("/oauth/revoke", oauth_http.revoke),
            web.get("/", page.page),
            web.get("/{organization}/issue/{identifier}", page.page),
            web.get("/{organization}/issue/{identifier}/{slug}", page.page),
            web.get("/assets/{name}", page.part),
            web.get("/events", page.events),
            *_acts(),
            *_looks(),
        ]
    )
    schema()
    app.cleanup_ctx.append(_alive)
    app.on_shutdown.append(_shut_down)
    return app


def _acts() -> list[web.RouteDef]:
    acts = {
        "issues": control.create,
        "teams": control.team,
        "delegate": control.delegate,
        "mention": control.mention,
        "storm": control.storm,
        "comment": control.comment,
        "reply": control.reply,
        "stop": control.stop,
        "dismiss": control.dismiss,
        "undelegate": control.undelegate,
        "cancel": control.cancel,
        "move": control.move,
        "edit": control.edit,
        "archive": control.archive,
        "remove": control.remove,
        "team-access": control.team_access,
        "revoke-app": control.revoke_app,
        "agent-sessions": control.agent_sessions,
        "redeliver": inspection.redeliver,
        "faults": inspection.set_faults,
        "clock": inspection.advance_clock,
        "webhook": inspection.set_webhook,
        "rate-limit": inspection.set_rate_limit,
        "client": inspection.set_client,
        "reset": inspection.reset,
    }
    return [web.post(f"/control/{name}", handler) for name, handler in acts.items()]


def _looks() -> list[web.RouteDef]:
    looks = {
        "state": inspection.state,
        "issues": inspection.issues,
        "issues/{key}": inspection.issue,
        "sessions": inspection.sessions,
        "sessions/{id}": inspection.session,
        "activities": inspection.activities,
        "deliveries": inspection.deliveries,
        "requests": inspection.requests,
        "faults": inspection.show_faults,
        "clock": inspection.show_clock,
        "webhook": inspection.show_webhook,
    }
    routes = [web.get(f"/control/{name}", handler) for name, handler in looks.items()]
    return [*routes, web.delete("/control/faults", inspection.clear_faults)]


@web.middleware
async def _control_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a command that cannot be carried out with a status and a sentence."""
    if not request.path.startswith("/control"):
        return await handler(request)
    try:
        return await handler(request)
    except NotFoundError as wrong:
        return web.json_response({"error": str(wrong)}, status=404)
    except ConflictError as wrong:
        return web.json_response({"error": str(wrong)}, status=409)
    except LinearError as wrong:
        return web.json_response({"error": wrong.extensions["userPresentableMessage"]}, status=400)
    except (ValueError, TypeError, KeyError) as wrong:
        return web.json_response({"error": f"{type(wrong).__name__}: {wrong}"}, status=400)


async def _healthz(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _alive(app: web.Application) -> AsyncIterator[None]:
    watch = asyncio.create_task(app[SIMULATOR].run())
    yield
    watch.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watch


async def _shut_down(app: web.Application) -> None:
    await app[SIMULATOR].close()
