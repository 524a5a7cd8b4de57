"""What a conversation wants of the world; each piece has a number and stands until it is so."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class ProcessRun:
    """A start of the agent's program."""

    number: int
    prompt: str
    has_input: bool


@dataclasses.dataclass(frozen=True, slots=True)
class InputLine:
    """A line for the stdin of a run; an empty text closes it."""

    number: int
    run: int
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class ProcessSignal:
    """A signal for everything in the agent's container, as long as a run goes on."""

    number: int
    run: int
    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class SaveJob:
    """Work to take out of the workspace and to push, and what to call what is uncommitted."""

    number: int
    subject: str


@dataclasses.dataclass(frozen=True, slots=True)
class Timer:
    """A time to wait for."""

    number: int
    seconds: float
