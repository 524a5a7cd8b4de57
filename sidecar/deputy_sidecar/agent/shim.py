"""What the shim says of the agent's process, one line an event."""

import dataclasses
from typing import TypeAlias, assert_never

_MAX_COMMAND = 200


@dataclasses.dataclass(frozen=True, slots=True)
class ShimReady:
    """The shim takes orders."""


@dataclasses.dataclass(frozen=True, slots=True)
class RunStarted:
    """The agent's process of a run is there."""

    run: int
    command: str


@dataclasses.dataclass(frozen=True, slots=True)
class LineFed:
    """Everything up to this line's number has reached the agent's stdin."""

    number: int


@dataclasses.dataclass(frozen=True, slots=True)
class RunExited:
    """The agent's process of a run ended."""

    run: int
    code: int


@dataclasses.dataclass(frozen=True, slots=True)
class ShimTerminating:
    """The agent's container was asked to end."""


ShimEvent: TypeAlias = ShimReady | RunStarted | LineFed | RunExited | ShimTerminating


def parse(line: bytes) -> ShimEvent:
    """Read one line; raise `ValueError` for what the shim does not say: the agent writes, too."""
    match line.decode(errors="replace").split():
        case ["ready"]:
            return ShimReady()
        case ["started", run, *command]:
            return RunStarted(int(run), " ".join(command)[:_MAX_COMMAND])
        case ["fed", number]:
            return LineFed(int(number))
        case ["exited", run, code]:
            return RunExited(int(run), int(code))
        case ["terminating"]:
            return ShimTerminating()
        case words:
            raise ValueError(f"the shim does not say {words}")


@dataclasses.dataclass(slots=True)
class ShimState:
    """What is known of the agent's container; numbers only grow, whatever is said again."""

    is_ready: bool = False
    started: int = 0
    """The newest run that was started."""
    exited: int = 0
    """The newest run that ended."""
    fed: int = 0
    """The newest line that the agent was given."""

    @property
    def is_running(self) -> bool:
        """Whether the newest run has not ended."""
        return self.started > self.exited

    def observe(self, event: ShimEvent) -> None:
        """Take note of an event."""
        match event:
            case ShimReady():
                self.is_ready = True
            case RunStarted(run):
                self.started = max(self.started, run)
            case LineFed(number):
                self.fed = max(self.fed, number)
            case RunExited(run):
                self.exited = max(self.exited, run)
            case ShimTerminating():
                pass
            case _:
                assert_never(event)
