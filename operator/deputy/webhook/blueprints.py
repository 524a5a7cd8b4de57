"""Route issues to Blueprints: by what the watch told, and before a refusal by the API server."""

import asyncio
from collections.abc import Iterable, Sequence

from deputy.api.blueprint import Blueprint
from deputy.api.facts import blueprint_facts
from deputy.core.routing import BlueprintFacts, Refusal, Routed, TeamNamespaces, route
from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.store import Store
from deputy.trackers.models import Team


class BlueprintRouter:
    """Routes by a store of Blueprints that somebody keeps up to date."""

    def __init__(
        self,
        kube: Kube,
        store: Store[Blueprint],
        namespaces: Sequence[str],
        bound: TeamNamespaces | None = None,
    ) -> None:
        self._kube = kube
        self._store = store
        self._namespaces = tuple(namespaces)
        self._bound = bound or {}

    async def route(self, team: Team, organization_id: str) -> Routed | Refusal:
        """Return the Blueprint for a team's issues.

        The store may be a moment behind, so nobody is refused before the API server was asked. Nor
        is anybody routed, where there are several namespaces: a Blueprint may have moved.
        """
        answer = self._route(team, organization_id)
        if isinstance(answer, Routed) and len(self._namespaces) == 1:
            return answer
        await self._refresh()
        return self._route(team, organization_id)

    def _route(self, team: Team, organization_id: str) -> Routed | Refusal:
        facts = _facts(self._store)
        return route(team, organization_id, facts, self._namespaces, self._bound)

    async def _refresh(self) -> None:
        lists = await asyncio.gather(
            *(self._kube.get(resources.blueprints(name)) for name in self._namespaces)
        )
        for answer in lists:
            for body in answer["items"]:
                self._store.put(body)


def _facts(blueprints: Iterable[Blueprint]) -> list[BlueprintFacts]:
    """Return what routing must know of those Blueprints that take issues, and stay."""
    return [facts for blueprint in blueprints if (facts := blueprint_facts(blueprint)) is not None]
