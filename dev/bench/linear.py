"""What people do in the simulated Linear, and the webhooks that follow, sent from here.

The simulator makes the webhooks but does not send them: sent from here, the moment when each
leaves and when its answer comes are known.
"""

import asyncio
import dataclasses
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import aiohttp
import httpx

from dev.cluster.errors import CommandError

#: A webhook's body, but for the time that is inside it.
Body: TypeAlias = Mapping[str, Any]

#: Requests to the control API at once.
_AT_ONCE = 4
_LONGEST_POLL = 30.0


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """A webhook that was answered; times are the wall clock's."""

    sent: float
    answered: float
    status: int
    result: str


class Sender:
    """Sends webhooks as Linear does, signed and stamped."""

    def __init__(self, http: aiohttp.ClientSession, url: str, secret: str) -> None:
        self._http = http
        self._url = url
        self._secret = secret.encode()

    async def send(self, body: Body) -> Answer:
        """Send a webhook and return its answer, whatever it is."""
        sent = time.time()
        stamp = round(sent * 1000)
        data = json.dumps({**body, "webhookTimestamp": stamp}).encode()
        async with self._http.post(self._url, data=data, headers=self._headers(data)) as answer:
            reply = await answer.json()
            return Answer(sent, time.time(), answer.status, reply.get("result", ""))

    async def taken(self, body: Body) -> Answer:
        """Send a webhook that has to be taken; raise `CommandError` where it is not."""
        answer = await self.send(body)
        if answer.status != 200 or answer.result == "refused":
            raise CommandError(f"the webhook answers {answer.status} {answer.result}; see its log.")
        return answer

    def _headers(self, data: bytes) -> dict[str, str]:
        return {
            "Content-Type": "application/json; charset=utf-8",
            "Linear-Delivery": str(uuid.uuid4()),
            "Linear-Event": "AgentSessionEvent",
            "Linear-Signature": hmac.new(self._secret, data, hashlib.sha256).hexdigest(),
        }


class Linear:
    """The simulated Linear, through its control API."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def do(self, what: str, **told: Any) -> Any:
        """Do something; raise `CommandError` where the simulator refuses."""
        return _json(what, await self._http.post(f"/control/{what}", json=told))

    async def see(self, what: str, **query: str) -> Any:
        """Look at something; raise `CommandError` where the simulator refuses."""
        return _json(what, await self._http.get(f"/control/{what}", params=query))

    async def hold_webhooks(self) -> None:
        """Make webhooks and send none; and have a budget that no measurement uses up."""
        await self.do("webhook", enabled=False, resourceTypes=["AgentSessionEvent"])
        await self.do("rate-limit", requestsPerHour=10**8, complexityPerHour=10**11)

    async def delegations(self, team: str, count: int) -> list[Body]:
        """Delegate so many new issues of a team; return the webhooks about their sessions."""
        known = len(await self.see("deliveries", type="AgentSessionEvent"))
        numbers = iter(range(count))

        async def work() -> None:
            for number in numbers:
                title = f"Measure {number}"
                text = "Say what time it is.\n" * 10
                await self.do("issues", title=title, description=text, team=team, delegate=True)

        await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
        deliveries = await self.see("deliveries", type="AgentSessionEvent", body="1")
        if len(deliveries) != known + count:
            raise CommandError(
                f"the simulated Linear made {len(deliveries) - known} of {count} webhooks."
            )
        return [delivery["body"] for delivery in deliveries[known:]]

    async def said(self, session: str, what: str, **told: Any) -> Body:
        """Reply in a session, or stop it; return the webhook about it."""
        await self.do(what, session=session, **told)
        deliveries = await self.see("deliveries", session=session, action="prompted", body="1")
        body: Body = deliveries[-1]["body"]
        return body

    async def until(
        self, session: str, *, over: bool = False, activities: int = 0, within: float = 60.0
    ) -> dict[str, Any]:
        """Return a session once it is over, or has enough activities; else raise `CommandError`."""
        deadline = time.monotonic() + within
        while (left := deadline - time.monotonic()) > 0:
            wanted = {"activities": str(activities), "wait": str(min(left, _LONGEST_POLL))}
            if over:
                wanted["status"] = "complete,error"
            view: dict[str, Any] = await self.see(f"sessions/{session}", **wanted)
            is_over = view["status"] in ("complete", "error")
            if (is_over or not over) and len(view["activities"]) >= activities:
                return view
        raise CommandError(
            f"session {session} is not as expected after {within:.0f} s; see its page."
        )


def session_of(body: Body) -> str:
    """Return the session that a webhook is about."""
    session: str = body["agentSession"]["id"]
    return session


def bodies_of(session: Mapping[str, Any], *types: str) -> list[str]:
    """Return the texts of a session's activities of these types, oldest first."""
    return [one["content"]["body"] for one in _of(session, types)]


def times_of(session: Mapping[str, Any], *types: str) -> list[str]:
    """Return when a session's activities of these types were written, oldest first."""
    return [one["createdAt"] for one in _of(session, types)]


def _of(session: Mapping[str, Any], types: Sequence[str]) -> list[Mapping[str, Any]]:
    return [one for one in session["activities"] if one["type"] in types]


def _json(what: str, answer: httpx.Response) -> Any:
    if answer.is_error:
        raise CommandError(f"the simulated Linear refuses {what}: {answer.text[:300]}")
    return answer.json()
