"""AgentRuns, Blueprints and pods on the API server."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from deputy.api.names import ISSUE_LABEL, issue_hash
from deputy.core.phase import TERMINAL
from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.errors import NotFound, Unavailable
from deputy_simulator.linear.seed import seeded_id

PATIENCE = 60.0
#: Id of the organisation of every simulated Linear.
ORGANIZATION = seeded_id("organization", "acme")

OVER = tuple(phase.value for phase in TERMINAL)


class Objects:
    """What is on the API server in the namespace of the installation."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self.kube = kube
        self.namespace = namespace

    async def apply_blueprint(self, manifest: Mapping[str, Any]) -> None:
        """Create a Blueprint and return once Deputy has judged it."""
        name = manifest["metadata"]["name"]
        await self.kube.create(resources.blueprints(self.namespace), manifest)
        await self.blueprint_until(name, _is_judged)

    async def blueprint(self, name: str) -> dict[str, Any]:
        """Return a Blueprint as it is."""
        return await self.kube.get(resources.blueprints(self.namespace, name))

    async def blueprint_until(
        self, name: str, good: Callable[[dict[str, Any]], bool], within: float = PATIENCE
    ) -> dict[str, Any]:
        """Return a Blueprint once it is `good`."""
        return await self._until(resources.blueprints(self.namespace), name, good, within)

    async def start(self, blueprint: str, prompt: str) -> str:
        """Create a run by hand; return its name."""
        body = {
            "apiVersion": "deputy.dev/v1alpha1",
            "kind": "AgentRun",
            "metadata": {"generateName": "hand-"},
            "spec": {"blueprintRef": {"name": blueprint}, "prompt": prompt},
        }
        made = await self.kube.create(resources.agentruns(self.namespace), body)
        name: str = made["metadata"]["name"]
        return name

    async def run(self, name: str) -> dict[str, Any]:
        """Return a run as it is."""
        return await self.kube.get(resources.agentruns(self.namespace, name))

    async def run_until(self, name: str, *phases: str, within: float = PATIENCE) -> dict[str, Any]:
        """Return a run once it is in one of the phases."""
        return await self._until(
            resources.agentruns(self.namespace), name, lambda run: phase_of(run) in phases, within
        )

    async def run_until_position(
        self, name: str, position: int, within: float = PATIENCE
    ) -> dict[str, Any]:
        """Return a run once it has a place in the queue."""
        return await self._until(
            resources.agentruns(self.namespace),
            name,
            lambda run: run.get("status", {}).get("queuePosition") == position,
            within,
        )

    async def run_until_attempt(
        self, name: str, attempt: int, within: float = PATIENCE
    ) -> dict[str, Any]:
        """Return a run once its status tells of an attempt that works."""
        return await self._until(
            resources.agentruns(self.namespace),
            name,
            lambda run: (
                run.get("status", {}).get("attempt") == attempt and phase_of(run) == "Running"
            ),
            within,
        )

    async def runs_until(
        self, good: Callable[[Mapping[str, dict[str, Any]]], bool], within: float = PATIENCE
    ) -> None:
        """Return once all runs of the namespace, by name, are `good`; it is asked every time."""
        await self._watched(resources.agentruns(self.namespace), good, within)

    async def run_until_over(self, name: str, within: float = PATIENCE) -> dict[str, Any]:
        """Return a run once it is over."""
        return await self.run_until(name, *OVER, within=within)

    async def runs_of(self, issue: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return every run of an issue, as its label and its spec tell, oldest first."""
        listed = await self.kube.get(resources.agentruns(self.namespace))
        mine = [
            run
            for run in listed["items"]
            if run["spec"].get("linear", {}).get("issueId") == issue["id"]
        ]
        for run in mine:
            organization = run["spec"]["linear"]["organizationId"]
            label = run["metadata"]["labels"][ISSUE_LABEL]
            assert label == issue_hash(organization, issue["id"])
        return sorted(mine, key=lambda run: str(run["metadata"]["name"]))

    async def run_of(self, issue: Mapping[str, Any]) -> dict[str, Any]:
        """Return the only run of an issue."""
        (run,) = await self.runs_of(issue)
        return run

    async def run_of_soon(
        self, issue: Mapping[str, Any], within: float = PATIENCE
    ) -> dict[str, Any]:
        """Return the first run of an issue once it is there."""
        (there,) = (
            await self._watched(
                resources.agentruns(self.namespace),
                bool,
                within,
                labelSelector=f"{ISSUE_LABEL}={issue_hash(ORGANIZATION, issue['id'])}",
            )
        ).values()
        return there

    async def pods_of(self, run: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return every pod of a run."""
        label = f"deputy.dev/run={run['metadata']['uid']}"
        listed = await self.kube.get(resources.pods(self.namespace), labelSelector=label)
        items: list[dict[str, Any]] = listed["items"]
        return items

    async def pods_until(
        self,
        run: Mapping[str, Any],
        good: Callable[[Mapping[str, dict[str, Any]]], bool],
        within: float = PATIENCE,
    ) -> list[dict[str, Any]]:
        """Return the pods of a run once, by name, they are `good`."""
        path = resources.pods(self.namespace)
        label = f"deputy.dev/run={run['metadata']['uid']}"
        there = await self._watched(path, good, within, labelSelector=label)
        return list(there.values())

    async def until_no_pod(self, run: Mapping[str, Any], within: float = PATIENCE) -> None:
        """Return once a run has no pod any more."""
        await self.pods_until(run, lambda there: not there, within)

    async def pod_until(
        self,
        run: Mapping[str, Any],
        good: Callable[[dict[str, Any]], bool],
        within: float = PATIENCE,
    ) -> dict[str, Any]:
        """Return a pod of a run once it is `good`."""
        label = f"deputy.dev/run={run['metadata']['uid']}"
        there = await self.until(
            resources.pods(self.namespace),
            lambda there: any(map(good, there.values())),
            within,
            labelSelector=label,
        )
        return next(pod for pod in there.values() if good(pod))

    async def until(
        self,
        folder: str,
        good: Callable[[dict[str, dict[str, Any]]], bool],
        within: float = PATIENCE,
        **selector: str,
    ) -> dict[str, dict[str, Any]]:
        """Return the objects of a folder, by name, once they are `good` together."""
        return await self._watched(folder, good, within, **selector)

    async def log(self, pod: str, container: str) -> str:
        """Return what a container has said so far."""
        path = resources.pods(self.namespace, pod) + "/log"
        return await self.kube.text(path, container=container)

    async def remove(self, blueprint: str) -> None:
        """Delete a Blueprint and all its runs; live ones end at once."""
        listed = await self.kube.get(resources.agentruns(self.namespace))
        for run in listed["items"]:
            if run["spec"]["blueprintRef"]["name"] == blueprint:
                await self._delete(resources.agentruns(self.namespace, run["metadata"]["name"]))
        await self._delete(resources.blueprints(self.namespace, blueprint))

    async def _delete(self, path: str) -> None:
        try:
            await self.kube.delete(path)
        except NotFound:
            return

    async def _until(
        self, folder: str, name: str, good: Callable[[dict[str, Any]], bool], within: float
    ) -> dict[str, Any]:
        selector = f"metadata.name={name}"
        there = await self._watched(
            folder,
            lambda there: name in there and good(there[name]),
            within,
            fieldSelector=selector,
        )
        return there[name]

    async def _watched(
        self,
        folder: str,
        good: Callable[[dict[str, dict[str, Any]]], bool],
        within: float,
        **selector: str,
    ) -> dict[str, dict[str, Any]]:
        """Return the objects of a folder, by name, once they are `good` together."""
        there: dict[str, dict[str, Any]] = {}
        try:
            async with asyncio.timeout(within):
                while True:
                    there = await self._follow(folder, good, there, selector)
                    if good(there):
                        return there
        except TimeoutError:
            pytest.fail(f"after {within} seconds still not as wanted: {_shown(there)}")

    async def _follow(
        self,
        folder: str,
        good: Callable[[dict[str, dict[str, Any]]], bool],
        there: dict[str, dict[str, Any]],
        selector: dict[str, str],
    ) -> dict[str, dict[str, Any]]:
        """Follow a folder from its list on, until it is `good` or the watch is cut."""
        listed = await self.kube.get(folder, **selector)
        there.clear()
        there.update({one["metadata"]["name"]: one for one in listed["items"]})
        if good(there):
            return there
        try:
            version = listed["metadata"]["resourceVersion"]
            async for event in self.kube.watch(folder, version, **selector):
                if event["type"] == "BOOKMARK":
                    continue
                name = event["object"]["metadata"]["name"]
                if event["type"] == "DELETED":
                    there.pop(name, None)
                else:
                    there[name] = event["object"]
                if good(there):
                    break
        except Unavailable:
            # The API server cuts watches as it likes; the caller begins anew.
            return there
        return there


def phase_of(run: Mapping[str, Any]) -> str:
    """Return the phase of a run; nothing is said before the operator has seen it."""
    phase: str = run.get("status", {}).get("phase", "")
    return phase


def conditions_of(thing: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return status and reason of every condition, by type."""
    conditions = thing.get("status", {}).get("conditions", ())
    return {one["type"]: (one["status"], one["reason"]) for one in conditions}


def _is_judged(blueprint: dict[str, Any]) -> bool:
    return "Ready" in conditions_of(blueprint)


def _shown(there: Mapping[str, Any]) -> str:
    return "\n".join(f"{name}: {one.get('status')}" for name, one in there.items()) or "nothing"
