"""The runs of an issue on the API server: what claiming reads and writes."""

import asyncio
import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from deputy.api.agentrun import AgentRun, DesiredState, InboxEntry
from deputy.api.facts import run_facts
from deputy.api.names import ISSUE_LABEL
from deputy.core.claim_facts import RunFacts
from deputy.core.phase import TERMINAL
from deputy.kube import resources
from deputy.kube.client import JSON_PATCH, Kube
from deputy.kube.errors import AlreadyExists, Conflict, Invalid, NotFound
from deputy.kube.store import reader_of


@dataclasses.dataclass(frozen=True, slots=True)
class NewRun:
    """A run that does not exist yet."""

    namespace: str
    name: str
    body: Mapping[str, Any]


#: Where nothing is before the operator has looked at a run.
_NO_STATUS = "/status"

_read = reader_of(AgentRun)


class Runs(Protocol):
    """What claiming needs of the API server; each write is atomic and says whether it was done."""

    async def of_issue(self, issue: str) -> Sequence[RunFacts]:
        """Return all runs of the issue with this hash, read from storage and not from a cache."""

    async def issues_of(self, organization_id: str) -> Collection[str]:
        """Return the ids of the issues of an organisation that have a run which is not over."""

    async def reserve(self, run: NewRun) -> NewRun | None:
        """Return the run where it may be created; None where its name is used up."""

    async def is_reserved(self, run: RunFacts) -> bool:
        """Whether the name of a run is reserved for the namespace that it is in."""

    async def create(self, run: NewRun) -> RunFacts | None:
        """Create a run; None where its name is taken."""

    async def holds(self, run: NewRun, issue: str) -> bool:
        """Whether the object of that name is a run of this issue, or gone by now."""

    async def add(self, run: RunFacts, entry: InboxEntry | None, *, stop: bool) -> bool:
        """Add to a run's inbox, and want it stopped; False where it is not as it was seen."""

    async def note(self, run: RunFacts, entry: InboxEntry) -> bool:
        """Add to the inbox of a run that is over; False where it is not as it was seen."""


class Reservations(Protocol):
    """What makes a run's name unique in several namespaces."""

    async def reserve(self, run: NewRun) -> NewRun | None:
        """Return the run where it may be created; None where its name is used up."""

    async def is_reserved(self, run: RunFacts) -> bool:
        """Whether the name of a run is reserved for the namespace that it is in."""


class ApiServerRuns:
    """The runs of several namespaces; raises `KubeError` where the API server cannot do it."""

    def __init__(
        self, kube: Kube, namespaces: Sequence[str], reservations: Reservations | None = None
    ) -> None:
        self._kube = kube
        self._namespaces = namespaces
        self._reservations = reservations

    async def of_issue(self, issue: str) -> list[RunFacts]:
        """Return all runs of the issue; without a resourceVersion every list is a fresh one."""
        selector = f"{ISSUE_LABEL}={issue}"
        lists = await asyncio.gather(
            *(
                self._kube.get(resources.agentruns(namespace), labelSelector=selector)
                for namespace in self._namespaces
            )
        )
        return [facts_of(body) for answer in lists for body in answer["items"]]

    async def issues_of(self, organization_id: str) -> set[str]:
        """Return the ids of the issues of an organisation that have a run which is not over."""
        issues: set[str] = set()
        for namespace in self._namespaces:
            answer = await self._kube.get(resources.agentruns(namespace), labelSelector=ISSUE_LABEL)
            runs = (_read(body) for body in answer["items"])
            issues.update(
                run.spec.linear.issue_id
                for run in runs
                if run.spec.linear is not None
                and run.spec.linear.organization_id == organization_id
                and run.status.phase not in TERMINAL
            )
        return issues

    async def reserve(self, run: NewRun) -> NewRun | None:
        """Return the run where it may be created; one namespace needs no reservation."""
        return run if self._reservations is None else await self._reservations.reserve(run)

    async def is_reserved(self, run: RunFacts) -> bool:
        """Whether the name of a run is reserved for the namespace that it is in."""
        return self._reservations is not None and await self._reservations.is_reserved(run)

    async def create(self, run: NewRun) -> RunFacts | None:
        """Create a run; the API server lets only one creation of a name succeed."""
        try:
            return facts_of(await self._kube.create(resources.agentruns(run.namespace), run.body))
        except AlreadyExists:
            return None

    async def holds(self, run: NewRun, issue: str) -> bool:
        """Whether the object of that name is a run of this issue, or gone by now."""
        try:
            body = await self._kube.get(resources.agentruns(run.namespace, run.name))
        except NotFound:
            return True
        labels: Mapping[str, str] = body["metadata"].get("labels") or {}
        return labels.get(ISSUE_LABEL) == issue

    async def add(self, run: RunFacts, entry: InboxEntry | None, *, stop: bool) -> bool:
        """Add to a run's inbox, and want it stopped, in one patch.

        The patch tests what was decided on: that it is still the same run in the same phase. The
        inbox is a map by id, so a message that another replica has added makes it invalid.
        """
        return await self._patch(run, _operations(run, entry, stop=stop))

    async def note(self, run: RunFacts, entry: InboxEntry) -> bool:
        """Add to the inbox of a run that is over, for whoever claims its issue next."""
        return await self._patch(run, [_same(run), _append(entry)])

    async def _patch(self, run: RunFacts, operations: list[dict[str, Any]]) -> bool:
        path = resources.agentruns(run.namespace, run.name)
        try:
            await self._kube.patch(path, operations, JSON_PATCH)
        except (Invalid, Conflict, NotFound):
            return False
        return True


def facts_of(body: Mapping[str, Any]) -> RunFacts:
    """Return what claiming must know of an AgentRun; fields of a newer version are ignored."""
    return run_facts(_read(body))


def _operations(run: RunFacts, entry: InboxEntry | None, *, stop: bool) -> list[dict[str, Any]]:
    path, value = run.as_seen
    operations: list[dict[str, Any]] = [
        _same(run),
        # A test for null passes where nothing is.
        {"op": "test", "path": path, "value": value},
    ]
    if path != _NO_STATUS:
        # How a run ends is recorded before it is over; what came later nobody would read.
        operations.append({"op": "test", "path": "/status/response", "value": None})
    if entry is not None:
        operations.append(_append(entry))
    if stop:
        operations.append(
            {"op": "add", "path": "/spec/desiredState", "value": DesiredState.STOPPED}
        )
    return operations


def _same(run: RunFacts) -> dict[str, Any]:
    return {"op": "test", "path": "/metadata/uid", "value": run.uid}


def _append(entry: InboxEntry) -> dict[str, Any]:
    message = entry.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {"op": "add", "path": "/spec/inbox/-", "value": message}
