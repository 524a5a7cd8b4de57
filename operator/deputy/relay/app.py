"""The HTTPS door for sidecars: who calls, what they say, and nothing about the domain."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import structlog
from aiohttp import web

from deputy.kube.errors import KubeError
from deputy.relay.authentication import Authenticator, Caller, NotAuthenticated
from deputy.relay.conversation import Conversation
from deputy.wire import (
    MAX_BATCH,
    MAX_WAIT,
    EventsAnswer,
    GitToken,
    NumberedEvent,
    from_json,
    to_json,
)

_log = structlog.get_logger()

#: A batch of the longest texts that the wire allows, with room for JSON's escapes.
_MAX_BODY = 4 * 1024 * 1024


class NotYours(Exception):
    """The caller's pod belongs to no run that we know of."""


class NoToken(Exception):
    """There is no git credential for the run; the message names the next step."""


class Desk(Protocol):
    """What stands behind the door."""

    async def conversation(self, caller: Caller) -> Conversation:
        """Return the conversation with the caller's run; raise `NotYours`."""

    async def take(self, talk: Conversation, batch: list[NumberedEvent]) -> EventsAnswer:
        """Take in a batch and return once it is safe, or nearly so."""

    async def git_token(self, talk: Conversation) -> GitToken:
        """Return a credential for the run's repository; raise `NoToken`."""

    async def heard(self, talk: Conversation) -> None:
        """Note that the sidecar is alive."""


Handler = Callable[[web.Request, Conversation], Awaitable[web.Response]]


class Relay:
    """The relay's routes."""

    def __init__(self, desk: Desk, authenticator: Authenticator) -> None:
        self._desk = desk
        self._authenticator = authenticator

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_post("/v1/events", self._guarded(self._events))
        app.router.add_get("/v1/inbox", self._guarded(self._inbox))
        app.router.add_post("/v1/tokens/git", self._guarded(self._git_token))
        return app

    def _guarded(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def guarded(request: web.Request) -> web.Response:
            try:
                authorization = request.headers.get("Authorization", "")
                caller = await self._authenticator.caller(authorization)
                talk = await self._desk.conversation(caller)
                await self._desk.heard(talk)
                return await handler(request, talk)
            except NotAuthenticated as error:
                return _refused(401, str(error))
            except NotYours as error:
                return _refused(403, str(error))
            except NoToken as error:
                return _refused(409, str(error))
            except (ValueError, KeyError, TypeError) as error:
                return _refused(400, f"not what the wire allows: {error}")
            except KubeError as error:
                _log.warning("the API server does not answer a sidecar's call", error=str(error))
                return _refused(503, "the API server cannot be reached; try again")

        return guarded

    async def _events(self, request: web.Request, talk: Conversation) -> web.Response:
        found = json.loads(await request.read())
        batch = [from_json(NumberedEvent, entry) for entry in found["events"]]
        if len(batch) > MAX_BATCH:
            raise ValueError(f"a batch holds at most {MAX_BATCH} events")
        answer = await self._desk.take(talk, batch)
        return web.json_response(to_json(answer))

    async def _inbox(self, request: web.Request, talk: Conversation) -> web.Response:
        last = request.query.get("after", "")
        wait = min(float(request.query.get("wait", "0")), MAX_WAIT)
        found = await _messages(talk, last, wait)
        return web.json_response({"messages": [to_json(message) for message in found]})

    async def _git_token(self, _request: web.Request, talk: Conversation) -> web.Response:
        return web.json_response(to_json(await self._desk.git_token(talk)))


async def _messages(talk: Conversation, last: str, wait: float) -> tuple[Any, ...]:
    """Return the messages after `last`, waiting up to `wait` seconds for the first one."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait):
            while not (found := talk.messages_after(last)):
                await talk.changed.wait()
            return found
    return talk.messages_after(last)


def _refused(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)


async def serve(app: web.Application, port: int, context: ssl.SSLContext | None) -> web.AppRunner:
    """Start serving and return the runner, whose `cleanup` ends it."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", port, ssl_context=context).start()
    return runner
