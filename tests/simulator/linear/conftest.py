"""A simulator on a loopback port, and a receiver of its webhooks."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from deputy_simulator.linear.app import SIMULATOR, make_app
from deputy_simulator.linear.settings import Settings

if TYPE_CHECKING:
    from deputy_simulator.linear.simulator import Simulator

Json: TypeAlias = dict[str, Any]
Browser: TypeAlias = TestClient[web.Request, web.Application]
ClientFactory: TypeAlias = Callable[[Any], Awaitable[Browser]]

TOKEN = "lin_oauth_test"
SECRET = "test-secret"


@dataclasses.dataclass(frozen=True, slots=True)
class Linear:
    """The simulator as a test uses it: by HTTP, and from inside where time is turned."""

    http: Browser
    inside: Simulator

    async def do(self, what: str, **told: Any) -> Any:
        answer = await self.http.post(f"/control/{what}", json=told)
        assert answer.status in {200, 201}, await answer.text()
        return await answer.json()

    async def see(self, what: str, **query: str) -> Any:
        answer = await self.http.get(f"/control/{what}", params=query)
        assert answer.status == 200, await answer.text()
        return await answer.json()

    async def ask(self, query: str, *, token: str = TOKEN, **variables: Any) -> Json:
        body = {"query": query, "variables": variables}
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self.http.post("/graphql", json=body, headers=headers)
        told: Json = await answer.json()
        return told

    async def say(self, session: str, content: Any, **more: Any) -> Json:
        return await self.ask(SAY, input={"agentSessionId": session, "content": content, **more})

    async def delegated(self, issue: str = "ENG-1") -> str:
        return str((await self.do("delegate", issue=issue))["sessionId"])

    async def status(self, session: str) -> str:
        return str((await self.see(f"sessions/{session}"))["status"])


SAY = """
mutation($input: AgentActivityCreateInput!) {
  agentActivityCreate(input: $input) { success agentActivity { id ephemeral } }
}
"""


@dataclasses.dataclass(slots=True)
class Receiver:
    """Takes webhooks and answers as it is told."""

    url: str = ""
    status: int = 200
    delay: float = 0.0
    got: list[tuple[dict[str, str], bytes]] = dataclasses.field(default_factory=list)
    arrived: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        self.arrived.set()
        await asyncio.sleep(self.delay)
        return web.Response(status=self.status)

    def bodies(self, kind: str = "AgentSessionEvent") -> list[Json]:
        told: list[Json] = [json.loads(body) for _, body in self.got]
        return [body for body in told if body["type"] == kind]

    async def until(self, count: int, kind: str = "AgentSessionEvent") -> list[Json]:
        async with asyncio.timeout(10):
            while len(self.bodies(kind)) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.bodies(kind)


@pytest.fixture
async def receiver(aiohttp_server: Callable[[web.Application], Awaitable[TestServer]]) -> Receiver:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/hook", made.take)
    server = await aiohttp_server(app)
    made.url = str(server.make_url("/hook"))
    return made


@pytest.fixture
async def linear(aiohttp_client: ClientFactory) -> Linear:
    app = make_app(Settings(access_token=TOKEN))
    return Linear(await aiohttp_client(app), app[SIMULATOR])


@pytest.fixture
async def telling(aiohttp_client: ClientFactory, receiver: Receiver) -> Linear:
    """The simulator with its webhook pointed at `receiver`."""
    settings = Settings(
        access_token=TOKEN, webhook_url=receiver.url, webhook_secret=SECRET, answer_timeout=0.5
    )
    app = make_app(settings)
    return Linear(await aiohttp_client(app), app[SIMULATOR])
