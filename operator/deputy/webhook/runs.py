"""The runs of an issue on the API server: what claiming reads and writes."""

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from deputy.api.agentrun import DesiredState, InboxEntry
from deputy.core.claim import ISSUE_LABEL, RunFacts
from deputy.core.phase import Phase
from deputy.kube import resources
from deputy.kube.client import JSON_PATCH, Kube
from deputy.kube.errors import AlreadyExists, Conflict, Invalid, NotFound


@dataclasses.dataclass(frozen=True, slots=True)
class NewRun:
    """A run that does not exist yet."""

    namespace: str
    name: str
    body: Mapping[str, Any]


#: Where nothing is before the operator has looked at a run.
_NO_STATUS = "/status"


class Runs(Protocol):
    """What claiming needs of the API server; each write is atomic and says whether it was done."""

    async def of_issue(self, issue: str) -> Sequence[RunFacts]:
        """Return all runs of the issue with this hash, read from storage and not from a cache."""

    async def create(self, run: NewRun) -> RunFacts | None:
        """Create a run; None where its name is taken."""

    async def holds(self, run: NewRun, issue: str) -> bool:
        """Whether the object of that name is a run of this issue, or gone by now."""

    async def add(self, run: RunFacts, entry: InboxEntry | None, *, stop: bool) -> bool:
        """Add to a run's inbox, and want it stopped; False where it is not as it was seen."""


class ApiServerRuns:
    """The runs of several namespaces; raises `KubeError` where the API server cannot do it."""

    def __init__(self, kube: Kube, namespaces: Sequence[str]) -> None:
        self._kube = kube
        self._namespaces = namespaces

    async def of_issue(self, issue: str) -> list[RunFacts]:
        """Return all runs of the issue; without a resourceVersion every list is a fresh one."""
        selector = f"{ISSUE_LABEL}={issue}"
        found = await asyncio.gather(
            *(
                self._kube.get(resources.agentruns(namespace), labelSelector=selector)
                for namespace in self._namespaces
            )
        )
        return [facts_of(item) for part in found for item in part["items"]]

    async def create(self, run: NewRun) -> RunFacts | None:
        """Create a run; the API server lets only one creation of a name succeed."""
        try:
            return facts_of(await self._kube.create(resources.agentruns(run.namespace), run.body))
        except AlreadyExists:
            return None

    async def holds(self, run: NewRun, issue: str) -> bool:
        """Whether the object of that name is a run of this issue, or gone by now."""
        try:
            found = await self._kube.get(resources.agentruns(run.namespace, run.name))
        except NotFound:
            return True
        labels: Mapping[str, str] = found["metadata"].get("labels") or {}
        return labels.get(ISSUE_LABEL) == issue

    async def add(self, run: RunFacts, entry: InboxEntry | None, *, stop: bool) -> bool:
        """Add to a run's inbox, and want it stopped, in one patch.

        The patch tests what was decided on: that it is still the same run in the same phase. The
        inbox is a map by id, so a message that another replica has added makes it invalid.
        """
        path = resources.agentruns(run.namespace, run.name)
        try:
            await self._kube.patch(path, _operations(run, entry, stop=stop), JSON_PATCH)
        except (Invalid, Conflict, NotFound):
            return False
        return True


def _operations(run: RunFacts, entry: InboxEntry | None, *, stop: bool) -> list[dict[str, Any]]:
    place, value = run.as_seen
    found: list[dict[str, Any]] = [
        {"op": "test", "path": "/metadata/uid", "value": run.uid},
        # A test for null passes where nothing is.
        {"op": "test", "path": place, "value": value},
    ]
    if place != _NO_STATUS:
        # How a run ends is recorded before it is over; what came later nobody would read.
        found.append({"op": "test", "path": "/status/response", "value": None})
    if entry is not None:
        message = entry.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        found.append({"op": "add", "path": "/spec/inbox/-", "value": message})
    if stop:
        found.append({"op": "add", "path": "/spec/desiredState", "value": DesiredState.STOPPED})
    return found


def facts_of(found: Mapping[str, Any]) -> RunFacts:
    """Return what claiming must know of an AgentRun; fields of a newer version are ignored."""
    metadata, spec = found["metadata"], found.get("spec") or {}
    linear, inbox = spec.get("linear") or {}, spec.get("inbox") or []
    status = found.get("status") or {}
    sessions = {linear.get("sessionId"), *(entry.get("sessionId") for entry in inbox)}
    begun_by = linear.get("activityId") or linear.get("sessionId")
    messages = {begun_by, *(entry.get("id") for entry in inbox)}
    return RunFacts(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        phase=_phase(status.get("phase")),
        stopping=spec.get("desiredState") == DesiredState.STOPPED
        or "deletionTimestamp" in metadata,
        ending=bool(status.get("response")),
        sessions=frozenset(filter(None, sessions)),
        messages=frozenset(filter(None, messages)),
        app_user_id=linear.get("appUserId", ""),
        inbox_length=len(inbox),
        inbox_bytes=sum(len(entry.get("text", "").encode()) for entry in inbox),
        as_seen=("/status/phase", status.get("phase")) if "status" in found else (_NO_STATUS, None),
    )


def _phase(found: str | None) -> Phase | None:
    return Phase(found) if found in set(Phase) else None
