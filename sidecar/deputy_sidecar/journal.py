"""What happens to a run, one kind of input each, and how the journal keeps it.

Together with the bytes that the agent wrote the inputs are everything that events follow from.
Each is kept with the number of the agent's bytes that were taken before it.
"""

import dataclasses
import json
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

#: What each kind is called on disk, whatever its class is called here.
_NAMES: dict[type[Input], str] = {
    SidecarStarted: "SidecarStarted",
    Received: "Received",
    ProcessStarted: "ProcessStarted",
    ProcessExited: "ProcessExited",
    Elapsed: "Elapsed",
    Saved: "Saved",
    Terminating: "Terminating",
}
_KINDS = {name: kind for kind, name in _NAMES.items()}


@dataclasses.dataclass(frozen=True, slots=True)
class JournalEntry:
    """An input and where among the agent's bytes it came."""

    at: int
    input: Input


def encode(entry: JournalEntry) -> bytes:
    """Return the journal's line for `entry`."""
    name = _NAMES[type(entry.input)]
    record = {"at": entry.at, "input": name, **dataclasses.asdict(entry.input)}
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> JournalEntry:
    """Read one line of the journal; raise `ValueError` where it is none."""
    record: dict[str, Any] = json.loads(line)
    at, kind = record.pop("at"), _KINDS[record.pop("input")]
    if kind is Received:
        record["kind"] = MessageKind(record["kind"])
    return JournalEntry(at, kind(**record))
