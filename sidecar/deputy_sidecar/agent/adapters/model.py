"""What an adapter says: the one event model that all protocols are translated to."""

import dataclasses
from typing import Protocol, TypeAlias

from deputy.wire import Outcome, PlanChanged, Thought, ToolFinished

#: Where the agent works.
REPOSITORY = "/workspace/repo"


@dataclasses.dataclass(frozen=True, slots=True)
class StartProcess:
    """Start the agent's process; `has_input` says whether lines will be sent to it."""

    prompt: str
    has_input: bool


@dataclasses.dataclass(frozen=True, slots=True)
class SendLine:
    """Give the agent one line."""

    line: str


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """The agent waits for a person's answer."""

    question: str
    options: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class SetTimer:
    """Call `elapsed` after `seconds` (None: not any more); time reaches adapters no other way."""

    timer: str
    seconds: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class TurnEnded:
    """The agent is done with its prompt, one way or the other."""

    outcome: Outcome
    reason: str
    text: str


Output: TypeAlias = (
    StartProcess | SendLine | Question | SetTimer | TurnEnded | Thought | ToolFinished | PlanChanged
)


@dataclasses.dataclass(frozen=True, slots=True)
class ProcessExit:
    """How the agent's process ended; a signal's number comes as 128 more, as shells have it."""

    code: int
    command: str
    stderr: str


class Adapter(Protocol):
    """One protocol. Every call returns what follows from it, in order."""

    @property
    def agent(self) -> str:
        """The agent's own name; empty while it is not known."""

    def prompt(self, text: str) -> list[Output]:
        """Begin a turn. The caller never begins a second one before `TurnEnded`."""

    def started(self) -> list[Output]:
        """Tell that the process that `StartProcess` asked for is there."""

    def line(self, line: bytes) -> list[Output]:
        """Take one line of the agent's stdout, whatever it is."""

    def answer(self, text: str) -> tuple[list[Output], str]:
        """Answer the oldest question; the second value is text that was no answer to it."""

    def cancel(self) -> list[Output]:
        """Ask the agent to end its turn; empty where it cannot be asked."""

    def elapsed(self, timer: str) -> list[Output]:
        """Tell that the time asked for by `SetTimer` has passed."""

    def exited(self, exit_: ProcessExit) -> list[Output]:
        """Tell that the process ended; a turn that was going on ends with it."""
