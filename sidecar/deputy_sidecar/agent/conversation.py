"""The life of one agent as a fold: inputs and the agent's bytes in, numbered events out.

Pure by rule: no clock, no I/O, no randomness. The same inputs at the same places among the same
bytes give the same events under the same numbers, however the bytes were cut into pieces; a
sidecar that was killed therefore repeats nothing and loses nothing.

What the world has to do is not an effect but a wish that stands until it is fulfilled: those of
`process`, and `timers`, `job`, `over`. The shell brings the world up to it, again after a
restart, and the other side knows repetitions by their numbers.
"""

import dataclasses
import enum
from typing import assert_never

from deputy.wire import (
    Answered,
    Asked,
    Event,
    Finished,
    Hello,
    MessageKind,
    NumberedEvent,
    Outcome,
    PlanChanged,
    Thought,
    ToolFinished,
    TurnStarted,
    Workspace,
)
from deputy_sidecar.agent.adapters.model import (
    Adapter,
    Await,
    Exit,
    Launch,
    Output,
    Question,
    Send,
    TurnEnded,
)
from deputy_sidecar.agent.frames import LineCutter
from deputy_sidecar.agent.process import AgentProcess
from deputy_sidecar.agent.termination import LADDER, Rung
from deputy_sidecar.desired import Job, Timer
from deputy_sidecar.journal import (
    Elapsed,
    Input,
    ProcessExited,
    ProcessStarted,
    Received,
    Saved,
    SidecarStarted,
    Terminating,
)
from deputy_sidecar.sanitising import clean, one_line


class Phase(enum.Enum):
    """Where the conversation is."""

    IDLE = enum.auto()
    """Nothing to do; the agent may be running and wait for a prompt."""
    WORKING = enum.auto()
    """A turn is going on."""
    SAVING = enum.auto()
    """The turn is over and its work is being pushed."""
    ENDING = enum.auto()
    """The agent is being ended, or its last work saved, because of a stop."""
    STOPPED = enum.auto()
    """The stop was reported."""
    OVER = enum.auto()
    """Nothing is wanted any more."""


#: Most bytes that an agent may write in its life.
MAX_OUTPUT = 512 * 1024 * 1024

_LADDER = "ladder"
_SAVE_SUBJECT = "Save uncommitted work"
_MAX_SUBJECT = 72

_STOP = TurnEnded(Outcome.STOPPED, "Stopped", "Stopped, as asked.")
_TAKEN = TurnEnded(
    Outcome.STOPPED,
    "WorkspaceEnded",
    "The workspace was ended from outside while the agent worked.",
)
_TOO_MUCH = TurnEnded(
    Outcome.FAILED,
    "AgentFailed",
    f"The agent wrote more than {MAX_OUTPUT >> 20} MiB to its standard output. "
    "Let it write less, or to a file.",
)


class Conversation:
    """Everything that one attempt of a run has come to."""

    def __init__(self, workspace: Workspace, adapter: Adapter) -> None:
        self.phase = Phase.IDLE
        self.consumed = 0
        """How many of the agent's bytes were taken."""
        self.events: list[NumberedEvent] = []
        """Events that nobody has fetched yet."""
        self.last_message = ""
        self.process = AgentProcess()
        self.timers: dict[str, Timer] = {}
        self.job: Job | None = None
        self.exit_code = 0
        self._workspace = workspace
        self._adapter = adapter
        self._cutter = LineCutter()
        self._taken = 0
        self._sequence = 0
        self._counter = 0
        self._seen: set[str] = set()
        self._queue: list[Received] = []
        self._delivered = ""
        self._asked = False
        self._ended: TurnEnded | None = None
        self._rung: Rung | None = None
        self._reported = False
        self._leaving = False

    @property
    def over(self) -> bool:
        """Whether the agent's container may end."""
        return self.phase is Phase.OVER

    @property
    def terminated(self) -> bool:
        """Whether there is nothing left to do for a workspace that is taken away."""
        return self.job is None and self.phase not in (Phase.WORKING, Phase.SAVING, Phase.ENDING)

    def fetch(self) -> list[NumberedEvent]:
        """Hand over the events since the last call."""
        found, self.events = self.events, []
        return found

    def read(self, data: bytes) -> None:
        """Take bytes that the agent wrote to its stdout."""
        self.consumed += len(data)
        for line in self._cutter.cut(data):
            self._taken += len(line) + 1
            if self._taken > MAX_OUTPUT:
                self._stop(_TOO_MUCH, Rung.TERM)
            else:
                self._follow(self._adapter.line(line))

    def take(self, happened: Input) -> None:
        """Take an input. One that is out of date, or was taken before, changes nothing."""
        match happened:
            case SidecarStarted():
                self._emit(Hello(self._adapter.agent))
            case Received():
                self._received(happened)
            case ProcessStarted(run, command):
                if self.process.started(run, command):
                    self._follow(self._adapter.started())
            case ProcessExited():
                self._exited(happened)
            case Elapsed(timer):
                self._elapsed(timer)
            case Saved():
                self._saved(happened)
            case Terminating(gone):
                self._terminating(gone=gone)
            case _:
                assert_never(happened)

    def _received(self, message: Received) -> None:
        if message.id in self._seen:
            return
        self._seen.add(message.id)
        self.last_message = message.id
        if self.over:
            return
        match message.kind:
            case MessageKind.PROMPT:
                self._prompted(message)
            case MessageKind.STOP:
                self._stop(_STOP, LADDER)
            case MessageKind.FINISH:
                self.phase, self.job = Phase.OVER, None
                self.timers.clear()
            case _:
                assert_never(message.kind)

    def _prompted(self, message: Received) -> None:
        if not message.text.strip():
            return
        if self.phase is Phase.IDLE:
            self._begin([message])
        elif self.phase is Phase.WORKING and self._asked:
            self._answer(message)
        elif self.phase in (Phase.WORKING, Phase.SAVING):
            self._queue.append(message)

    def _begin(self, messages: list[Received]) -> None:
        """Start a turn with everything that was said; several prompts become one."""
        self.phase, self._ended, self._reported = Phase.WORKING, None, False
        for message in messages:
            self._emit(TurnStarted(message.id))
        self._delivered = messages[-1].id
        self._follow(self._adapter.prompt("\n\n".join(one.text for one in messages)))

    def _answer(self, message: Received) -> None:
        self._asked = False
        self._emit(Answered(message.id))
        self._delivered = message.id
        outputs, left = self._adapter.answer(message.text)
        if left:
            self._queue.append(dataclasses.replace(message, text=left))
        self._follow(outputs)

    def _follow(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case Thought() | ToolFinished() | PlanChanged():
                    if self.phase is Phase.WORKING:
                        self._emit(output)
                case Send(line):
                    self.process.send(line)
                case Launch(prompt, has_input):
                    self.process.launch(prompt, has_input=has_input)
                case Question(question, options):
                    if self.phase is Phase.WORKING:
                        self._asked = True
                        self._emit(Asked(question, options))
                case Await(timer, seconds):
                    self._await(timer, seconds)
                case TurnEnded():
                    self._turn_ended(output)
                case _:
                    assert_never(output)

    def _emit(self, event: Event) -> None:
        if (shown := clean(event)) is not None:
            self._sequence += 1
            self.events.append(NumberedEvent(self._sequence, shown))

    def _await(self, name: str, seconds: float | None) -> None:
        self.timers.pop(name, None)
        if seconds is not None:
            self._counter += 1
            self.timers[name] = Timer(self._counter, seconds)

    def _elapsed(self, number: int) -> None:
        name = next((name for name, one in self.timers.items() if one.number == number), None)
        if name is None:
            return
        del self.timers[name]
        if name == _LADDER:
            self._climb()
        else:
            self._follow(self._adapter.elapsed(name))

    def _turn_ended(self, ended: TurnEnded) -> None:
        self._asked = False
        if self.phase is Phase.ENDING:
            if self._rung is Rung.CANCEL:
                self._climb()
        elif self.phase is Phase.WORKING:
            self._ended = ended
            if self._queue:
                self._go_on()
            else:
                self._save(ended)

    def _go_on(self) -> None:
        """Begin the next turn; the last text of the one before is no end but a thought."""
        if self._ended is not None:
            self._emit(Thought(self._ended.text))
        queue, self._queue = self._queue, []
        self._begin(queue)

    def _save(self, ended: TurnEnded) -> None:
        first = next((one for one in ended.text.splitlines() if one.strip()), "")
        good = ended.outcome is Outcome.COMPLETED
        subject = one_line(first.strip("#*` "), _MAX_SUBJECT) if good else ""
        self.phase = Phase.SAVING
        self._new_job(subject or _SAVE_SUBJECT)

    def _new_job(self, subject: str) -> None:
        self._counter += 1
        self.job = Job(self._counter, subject)

    def _saved(self, saved: Saved) -> None:
        if self.job is None or saved.job != self.job.number or self._ended is None:
            return
        self.job = None
        if self.phase is Phase.SAVING and self._queue and not self._leaving:
            self._go_on()
            return
        self.phase = Phase.STOPPED if self.phase is Phase.ENDING else Phase.IDLE
        self._report(self._ended, saved)

    def _report(self, ended: TurnEnded, saved: Saved) -> None:
        outcome, reason, text = ended.outcome, ended.reason, ended.text
        if saved.reason:
            said = f"\n\nThe agent's last words:\n\n{text}" if text else ""
            if outcome is Outcome.COMPLETED:
                outcome, reason, text = Outcome.FAILED, saved.reason, saved.message + said
            else:
                text = f"{text}\n\n{saved.message}"
        self._reported = True
        self.exit_code = 0 if outcome is Outcome.COMPLETED else 1
        branch = self._workspace.branch if saved.head_sha else ""
        self._emit(
            Finished(outcome, reason, text, self._delivered, branch, saved.head_sha, saved.commits)
        )

    def _exited(self, exited: ProcessExited) -> None:
        if not self.process.exited(exited.run):
            return
        if (rest := self._cutter.rest()) is not None:
            self._follow(self._adapter.line(rest))
        ended = Exit(exited.code, self.process.command, exited.stderr)
        self._follow(self._adapter.exited(ended))
        if self.phase is Phase.ENDING:
            self._gone()

    def _stop(self, ended: TurnEnded, ladder: Rung) -> None:
        """End the agent, save its work, report; the first reason to do so is the one told."""
        if self.phase in (Phase.ENDING, Phase.STOPPED, Phase.OVER):
            return
        was_working = self.phase is Phase.WORKING
        self.phase, self._ended, self.job = Phase.ENDING, ended, None
        self._queue.clear()
        self._asked = False
        if self.process.withdraw_unstarted():
            self._step(ladder if was_working or ladder is not Rung.CANCEL else Rung.CLOSE)
        else:
            self._gone()

    def _step(self, rung: Rung | None) -> None:
        """Do what a rung of the ladder says, or go past it where it cannot be done."""
        while rung is not None:
            self._rung = rung
            if self._try(rung):
                self._await(_LADDER, rung.seconds)
                return
            rung = rung.next
        self._gone()

    def _try(self, rung: Rung) -> bool:
        if rung is Rung.CANCEL:
            asked = self._adapter.cancel()
            self._follow(asked)
            return bool(asked)
        if rung is Rung.CLOSE:
            self.process.send("")
            return self.process.has_input
        self.process.kill(rung.name)
        return True

    def _climb(self) -> None:
        if self.phase is Phase.ENDING and self._rung is not None:
            self._step(self._rung.next)

    def _gone(self) -> None:
        """Nothing of the agent is left, or nothing more can be done about it."""
        self.timers.clear()
        self._rung = None
        if self.job is None:
            self._new_job(_SAVE_SUBJECT)

    def _terminating(self, *, gone: bool) -> None:
        self._leaving = True
        if gone:
            # Its container may have ended without a word: killed as a whole.
            self.process.is_wanted = False
        if self.phase is Phase.ENDING:
            if gone:
                self._gone()
        elif self.phase is not Phase.SAVING and not self._reported:
            self._stop(_TAKEN, Rung.TERM)
