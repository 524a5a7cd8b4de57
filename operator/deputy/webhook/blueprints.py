"""The Blueprints that take issues: a copy that follows the API server, and the API server."""

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from deputy.core.routing import BlueprintFacts, PickUp, Refusal, Routed, Team, route
from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.reflector import Reflector


class Catalogue:
    """The Blueprints of several namespaces; `follow` has to run for it to be filled."""

    def __init__(self, kube: Kube, namespaces: Sequence[str]) -> None:
        self._kube = kube
        self._namespaces = tuple(namespaces)
        self._reflectors = [Reflector(kube, resources.blueprints(name)) for name in namespaces]

    @property
    def synced(self) -> bool:
        """Whether every namespace has been read once."""
        return all(reflector.synced for reflector in self._reflectors)

    def age(self) -> float:
        """Return the seconds since the namespace that is silent for longest was heard."""
        return max(reflector.age() for reflector in self._reflectors)

    async def follow(self) -> None:
        """Follow every namespace until cancelled."""
        async with asyncio.TaskGroup() as group:
            for reflector in self._reflectors:
                group.create_task(reflector.run())

    async def route(self, team: Team, organization_id: str) -> Routed | Refusal:
        """Return the Blueprint for a team's issues.

        The copy may be a moment old, so nobody is refused before the API server itself was asked.
        """
        items = [item for reflector in self._reflectors for item in reflector.items()]
        answer = route(team, organization_id, facts_of(items), self._namespaces)
        if isinstance(answer, Routed):
            return answer
        return route(team, organization_id, facts_of(await self._list()), self._namespaces)

    async def _list(self) -> list[dict[str, Any]]:
        found = await asyncio.gather(
            *(self._kube.get(resources.blueprints(name)) for name in self._namespaces)
        )
        return [item for part in found for item in part["items"]]


def facts_of(items: Sequence[Mapping[str, Any]]) -> list[BlueprintFacts]:
    """Return what routing must know of those Blueprints that take issues, and stay."""
    return [
        _facts(item)
        for item in items
        if item["spec"].get("linear") and "deletionTimestamp" not in item["metadata"]
    ]


def _facts(item: Mapping[str, Any]) -> BlueprintFacts:
    metadata, linear = item["metadata"], item["spec"]["linear"]
    status = (item.get("status") or {}).get("linear") or {}
    return BlueprintFacts(
        name=metadata["name"],
        namespace=metadata["namespace"],
        created=dt.datetime.fromisoformat(metadata["creationTimestamp"]),
        team=linear["team"],
        team_id=status.get("teamId", ""),
        organization=linear.get("organization", ""),
        organization_id=status.get("organizationId", ""),
        pick_up=_pick_up(linear.get("pickUp") or {}),
        prompt_template=item["spec"]["agent"].get("promptTemplate", ""),
    )


def _pick_up(found: Mapping[str, Any]) -> PickUp:
    default = PickUp()
    return PickUp(
        state_types=tuple(found.get("stateTypes") or default.state_types),
        override_label=found.get("overrideLabel", ""),
        allow=tuple(found.get("allowDelegators") or ()),
        deny=tuple(found.get("denyDelegators") or ()),
    )
