"""A model of the API server whose every call may be overtaken by any other, and events."""

import contextlib
import copy
import datetime as dt
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from typing import Any

from deputy.api.agentrun import InboxEntry
from deputy.api.names import ISSUE_LABEL
from deputy.core.acknowledgements import Acknowledgement
from deputy.core.claim_facts import RunFacts
from deputy.core.phase import TERMINAL, Phase
from deputy.core.routing import BlueprintFacts, Refusal, Routed, route
from deputy.trackers.events import SessionCreated, SessionPrompted
from deputy.trackers.models import Issue, Person, Team
from deputy.trackers.updates import Content
from deputy.webhook.runs import NewRun, facts_of

NOW = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)
ISSUE = Issue("issue", "ENG-1", "Title", "https://linear.app/i", Team("t", "ENG", "Eng"))
JANE = Person("jane", "Jane Doe", "jane@example.com")
BLUEPRINT = BlueprintFacts("api", "agents", NOW, "ENG")


class Step:
    """An await at which everybody else may go first."""

    def __await__(self) -> Generator[None, None, None]:
        yield


async def pause(_seconds: float) -> None:
    await Step()


async def to_blueprint(team: Team, organization_id: str) -> Routed | Refusal:
    await Step()
    return route(team, organization_id, [BLUEPRINT])


class Words:
    """Keeps what is said, as the acknowledger would."""

    def __init__(self) -> None:
        self.acknowledged: list[Acknowledgement] = []
        self.refused: list[tuple[str, Content]] = []

    def acknowledge(self, acknowledgement: Acknowledgement) -> None:
        self.acknowledged.append(acknowledgement)

    async def refuse(self, session_id: str, _activity_id: str, content: Content) -> None:
        self.refused.append((session_id, content))


class NoLocks:
    """Lets everybody go at once."""

    def of(self, _issue: str) -> contextlib.AbstractAsyncContextManager[None]:
        return contextlib.nullcontext()


class ModelServer:
    """Lists are fresh, creates of one name have one winner, patches are atomic and tested."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}

    async def of_issue(self, issue: str) -> list[RunFacts]:
        await Step()
        runs = [
            facts_of(copy.deepcopy(run))
            for run in self.objects.values()
            if run["metadata"]["labels"].get(ISSUE_LABEL) == issue
        ]
        await Step()
        return runs

    async def issues_of(self, organization_id: str) -> set[str]:
        await Step()
        specs = (run["spec"] for run in self.objects.values())
        told = (spec["linear"] for spec in specs)
        return {one["issueId"] for one in told if one["organizationId"] == organization_id}

    async def is_reserved(self, _run: RunFacts) -> bool:
        await Step()
        return False

    async def reserve(self, run: NewRun) -> NewRun | None:
        await Step()
        return run

    async def create(self, run: NewRun) -> RunFacts | None:
        await Step()
        if run.name in self.objects:
            return None
        body: dict[str, Any] = copy.deepcopy(dict(run.body))
        body["metadata"]["uid"] = f"uid-{len(self.objects)}"
        self.objects[run.name] = body
        await Step()
        return facts_of(body)

    async def holds(self, run: NewRun, issue: str) -> bool:
        await Step()
        labels = self.objects[run.name]["metadata"]["labels"]
        return bool(labels.get(ISSUE_LABEL) == issue)

    async def add(self, run: RunFacts, entry: InboxEntry | None, *, stop: bool) -> bool:
        await Step()
        spec = self.objects[run.name]["spec"]
        status = self.objects[run.name].get("status")
        if (("/status/phase", status["phase"]) if status else ("/status", None)) != run.as_seen:
            return False
        if status and "response" in status:
            return False
        if entry is not None:
            if any(other["id"] == entry.id for other in spec["inbox"]):
                return False
            spec["inbox"].append(entry.model_dump(mode="json", by_alias=True))
        if stop:
            spec["desiredState"] = "Stopped"
        await Step()
        return True

    async def note(self, run: RunFacts, entry: InboxEntry) -> bool:
        await Step()
        inbox = self.objects[run.name]["spec"]["inbox"]
        if any(other["id"] == entry.id for other in inbox):
            return False
        inbox.append(entry.model_dump(mode="json", by_alias=True))
        return True

    def live(self) -> list[str]:
        return [
            name
            for name, run in self.objects.items()
            if run.get("status", {}).get("phase") not in TERMINAL
        ]

    def conclude(self, name: str) -> None:
        """Record how a run ends; from here on nobody reads its inbox."""
        phase = self.objects[name].get("status", {}).get("phase", Phase.RUNNING)
        decided = {
            "type": "Succeeded",
            "status": "True",
            "lastTransitionTime": "2026-11-20T09:00:00Z",
            "reason": "Completed",
            "message": "the agent finished",
        }
        status = {"phase": phase, "response": "Done.", "conditions": [decided]}
        self.objects[name]["status"] = status

    def set_phase(self, name: str, phase: Phase) -> None:
        self.objects[name]["status"] = {"phase": phase}


def created(session: str, text: str = "", sent: dt.datetime = NOW) -> SessionCreated:
    return SessionCreated("org", "app", session, ISSUE, JANE, "context", text, (), sent)


def prompted(
    session: str, activity: str, *, stop: bool = False, sent: dt.datetime = NOW
) -> SessionPrompted:
    text = "stop" if stop else f"say {activity}"
    return SessionPrompted("org", "app", session, ISSUE, activity, JANE, text, stop, sent)


def drive(
    handlers: Sequence[Callable[[], Coroutine[Any, Any, Any]]],
    choose: Callable[[int], int],
    between: Callable[[], None],
    again: tuple[type[Exception], ...],
) -> list[Any]:
    """Run handlers, one step of one of them at a time; what raises `again` is sent again."""
    waiting = [(handler, handler()) for handler in handlers]
    results = []
    while waiting:
        at = choose(len(waiting))
        handler, task = waiting[at]
        try:
            task.send(None)
        except StopIteration as end:
            results.append(end.value)
            del waiting[at]
        except again:
            waiting[at] = (handler, handler())
        between()
    return results


def done(task: Awaitable[Any]) -> Any:
    """Return what a handler returns when nobody else is there."""
    steps = task.__await__()
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value
