"""What is around the operator: a forge, and the sidecars of one run's workspaces."""

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from typing_extensions import override

from deputy.controller.pull_requests import OpenResult, PullRequests
from deputy.core.observed import PullRequestSeen
from deputy.relay.authentication import Caller
from deputy.relay.service import RelayService, UnknownCaller
from deputy.wire import Event, Finished, Message, MessageKind, NumberedEvent

if TYPE_CHECKING:
    from deputy.api.agentrun import AgentRun
    from deputy.api.blueprint import BlueprintSpec


class FakePullRequests(PullRequests):
    """A forge that opens every pull request that it is asked for, once for each branch."""

    def __init__(self) -> None:
        self.branches: set[str] = set()
        self.closed_to_us = False

    @override
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
