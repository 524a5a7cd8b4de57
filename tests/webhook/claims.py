"""Webhook processes that claim issues over one API server."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from deputy.api.names import issue_hash, run_name
from deputy.core.acknowledgements import Acknowledgement
from deputy.core.phase import Phase
from deputy.core.routing import BlueprintFacts, Refusal, Routed, route
from deputy.kube import resources
from deputy.trackers.events import SessionCreated
from deputy.trackers.models import Team
from deputy.trackers.updates import Content
from deputy.webhook.claiming import Claimed, Claimer, ClaimResult
from deputy.webhook.commands import PromptCommand, SessionCommand
from deputy.webhook.runs import ApiServerRuns
from tests.support.api_server import ApiServer
from tests.support.manifests import NAMESPACE
from tests.webhook.issue_events import ISSUE, NOW
from tests.webhook.overtaking import NoLocks

HASH = issue_hash("org", "issue")
FIRST, SECOND = run_name(HASH, 1), run_name(HASH, 2)
BLUEPRINT = BlueprintFacts("api", NAMESPACE, NOW, "ENG")


class Words:
    """Keeps what is said, as the acknowledger would."""

    def __init__(self) -> None:
        self.acknowledged: list[Acknowledgement] = []
        self.refused: list[tuple[str, Content]] = []

    def acknowledge(self, acknowledgement: Acknowledgement) -> None:
        self.acknowledged.append(acknowledgement)

    async def refuse(self, session_id: str, _activity_id: str, content: Content) -> None:
        self.refused.append((session_id, content))


async def at_once(_seconds: float) -> None:
    """Wait for nobody."""
    await asyncio.sleep(0)


class Claims:
    """Webhook processes before one API server; `turn` is where one may overtake another."""

    def __init__(self, turn: Callable[[float], Awaitable[None]] = at_once) -> None:
        self.server = ApiServer(NAMESPACE)
        self.turn = turn
        self.store = ApiServerRuns(self.server.client(), (NAMESPACE,))
        self.claimer = Claimer(self.store, NoLocks(), turn)

    async def settle(self, event: Any) -> Claimed:
        """Return what becomes of an event."""
        claimed = await self.claimer.carry_out(self.command(event))
        assert isinstance(claimed, Claimed)
        return claimed

    async def result(self, event: Any) -> ClaimResult:
        return (await self.settle(event)).result

    def command(self, event: Any) -> SessionCommand | PromptCommand:
        if isinstance(event, SessionCreated):
            return SessionCommand(event, self.route, NOW)
        return PromptCommand(event, ISSUE, self.route, NOW)

    async def route(self, team: Team, organization_id: str) -> Routed | Refusal:
        await self.turn(0)
        return route(team, organization_id, [BLUEPRINT])

    # What is there, and what the operator makes of it

    def runs(self) -> dict[str, dict[str, Any]]:
        """Return every run by its name, in the order of the names."""
        items = self.server.read(resources.agentruns(NAMESPACE))["items"]
        return {run["metadata"]["name"]: run for run in items}

    def spec(self, name: str = FIRST) -> dict[str, Any]:
        spec: dict[str, Any] = self.server.read(resources.agentruns(NAMESPACE, name))["spec"]
        return spec

    def annotations(self, name: str) -> dict[str, str]:
        annotations: dict[str, str] = self.runs()[name]["metadata"]["annotations"]
        return annotations

    def conclude(self, name: str) -> None:
        """Record how a run ends; from here on nobody reads its inbox."""
        decided = {
            "type": "Succeeded",
            "status": "True",
            "lastTransitionTime": "2026-11-20T09:00:00Z",
            "reason": "Completed",
            "message": "the agent finished",
        }
        phase = phase_of(self.runs()[name]) or Phase.RUNNING
        self._set_status(name, {"phase": phase, "response": "Done.", "conditions": [decided]})

    def set_phase(self, name: str, phase: Phase) -> None:
        self._set_status(name, {"phase": phase})

    def deliver(self, name: str, through: str) -> None:
        """Note that the agent was given every message up to one."""
        self._set_status(name, {"phase": Phase.RUNNING, "inbox": {"deliveredThrough": through}})

    def _set_status(self, name: str, status: dict[str, Any]) -> None:
        path = resources.agentruns(NAMESPACE, name)
        self.server.patch(f"{path}/status", {"status": status})


def phase_of(run: dict[str, Any]) -> str:
    phase: str = run.get("status", {}).get("phase", "")
    return phase
