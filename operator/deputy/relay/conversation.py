"""What the relay remembers of one run's sidecar; all of it can be told again by the sidecar.

The sidecar repeats what was not acknowledged, and a poll names the last message that it has, so
a new leader starts with an empty conversation and loses nothing.
"""

import asyncio
import dataclasses
import datetime as dt
import time
from collections.abc import Sequence

from deputy.wire import Finished, Message, MessageKind, Outcome, Step


@dataclasses.dataclass(slots=True)
class Conversation:
    """The state of the talk with one sidecar."""

    run_uid: str
    attempt: int
    acked: int = 0
    """The number up to which events are safe."""
    last_contact: dt.datetime | None = None
    connected: bool = False
    awaiting: bool = False
    delivered_through: str = ""
    """Id of the last message that the agent was given."""
    plan: tuple[Step, ...] = ()
    stop_asked: dt.datetime | None = None
    finished: bool = False
    """Whether the sidecar is told that nothing is wanted of it any more."""
    report: Finished | None = None
    prompts: tuple[Message, ...] = ()
    """The task and what people said since, in order."""
    shown_at: dt.datetime | None = None
    """When something was last shown in the run's session."""
    arrived: dict[str, float] = dataclasses.field(default_factory=dict)
    """When the messages came that the agent was not given yet, on the monotonic clock."""
    changed: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Let waiting polls look again."""
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    def messages_after(self, last: str) -> tuple[Message, ...]:
        """Return what the sidecar should have after the message `last`, in order."""
        return messages_after(
            last, self.prompts, stop=self.stop_asked is not None, finished=self.finished
        )

    def is_stale(self, report: Finished) -> bool:
        """Say whether people have said more than the agent had heard when it reported.

        A failure is never stale: an agent that is gone hears nothing more.
        """
        if report.outcome is not Outcome.COMPLETED or self.stop_asked is not None:
            return False
        return bool(self.prompts) and report.delivered_through != self.prompts[-1].id

    @property
    def standing_report(self) -> Finished | None:
        """The report, unless people have said more since."""
        report = self.report
        return None if report is None or self.is_stale(report) else report

    def hear(self, prompts: tuple[Message, ...]) -> None:
        """Take in what people have said so far, and wake the poll where it is news."""
        if prompts != self.prompts:
            known = {prompt.id for prompt in self.prompts}
            fresh = (prompt.id for prompt in prompts if prompt.id not in known)
            self.arrived |= dict.fromkeys(fresh, time.monotonic())
            self.prompts = prompts
            self.wake()

    def finish(self) -> None:
        """Have the sidecar told, at once, that nothing is wanted of it any more.

        What people said is forgotten: finished runs are many, and live for a day.
        """
        self.prompts = ()
        self.arrived.clear()
        if not self.finished:
            self.finished = True
            self.wake()


STOP = Message("stop", MessageKind.STOP)
FINISH = Message("finish", MessageKind.FINISH)


def messages_after(
    last: str, prompts: Sequence[Message], *, stop: bool, finished: bool
) -> tuple[Message, ...]:
    """Return the messages that come after the one named `last`.

    The order is: prompts as they came, then the stop, then the finish. A stop overtakes prompts
    that were not taken yet, and a finish overtakes everything. Nothing but a finish comes after
    a stop, though the leader that asked for it be gone.
    """
    if finished:
        return () if last == FINISH.id else (FINISH,)
    if last in (STOP.id, FINISH.id):
        return ()
    if stop:
        return (STOP,)
    ids = [prompt.id for prompt in prompts]
    start = ids.index(last) + 1 if last in ids else 0
    return tuple(prompts[start:])
