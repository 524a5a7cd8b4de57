"""What a conversation wishes of the world; each wish has a number and stands until fulfilled."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """A start of the agent's program."""

    number: int
    prompt: str
    has_input: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """A line for the stdin of a run; an empty text closes it."""

    number: int
    run: int
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Signal:
    """A signal for everything in the agent's container, as long as a run goes on."""

    number: int
    run: int
    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """Work to take out of the workspace and to push, and what to call what is uncommitted."""

    number: int
    subject: str


@dataclasses.dataclass(frozen=True, slots=True)
class Timer:
    """A time to wait for."""

    number: int
    seconds: float
