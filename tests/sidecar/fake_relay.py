"""A relay that remembers what it was told and says what a test wants."""

import asyncio
import contextlib
from typing import Any

from aiohttp import web

from deputy.wire import (
    Event,
    EventsAnswer,
    Finished,
    GitToken,
    Message,
    MessageKind,
    NumberedEvent,
    from_json,
    to_json,
)

DEADLINE = 30.0


class FakeRelay:
    """The operator's side of one conversation."""

    def __init__(self) -> None:
        self.received: dict[int, Event] = {}
        self.contradictions: list[tuple[int, Event, Event]] = []
        self.gaps: list[int] = []
        self.messages: list[Message] = []
        self.token: GitToken | None = GitToken("x-access-token", "gtok", 3600)
        self.failing = 0
        """How many calls fail before one is answered."""
        self.refused: dict[int, str] = {}
        self.tokens_seen: set[str] = set()
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_post("/v1/events", self._events)
        app.router.add_get("/v1/inbox", self._inbox)
        app.router.add_post("/v1/tokens/git", self._git_token)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def say(self, key: str, kind: MessageKind, text: str = "") -> None:
        self.messages.append(Message(key, kind, text, "somebody"))
        self.wake()

    def prompt(self, key: str, text: str) -> None:
        self.say(key, MessageKind.PROMPT, text)

    def wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    @property
    def events(self) -> list[Event]:
        return [self.received[number] for number in sorted(self.received)]

    @property
    def endings(self) -> list[Finished]:
        return [event for event in self.events if isinstance(event, Finished)]

    async def until(self, what: Any, deadline: float = DEADLINE) -> None:
        """Wait until `what()` is true."""
        try:
            async with asyncio.timeout(deadline):
                while not what():
                    await self._changed.wait()
        except TimeoutError:
            shown = "\n".join(map(str, self.events))
            raise AssertionError(f"it did not come to it; the relay has:\n{shown}") from None

    async def finished(self, count: int = 1, deadline: float = DEADLINE) -> Finished:
        await self.until(lambda: len(self.endings) >= count, deadline)
        return self.endings[count - 1]

    def _fails(self) -> bool:
        self.failing -= self.failing > 0
        return self.failing > 0

    async def _events(self, request: web.Request) -> web.Response:
        self.tokens_seen.add(request.headers.get("Authorization", ""))
        if self._fails():
            return web.json_response({"error": "not now"}, status=503)
        for event in (await request.json())["events"]:
            self._take(from_json(NumberedEvent, event))
        self.wake()
        acked = max(self.received, default=0)
        return web.json_response(to_json(EventsAnswer(acked, self.refused)))

    def _take(self, numbered: NumberedEvent) -> None:
        known = self.received.setdefault(numbered.seq, numbered.event)
        if known != numbered.event:
            self.contradictions.append((numbered.seq, known, numbered.event))
        if numbered.seq > 1 and numbered.seq - 1 not in self.received:
            self.gaps.append(numbered.seq)

    async def _inbox(self, request: web.Request) -> web.Response:
        if self._fails():
            return web.json_response({"error": "not now"}, status=503)
        after, wait = request.query["after"], float(request.query["wait"])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                while not self._after(after):
                    await self._changed.wait()
        return web.json_response({"messages": [to_json(one) for one in self._after(after)]})

    def _after(self, last: str) -> list[Message]:
        ids = [message.id for message in self.messages]
        return self.messages[ids.index(last) + 1 if last in ids else 0 :]

    async def _git_token(self, _request: web.Request) -> web.Response:
        if self._fails():
            return web.json_response({"error": "not now"}, status=503)
        if self.token is None:
            return web.json_response({"error": "the Secret forge does not exist"}, status=409)
        return web.json_response(to_json(self.token))
