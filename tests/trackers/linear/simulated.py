"""A simulated Linear on the loopback, for the client and the writer."""

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import httpx

from deputy.trackers.linear.client import LinearClient
from deputy_simulator.linear import people, views
from deputy_simulator.linear.entities import Issue
from deputy_simulator.linear.faults import fault_from
from deputy_simulator.linear.simulator import Simulator

TOKEN = "lin_oauth_of_a_test"


class FixedToken:
    """An access token that somebody put into the Secret."""

    def __init__(self, token: str = TOKEN) -> None:
        self._token = token

    async def token(self) -> str:
        return self._token

    def reject(self, token: str) -> None:
        """Do nothing: there is no other."""


@dataclasses.dataclass(frozen=True, slots=True)
class Linear:
    """A simulated Linear, and how to reach it."""

    url: str
    http: httpx.AsyncClient
    simulator: Simulator

    def client(self, token: str = TOKEN) -> LinearClient:
        return LinearClient(self.http, self.url, FixedToken(token))

    def issue(self, identifier: str = "ENG-1") -> Issue:
        return self.simulator.workspace.store.issue(identifier)

    def session(self, identifier: str = "ENG-1") -> str:
        """Delegate an issue to us; return the session's id."""
        world = self.simulator.workspace
        session = people.delegate(world, self.issue(identifier), world.store.user("jane"))
        assert session is not None
        return session.id

    def shown(self, session_id: str) -> dict[str, Any]:
        """Return a session as Linear shows it."""
        world = self.simulator.workspace
        node = world.store.any(session_id)
        return views.whole_session(world, node)  # type: ignore[arg-type]

    def said(self, session_id: str) -> list[tuple[str, str]]:
        """Return type and words of a session's activities, vanished ones included."""
        return [
            (told["content"]["type"], told["content"].get("body") or told["content"]["parameter"])
            for told in self.shown(session_id)["history"]
        ]

    def requests(self) -> list[tuple[str, ...]]:
        """Return the fields of every request that was carried out or refused."""
        return [request.fields for request in self.simulator.requests]

    def fault(self, **told: Any) -> None:
        """Turn a fault on."""
        fault = fault_from(told, self.simulator.clock.elapsed())
        self.simulator.faults.requests.append(fault)


async def eventually(holds: Callable[[], bool], within: float = 10.0) -> None:
    """Return as soon as something holds; fail when it does not `within` seconds."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110  what is waited for knows nothing of us
            await asyncio.sleep(0.005)
