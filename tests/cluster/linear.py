"""What people do in the simulated Linear, and what they see there."""

import asyncio
import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

#: Most seconds that anything in a session may take, unless a test knows better.
PATIENCE = 60.0
#: Longest that the simulator holds one answer back.
_LONGEST_POLL = 60.0

CLOSING = ("response", "error")


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """An agent session as Linear shows it."""

    seen: dict[str, Any]

    @property
    def id(self) -> str:
        """Its id."""
        session_id: str = self.seen["id"]
        return session_id

    @property
    def status(self) -> str:
        """Its status."""
        session_status: str = self.seen["status"]
        return session_status

    @property
    def plan(self) -> list[tuple[str, str]]:
        """Text and status of every step."""
        return [(step["content"], step["status"]) for step in self.seen["plan"] or ()]

    @property
    def links(self) -> list[tuple[str, str]]:
        """Label and address of every external URL."""
        return [(link["label"], link["url"]) for link in self.seen["externalUrls"] or ()]

    @property
    def history(self) -> list[dict[str, Any]]:
        """Everything that was ever shown, what has vanished included, but for prompts."""
        return [one for one in self.seen["history"] if one["type"] != "prompt"]

    def said(self, *types: str) -> list[str]:
        """Return the texts of the activities of these types, of all but prompts if none."""
        return [
            text_of(one)
            for one in self.seen["activities"]
            if (one["type"] in types if types else one["type"] != "prompt")
        ]

    def told(self) -> list[tuple[str, str]]:
        """Return type and text of what is shown, but for prompts."""
        return [
            (one["type"], text_of(one))
            for one in self.seen["activities"]
            if one["type"] != "prompt"
        ]

    @property
    def closing(self) -> list[tuple[str, str]]:
        """Type and text of the closing activities."""
        return [(one["type"], text_of(one)) for one in self.history if one["type"] in CLOSING]

    def story(self) -> str:
        """Return what happened, for the message of a test that fails."""
        lines = [f"{one['createdAt']} {one['type']}: {text_of(one)}" for one in self.history]
        return "\n".join([f"session {self.id} is {self.status}, its plan {self.plan}", *lines])


def text_of(activity: dict[str, Any]) -> str:
    """Return the text of an activity, of an action what was done to what."""
    content = activity["content"]
    if activity["type"] == "action":
        return f"{content['action']} {content['parameter']}"
    body: str = content["body"]
    return body


class Linear:
    """The simulated Linear, through its control API."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def do(self, what: str, **told: Any) -> Any:
        """Do something; the test fails where the simulator refuses."""
        answer = await self._http.post(f"/control/{what}", json=told)
        if answer.is_error:
            pytest.fail(f"the simulated Linear refuses {what}: {answer.text}", pytrace=False)
        return answer.json()

    async def see(self, what: str, **query: str) -> Any:
        """Look at something; the test fails where the simulator refuses."""
        answer = await self._http.get(f"/control/{what}", params=query)
        if answer.is_error:
            pytest.fail(f"the simulated Linear does not show {what}: {answer.text}", pytrace=False)
        return answer.json()

    async def clear_faults(self) -> None:
        """Let everything work again."""
        (await self._http.delete("/control/faults")).raise_for_status()

    async def make_issue(self, team: str, description: str = "", **more: Any) -> str:
        """Write an issue in a team; return its identifier."""
        told = {"title": "Say hello", "description": description, "team": team, **more}
        made = await self.do("issues", **told)
        identifier: str = made["identifier"]
        return identifier

    async def delegate(self, issue: str) -> str:
        """Delegate an issue to the agent; return the id of the session that opens."""
        session: str = (await self.do("delegate", issue=issue))["sessionId"]
        return session

    async def issue(self, identifier: str) -> dict[str, Any]:
        """Return an issue with its comments and sessions."""
        issue_seen: dict[str, Any] = await self.see(f"issues/{identifier}")
        return issue_seen

    async def session(self, session: str) -> Session:
        """Return a session as it is."""
        return Session(await self.see(f"sessions/{session}"))

    async def until(
        self,
        session: str,
        *statuses: str,
        activities: int = 0,
        within: float = PATIENCE,
    ) -> Session:
        """Return a session once it has one of the statuses and so many activities."""
        deadline = time.monotonic() + within
        while (left := deadline - time.monotonic()) > 0:
            query = {
                "status": ",".join(statuses),
                "activities": str(activities),
                "wait": str(min(left, _LONGEST_POLL)),
            }
            session_seen = Session(await self.see(f"sessions/{session}", **query))
            reached = not statuses or session_seen.status in statuses
            if reached and len(session_seen.seen["activities"]) >= activities:
                return session_seen
        story = (await self.session(session)).story()
        wish = f"{' or '.join(statuses)} with {activities} activities"
        pytest.fail(f"after {within} seconds not {wish}:\n{story}", pytrace=False)

    async def until_over(self, session: str, within: float = PATIENCE) -> Session:
        """Return a session once it has ended, well or not."""
        return await self.until(session, "complete", "error", within=within)

    async def until_said(self, session: str, text: str, within: float = PATIENCE) -> Session:
        """Return a session once `text` is part of something that was said in it."""
        deadline, count = time.monotonic() + within, 0
        while (left := deadline - time.monotonic()) > 0:
            session_seen = await self.until(session, activities=count, within=left)
            if any(text in one for one in session_seen.said()):
                return session_seen
            count = len(session_seen.seen["activities"]) + 1
        pytest.fail(f"«{text}» was not said in {within} seconds", pytrace=False)

    async def plans(self, session: str) -> list[list[tuple[str, str]]]:
        """Return every plan that the session was given, in order, repetitions left out."""
        plans_seen: list[list[tuple[str, str]]] = []
        for seen in (await self.see(f"sessions/{session}"))["plans"]:
            plan = [(step["content"], step["status"]) for step in seen]
            if not plans_seen or plans_seen[-1] != plan:
                plans_seen.append(plan)
        return plans_seen

    async def until_delivered(
        self, session: str, count: int, within: float = PATIENCE
    ) -> list[dict[str, Any]]:
        """Return the webhooks about a session once so many were answered."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            deliveries = await self.deliveries(session)
            if sum(one["state"] == "delivered" for one in deliveries) >= count:
                return deliveries
            await asyncio.sleep(0.05)
        pytest.fail(f"after {within} seconds not {count} deliveries", pytrace=False)

    async def deliveries(self, session: str) -> list[dict[str, Any]]:
        """Return the webhooks about a session, oldest first."""
        delivered: list[dict[str, Any]] = await self.see("deliveries", session=session)
        return delivered


def first_by_type(history: Sequence[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return the oldest activity of a type."""
    return next(one for one in history if one["type"] == kind)
