"""What the relay remembers of one run's sidecar; all of it can be told again by the sidecar.

The sidecar repeats what was not acknowledged, and a poll names the last message that it has, so
a new leader starts with an empty conversation and loses nothing.
"""

import asyncio
import dataclasses
import datetime as dt
from collections.abc import Sequence

from deputy.wire import Finished, Message, MessageKind, Step


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
        """Say whether people have said more than the agent had heard when it reported."""
        ids = [prompt.id for prompt in self.prompts]
        return bool(ids) and self.stop_asked is None and report.delivered_through != ids[-1]


STOP = Message("stop", MessageKind.STOP)
FINISH = Message("finish", MessageKind.FINISH)


def messages_after(
    last: str, prompts: Sequence[Message], *, stop: bool, finished: bool
) -> tuple[Message, ...]:
    """Return the messages that come after the one named `last`.

    The order is: prompts as they came, then the stop, then the finish. A stop overtakes prompts
    that were not taken yet, and a finish overtakes everything.
    """
    if finished:
        return () if last == FINISH.id else (FINISH,)
    if stop:
        return () if last == STOP.id else (STOP,)
    ids = [prompt.id for prompt in prompts]
    start = ids.index(last) + 1 if last in ids else 0
    return tuple(prompts[start:])
