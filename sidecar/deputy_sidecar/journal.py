"""What happens to a run, one kind of input each, and how the journal keeps it.

Together with the bytes that the agent wrote the inputs are everything that events follow from.
Each is kept with the number of the agent's bytes that were taken before it.
"""

import dataclasses
import json
import typing
from typing import Any, TypeAlias

from deputy.wire import MessageKind


@dataclasses.dataclass(frozen=True, slots=True)
class SidecarStarted:
    """A sidecar process began."""


@dataclasses.dataclass(frozen=True, slots=True)
class Received:
    """The operator sent a message."""

    id: str
    kind: MessageKind
    text: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class ProcessStarted:
    """The shim started the agent's process of a run."""

    run: int
    command: str


@dataclasses.dataclass(frozen=True, slots=True)
class ProcessExited:
    """The agent's process of a run ended."""

    run: int
    code: int
    stderr: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Elapsed:
    """The time of a timer passed; one that was called off meanwhile changes nothing."""

    timer: int


@dataclasses.dataclass(frozen=True, slots=True)
class Saved:
    """The work was taken out of the workspace and pushed, or it was not."""

    job: int
    head_sha: str = ""
    commits: int = 0
    reason: str = ""
    """Why it failed; empty where it did not."""
    message: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Terminating:
    """The pod is being ended from outside; `gone` says that the agent's container is."""

    gone: bool


Input: TypeAlias = (
    SidecarStarted | Received | ProcessStarted | ProcessExited | Elapsed | Saved | Terminating
)

_KINDS: dict[str, type[Input]] = {kind.__name__: kind for kind in typing.get_args(Input)}


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """An input and where among the agent's bytes it came."""

    at: int
    input: Input


def encode(entry: Entry) -> bytes:
    """Return the journal's line for `entry`."""
    name = type(entry.input).__name__
    found = {"at": entry.at, "input": name, **dataclasses.asdict(entry.input)}
    return json.dumps(found, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Entry:
    """Read one line of the journal; raise `ValueError` where it is none."""
    found: dict[str, Any] = json.loads(line)
    at, shape = found.pop("at"), _KINDS[found.pop("input")]
    if shape is Received:
        found["kind"] = MessageKind(found["kind"])
    return Entry(at, shape(**found))
