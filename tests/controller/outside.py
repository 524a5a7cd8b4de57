"""What is around the operator: a tracker, a forge, and the sidecars of one run's workspaces."""

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from deputy.controller.pull_requests import OpenResult
from deputy.core.observed import PullRequestSeen
from deputy.relay.authentication import Caller
from deputy.relay.service import RelayService, UnknownCaller
from deputy.trackers.models import Issue, Organization, Team, TeamDirectory, WorkflowState
from deputy.trackers.updates import PostActivity, Priority, Update
from deputy.wire import Event, Finished, Message, MessageKind, NumberedEvent

if TYPE_CHECKING:
    from deputy.api.agentrun import AgentRun
    from deputy.api.blueprint import BlueprintSpec
    from deputy.controller.pull_requests import PullRequests
    from deputy.trackers.linear.tracker import Tracker

TEAM = Team("team-1", "ENG", "Engineering")
TODO = WorkflowState("state-1", "Todo", "unstarted")
TRIAGE = WorkflowState("state-0", "Triage", "triage")


class TrackerLog:
    """A tracker that takes every update at once and knows the ids that it has seen."""

    def __init__(self) -> None:
        self.activities: dict[str, PostActivity] = {}
        self.state = TODO
        self.refuses: Callable[[PostActivity], bool] = lambda _: False

    @property
    def ends(self) -> list[PostActivity]:
        """Every closing activity, each once."""
        last = Priority.TERMINAL
        return [one for one in self.activities.values() if one.priority is last]

    def as_tracker(self) -> "Tracker":
        return cast("Tracker", self)

    def submit(self, update: Update) -> asyncio.Future[str]:
        if isinstance(update, PostActivity) and self.refuses(update):
            refused: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            refused.set_result("not these words")
            return refused
        if isinstance(update, PostActivity):
            known = self.activities.setdefault(update.activity_id, update)
            assert known == update, "one id was given to two activities"
        sent: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        sent.set_result("")
        return sent

    async def submit_all(self, updates: Sequence[Update]) -> list[str]:
        await asyncio.sleep(0)
        return [await self.submit(update) for update in updates]

    def open_session(self, _session: str) -> None:
        """Take everything, as ever."""

    def close_session(self, _session: str) -> None:
        """Take everything, as ever."""

    async def issue(self, issue_id: str) -> Issue:
        return Issue(issue_id, "ENG-42", "Fix it", "", TEAM, state=self.state)

    async def teams(self, _max_age: float, **_: bool) -> TeamDirectory:
        return TeamDirectory(Organization("org-1", "Acme", "acme"), (TEAM,))


class ForgeLog:
    """A forge that opens every pull request that it is asked for, once for each branch."""

    def __init__(self) -> None:
        self.branches: set[str] = set()
        self.closed_to_us = False

    def as_pull_requests(self) -> "PullRequests":
        return cast("PullRequests", self)

    async def open(self, _run: "AgentRun", _spec: "BlueprintSpec", report: Finished) -> OpenResult:
        assert not self.closed_to_us, "a pull request was opened though a stop was wanted"
        await asyncio.sleep(0)
        self.branches.add(report.branch)
        return OpenResult(PullRequestSeen("https://forge/pr/1", 1, report.head_sha))


@dataclasses.dataclass
class Sidecar:
    """The sidecar of one pod: numbers what it says, and says it until it is acknowledged."""

    caller: Caller
    unacknowledged: list[NumberedEvent] = dataclasses.field(default_factory=list)
    said: int = 0
    last_message: str = ""
    delivered: str = ""
    asked_to_stop: bool = False
    over: bool = False
    """Whether it has reported; then its agent says nothing more."""

    def say(self, event: Event) -> None:
        self.said += 1
        self.unacknowledged.append(NumberedEvent(self.said, event))

    async def call(self, relay: RelayService) -> None:
        """Send what is not acknowledged, and take what there is to hear."""
        try:
            conversation = await relay.conversation(self.caller)
            await relay.note_contact(conversation)
            if self.unacknowledged:
                answer = await relay.take(conversation, self.unacknowledged)
                self.unacknowledged = [n for n in self.unacknowledged if n.seq > answer.acked]
        except UnknownCaller:
            return
        for message in conversation.messages_after(self.last_message):
            self._hear(message)

    def _hear(self, message: Message) -> None:
        self.last_message = message.id
        match message.kind:
            case MessageKind.PROMPT:
                self.delivered = message.id
            case MessageKind.STOP:
                self.asked_to_stop = True
            case MessageKind.FINISH:
                self.over = True
