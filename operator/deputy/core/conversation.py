"""What the relay remembers of one run's sidecar; all of it can be told again by the sidecar.

The sidecar repeats what was not acknowledged, and a poll names the last message that it has, so
a new leader starts with an empty conversation and loses nothing.
"""

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence

from deputy.core.phase import ACTIVE, Phase
from deputy.wire import (
    Answered,
    Asked,
    Event,
    Finished,
    Message,
    MessageKind,
    Outcome,
    PlanChanged,
    Step,
    TurnStarted,
)

#: The phases in which a sidecar has been heard before.
_CONNECTED = (Phase.RUNNING, Phase.AWAITING_INPUT)


#: How long a report waits for what came before it to be shown; then it counts all the same.
SHOWN_WITHIN = dt.timedelta(minutes=1)


@dataclasses.dataclass(frozen=True, slots=True)
class KeptReport:
    """A report that the run's status has kept since it was `received`."""

    report: Finished
    received: dt.datetime | None


@dataclasses.dataclass(slots=True)
class RelayConversation:
    """The state of the conversation with one sidecar."""

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
    """When the messages came that the agent was not given yet, on the caller's clock."""
    _callbacks: list[Callable[[], None]] = dataclasses.field(default_factory=list)

    def on_change(self, call: Callable[[], None]) -> Callable[[], None]:
        """Have `call` called once, at the next change; the result calls that off."""
        self._callbacks.append(call)

        def cancel() -> None:
            if call in self._callbacks:
                self._callbacks.remove(call)

        return cancel

    def wake(self) -> None:
        """Let waiting polls look again."""
        callbacks, self._callbacks = self._callbacks, []
        for call in callbacks:
            call()

    def take_over(self, phase: Phase, delivered_through: str, now: dt.datetime) -> None:
        """Begin where an earlier leader left off, as far as the run's status tells."""
        if self.last_contact is None and phase in ACTIVE - {Phase.CLAIMED}:
            self.last_contact = now
        if not self.connected and phase in _CONNECTED:
            self.connected = True
            self.awaiting = phase is Phase.AWAITING_INPUT
            self.delivered_through = delivered_through

    def take(self, event: Event) -> None:
        """Take in what an event says of the agent; a report is taken in by itself, in its turn."""
        self.connected = True
        match event:
            case TurnStarted(message_id):
                self.awaiting, self.report = False, None
                self.delivered_through = message_id
            case Asked():
                self.awaiting = True
            case Answered(message_id):
                self.awaiting, self.delivered_through = False, message_id
            case PlanChanged(steps):
                self.plan = steps
            case _:
                pass

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

    def fall_back(self, kept: KeptReport | None, *, silenced: bool, now: dt.datetime) -> None:
        """Let the report count that the status has kept, where none has come in its turn.

        It does where its sidecar is `silenced` and cannot say it again, and where the tracker has
        not taken what came before it for a while. Where people have said more since, the agent
        has more to do, and once it was given that the report is of an older turn.
        """
        if self.report is not None or kept is None or self.is_stale(kept.report):
            return
        if self.delivered_through not in ("", kept.report.delivered_through):
            return
        waited = now - (kept.received or now)
        if silenced or waited >= SHOWN_WITHIN:
            self.report = kept.report

    def set_prompts(self, prompts: tuple[Message, ...], at: float) -> None:
        """Take in what people have said so far, and wake the poll where that has changed."""
        if prompts != self.prompts:
            known = {prompt.id for prompt in self.prompts}
            fresh = (prompt.id for prompt in prompts if prompt.id not in known)
            self.arrived |= dict.fromkeys(fresh, at)
            self.prompts = prompts
            self.wake()

    def ask_to_stop(self, now: dt.datetime) -> None:
        """Have the sidecar told, at once, to cancel the agent and to save its work."""
        self.stop_asked = now
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
