"""The life of one agent as a fold: inputs and the agent's bytes in, numbered events out.

Pure by rule: no clock, no I/O, no randomness. The same inputs at the same places among the same
bytes give the same events under the same numbers, however the bytes were cut into pieces; a
sidecar that was killed therefore repeats nothing and loses nothing.

What the world has to do is not an effect but a desired state, which stands until it is reached:
that of `process`, and `timers`, `job`, `is_over`. The sidecar brings the world up to it, again
after a restart, and the other side knows repetitions by their numbers.
"""

import dataclasses
import enum
from typing import assert_never

from deputy.wire import (
    Answered,
    Asked,
    Event,
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
    Output,
    ProcessExit,
    Question,
    SendLine,
    SetTimer,
    StartProcess,
    TurnEnded,
)
from deputy_sidecar.agent.frames import MAX_OUTPUT, LineSplitter
from deputy_sidecar.agent.process import AgentProcess
from deputy_sidecar.agent.report import (
    SAVE_SUBJECT,
    STOPPED,
    TOO_MUCH_OUTPUT,
    WORKSPACE_ENDED,
    finished_event,
    subject_of,
)
from deputy_sidecar.agent.termination import FIRST_STEP, TerminationStep
from deputy_sidecar.desired import SaveJob, Timer
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
from deputy_sidecar.sanitising import sanitise


class ConversationPhase(enum.Enum):
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


_TERMINATION = "termination"


class Conversation:
    """Everything that one attempt of a run has come to."""

    def __init__(self, workspace: Workspace, adapter: Adapter) -> None:
        self.phase = ConversationPhase.IDLE
        self.consumed = 0
        """How many of the agent's bytes were taken."""
        self.events: list[NumberedEvent] = []
        """Events that nobody has fetched yet."""
        self.last_message_id = ""
        self.process = AgentProcess()
        self.timers: dict[str, Timer] = {}
        self.job: SaveJob | None = None
        self.exit_code = 0
        self._workspace = workspace
        self._adapter = adapter
        self._splitter = LineSplitter()
        self._bytes_in_lines = 0
        self._last_event = 0
        self._last_number = 0
        self._message_ids: set[str] = set()
        self._queue: list[Received] = []
        self._delivered_through = ""
        self._is_asking = False
        self._ended: TurnEnded | None = None
        self._step: TerminationStep | None = None
        self._is_reported = False
        self._is_finished = False
        self._pod_is_ending = False

    @property
    def is_over(self) -> bool:
        """Whether the agent's container may end."""
        return self.phase is ConversationPhase.OVER

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing left to do for a workspace that is taken away."""
        return self.job is None and self.phase not in (
            ConversationPhase.WORKING,
            ConversationPhase.SAVING,
            ConversationPhase.ENDING,
        )

    def fetch(self) -> list[NumberedEvent]:
        """Hand over the events since the last call."""
        events, self.events = self.events, []
        return events

    def read(self, data: bytes) -> None:
        """Take bytes that the agent wrote to its stdout."""
        self.consumed += len(data)
        for line in self._splitter.split(data):
            self._bytes_in_lines += len(line) + 1
            if self._bytes_in_lines > MAX_OUTPUT:
                self._stop(TOO_MUCH_OUTPUT, TerminationStep.TERM)
            else:
                self._follow(self._adapter.line(line))

    def take(self, item: Input) -> None:
        """Take an input. One that is out of date, or was taken before, changes nothing."""
        match item:
            case SidecarStarted():
                self._emit(Hello(self._adapter.agent))
            case Received():
                self._received(item)
            case ProcessStarted(run, command):
                if self.process.started(run, command):
                    self._follow(self._adapter.started())
            case ProcessExited():
                self._exited(item)
            case Elapsed(timer):
                self._elapsed(timer)
            case Saved():
                self._saved(item)
            case Terminating(gone):
                self._terminating(gone=gone)
            case _:
                assert_never(item)

    def _received(self, message: Received) -> None:
        if message.id in self._message_ids:
            return
        self._message_ids.add(message.id)
        self.last_message_id = message.id
        if self.is_over:
            return
        match message.kind:
            case MessageKind.PROMPT:
                self._prompted(message)
            case MessageKind.STOP:
                self._stop(STOPPED, FIRST_STEP)
            case MessageKind.FINISH:
                self._finish()
            case _:
                assert_never(message.kind)

    def _finish(self) -> None:
        """Want nothing more of the agent; what it has done is saved first, whoever says so."""
        self._is_finished = True
        self._queue.clear()
        if self.phase is ConversationPhase.WORKING:
            self._stop(STOPPED, FIRST_STEP)
        self._end_if_settled()

    def _end_if_settled(self) -> None:
        if self._is_finished and self.is_settled:
            self.phase = ConversationPhase.OVER
            self.timers.clear()

    def _prompted(self, message: Received) -> None:
        if not message.text.strip() or self._is_finished:
            return
        if self.phase is ConversationPhase.IDLE:
            self._begin([message])
        elif self.phase is ConversationPhase.WORKING and self._is_asking:
            self._answer(message)
        elif self.phase in (ConversationPhase.WORKING, ConversationPhase.SAVING):
            self._queue.append(message)

    def _begin(self, messages: list[Received]) -> None:
        """Start a turn with everything that was said; several prompts become one."""
        self.phase, self._ended, self._is_reported = ConversationPhase.WORKING, None, False
        for message in messages:
            self._emit(TurnStarted(message.id))
        self._delivered_through = messages[-1].id
        self._follow(self._adapter.prompt("\n\n".join(message.text for message in messages)))

    def _answer(self, message: Received) -> None:
        self._is_asking = False
        self._emit(Answered(message.id))
        self._delivered_through = message.id
        outputs, left = self._adapter.answer(message.text)
        if left:
            self._queue.append(dataclasses.replace(message, text=left))
        self._follow(outputs)

    def _follow(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case Thought() | ToolFinished() | PlanChanged():
                    if self.phase is ConversationPhase.WORKING:
                        self._emit(output)
                case SendLine(line):
                    self.process.send(line)
                case StartProcess(prompt, has_input):
                    self.process.start(prompt, has_input=has_input)
                case Question(question, options):
                    if self.phase is ConversationPhase.WORKING:
                        self._is_asking = True
                        self._emit(Asked(question, options))
                case SetTimer(timer, seconds):
                    self._set_timer(timer, seconds)
                case TurnEnded():
                    self._turn_ended(output)
                case _:
                    assert_never(output)

    def _emit(self, event: Event) -> None:
        if (sanitised := sanitise(event)) is not None:
            self._last_event += 1
            self.events.append(NumberedEvent(self._last_event, sanitised))

    def _set_timer(self, name: str, seconds: float | None) -> None:
        self.timers.pop(name, None)
        if seconds is not None:
            self._last_number += 1
            self.timers[name] = Timer(self._last_number, seconds)

    def _elapsed(self, number: int) -> None:
        name = next((name for name, timer in self.timers.items() if timer.number == number), None)
        if name is None:
            return
        del self.timers[name]
        if name == _TERMINATION:
            self._next_step()
        else:
            self._follow(self._adapter.elapsed(name))

    def _turn_ended(self, ended: TurnEnded) -> None:
        self._is_asking = False
        if self.phase is ConversationPhase.ENDING:
            if self._step is TerminationStep.CANCEL:
                self._next_step()
        elif self.phase is ConversationPhase.WORKING:
            self._ended = ended
            if self._queue:
                self._go_on()
            else:
                self.phase = ConversationPhase.SAVING
                self._save(subject_of(ended))

    def _go_on(self) -> None:
        """Begin the next turn; the last text of the one before is no end but a thought."""
        if self._ended is not None:
            self._emit(Thought(self._ended.text))
        queue, self._queue = self._queue, []
        self._begin(queue)

    def _save(self, subject: str) -> None:
        self._last_number += 1
        self.job = SaveJob(self._last_number, subject)

    def _saved(self, saved: Saved) -> None:
        if self.job is None or saved.job != self.job.number or self._ended is None:
            return
        self.job = None
        if self.phase is ConversationPhase.SAVING and self._queue and not self._pod_is_ending:
            self._go_on()
            return
        was_stopped = self.phase is ConversationPhase.ENDING
        self.phase = ConversationPhase.STOPPED if was_stopped else ConversationPhase.IDLE
        self._report(self._ended, saved)
        self._end_if_settled()

    def _report(self, ended: TurnEnded, saved: Saved) -> None:
        event = finished_event(ended, saved, self._delivered_through, self._workspace.branch)
        self._is_reported = True
        self.exit_code = 0 if event.outcome is Outcome.COMPLETED else 1
        self._emit(event)

    def _exited(self, exited: ProcessExited) -> None:
        if not self.process.exited(exited.run):
            return
        if (rest := self._splitter.rest()) is not None:
            self._follow(self._adapter.line(rest))
        exit_ = ProcessExit(exited.code, self.process.command, exited.stderr)
        self._follow(self._adapter.exited(exit_))
        if self.phase is ConversationPhase.ENDING:
            self._agent_gone()

    def _stop(self, ended: TurnEnded, step: TerminationStep) -> None:
        """End the agent, save its work, report; the first reason to do so is the one told."""
        if self.phase in (
            ConversationPhase.ENDING,
            ConversationPhase.STOPPED,
            ConversationPhase.OVER,
        ):
            return
        was_working = self.phase is ConversationPhase.WORKING
        self.phase, self._ended, self.job = ConversationPhase.ENDING, ended, None
        self._queue.clear()
        self._is_asking = False
        if not self.process.withdraw_unstarted():
            self._agent_gone()
        elif step is TerminationStep.CANCEL and not was_working:
            self._terminate(TerminationStep.CLOSE_STDIN)
        else:
            self._terminate(step)

    def _terminate(self, step: TerminationStep | None) -> None:
        """Take a step of the termination, or go past it where it cannot be taken."""
        while step is not None:
            self._step = step
            if self._try(step):
                self._set_timer(_TERMINATION, step.seconds)
                return
            step = step.next
        self._agent_gone()

    def _try(self, step: TerminationStep) -> bool:
        if step is TerminationStep.CANCEL:
            outputs = self._adapter.cancel()
            self._follow(outputs)
            return bool(outputs)
        if step is TerminationStep.CLOSE_STDIN:
            self.process.send("")
            return self.process.has_input
        self.process.kill(step.name)
        return True

    def _next_step(self) -> None:
        if self.phase is ConversationPhase.ENDING and self._step is not None:
            self._terminate(self._step.next)

    def _agent_gone(self) -> None:
        """Nothing of the agent is left, or nothing more can be done about it."""
        self.timers.clear()
        self._step = None
        if self.job is None:
            self._save(SAVE_SUBJECT)

    def _terminating(self, *, gone: bool) -> None:
        self._pod_is_ending = True
        if gone:
            # Its container may have ended without a word: killed as a whole.
            self.process.is_wanted = False
        if self.phase is ConversationPhase.ENDING:
            if gone:
                self._agent_gone()
        elif self.phase is not ConversationPhase.SAVING and not self._is_reported:
            self._stop(WORKSPACE_ENDED, TerminationStep.TERM)
