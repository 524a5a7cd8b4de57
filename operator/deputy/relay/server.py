"""The HTTPS server for sidecars: who calls, what they say, and nothing about the domain."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from aiohttp import web

from deputy.core.conversation import RelayConversation
from deputy.errors import DeputyError
from deputy.forges.errors import TokenMissing
from deputy.kube.errors import KubeError
from deputy.relay.authentication import Authenticator, Caller, NotAuthenticated
from deputy.relay.service import UnknownCaller
from deputy.wire import (
    MAX_BATCH,
    MAX_WAIT,
    EventsAnswer,
    GitToken,
    Message,
    NumberedEvent,
    from_json,
    to_json,
)

_LOG = structlog.stdlib.get_logger(__name__)

#: A batch of the longest texts that the wire allows, with room for JSON's escapes.
_MAX_BODY = 16 * 1024 * 1024


class MalformedRequest(DeputyError):
    """A request that is not what the wire allows."""


class Service(Protocol):
    """What the relay does for a sidecar."""

    async def conversation(self, caller: Caller) -> RelayConversation:
        """Return the conversation with the caller's run; raise `UnknownCaller`."""

    async def take(
        self, conversation: RelayConversation, batch: list[NumberedEvent]
    ) -> EventsAnswer:
        """Take in a batch and return once it is safe, or nearly so."""

    async def git_token(self, conversation: RelayConversation) -> GitToken:
        """Return a credential for the run's repository; raise `TokenMissing`."""

    async def note_contact(self, conversation: RelayConversation) -> None:
        """Note that the sidecar is alive."""


Handler = Callable[[web.Request, RelayConversation], Awaitable[web.Response]]


class RelayServer:
    """The relay's routes."""

    def __init__(self, service: Service, authenticator: Authenticator) -> None:
        self._service = service
        self._authenticator = authenticator

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_post("/v1/events", self._authenticated(self._events))
        app.router.add_get("/v1/inbox", self._authenticated(self._inbox))
        app.router.add_post("/v1/tokens/git", self._authenticated(self._git_token))
        return app

    def _authenticated(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def authenticated(request: web.Request) -> web.Response:
            try:
                authorization = request.headers.get("Authorization", "")
                caller = await self._authenticator.caller(authorization)
                conversation = await self._service.conversation(caller)
                await self._service.note_contact(conversation)
                return await handler(request, conversation)
            except NotAuthenticated as error:
                return _refused(401, str(error))
            except UnknownCaller as error:
                return _refused(403, str(error))
            except TokenMissing as error:
                return _refused(409, str(error))
            except MalformedRequest as error:
                return _refused(400, f"not what the wire allows: {error}")
            except KubeError as error:
                _LOG.warning("the API server does not answer a sidecar's call", error=str(error))
                return _refused(503, "the API server cannot be reached; try again")

        return authenticated

    async def _events(self, request: web.Request, conversation: RelayConversation) -> web.Response:
        answer = await self._service.take(conversation, _batch(await request.read()))
        return web.json_response(to_json(answer))

    async def _inbox(self, request: web.Request, conversation: RelayConversation) -> web.Response:
        last = request.query.get("after", "")
        messages = await _messages(conversation, last, _wait(request.query.get("wait", "0")))
        return web.json_response({"messages": [to_json(message) for message in messages]})

    async def _git_token(
        self, _request: web.Request, conversation: RelayConversation
    ) -> web.Response:
        return web.json_response(to_json(await self._service.git_token(conversation)))


def _batch(body: bytes) -> list[NumberedEvent]:
    try:
        batch = [from_json(NumberedEvent, entry) for entry in json.loads(body)["events"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedRequest(f"{type(error).__name__} {error}") from error
    if len(batch) > MAX_BATCH:
        raise MalformedRequest(f"a batch holds at most {MAX_BATCH} events")
    return batch


def _wait(text: str) -> float:
    """Return how many seconds a poll waits; more than the wire allows is cut to that."""
    try:
        seconds = float(text)
    except ValueError as error:
        raise MalformedRequest(f"wait is {text!r}; give a number of seconds") from error
    if not seconds >= 0:
        raise MalformedRequest(f"wait is {text!r}; give a number of seconds from 0 on")
    return min(seconds, MAX_WAIT)


async def _messages(conversation: RelayConversation, last: str, wait: float) -> tuple[Message, ...]:
    """Return the messages after `last`, waiting up to `wait` seconds for the first one.

    Whatever wakes the poll is answered, be it with nothing: a relay that ends waits for nobody.
    """
    messages = conversation.messages_after(last)
    if messages or not wait:
        return messages
    changed = asyncio.Event()
    cancel = conversation.on_change(changed.set)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait):
            await changed.wait()
    cancel()
    return conversation.messages_after(last)


def _refused(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)


async def start_server(
    app: web.Application, port: int, context: ssl.SSLContext | None
) -> web.AppRunner:
    """Start serving and return the runner, whose `cleanup` ends it."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    # No address: IPv4 and IPv6, as the machine has them.
    await web.TCPSite(runner, port=port, ssl_context=context).start()
    return runner
