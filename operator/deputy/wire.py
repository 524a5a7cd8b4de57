"""What sidecar and relay say to each other.

Standard library only, because the sidecar imports this module and must stay light.

The sidecar sends `Event`s, numbered from 1 without gaps, in batches (`POST /v1/events`); the
relay acknowledges the highest number below which everything is safe. It polls for `Message`s
(`GET /v1/inbox?after=<id>&wait=<seconds>`) and asks for a `GitToken` when it needs one
(`POST /v1/tokens/git`). Readers ignore fields they do not know, so that the two sides may be
upgraded one after the other.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import typing
import uuid
from typing import Any, ClassVar, TypeAlias

#: Audience of the projected service-account token with which a workspace calls the relay.
RELAY_AUDIENCE = "deputy-relay"

#: Longest text that one event carries, in characters; longer texts are cut by the sidecar.
MAX_TEXT = 16_000

#: Most events in one batch.
MAX_BATCH = 50

#: Most seconds that an inbox poll may wait.
MAX_WAIT = 30


def stable_id(scope: str, key: str) -> str:
    """Return the UUID, in version 4 shape, that belongs to `key` within `scope`.

    The same arguments give the same id for ever, so a create that is repeated with it is
    recognised by Linear («conflict on insert») whoever repeats it.
    """
    digest = bytearray(hashlib.sha256(f"{scope}/{key}".encode()).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x40
    digest[8] = (digest[8] & 0x3F) | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


class StepStatus(enum.StrEnum):
    """How far a step of a plan is; Linear's own words."""

    PENDING = "pending"
    IN_PROGRESS = "inProgress"
    COMPLETED = "completed"
    CANCELED = "canceled"


class Outcome(enum.StrEnum):
    """How the agent's work ended, as far as the sidecar can tell."""

    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPED = "Stopped"


class MessageKind(enum.StrEnum):
    """What the operator wants of a sidecar."""

    PROMPT = "Prompt"
    """Text for the agent: the task itself, a follow-up, or the answer to a question."""
    STOP = "Stop"
    """Cancel the agent, save what is uncommitted, report `Finished`."""
    FINISH = "Finish"
    """How the run ends is decided: save what is not saved, then let the agent's container end."""


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan."""

    content: str
    status: StepStatus


@dataclasses.dataclass(frozen=True, slots=True)
class Hello:
    """The sidecar is up and the workspace is prepared; sent once per sidecar start."""

    kind: ClassVar[str] = "hello"
    agent: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class TurnStarted:
    """The agent was given the message `message_id`; its first byte of input is written."""

    kind: ClassVar[str] = "turnStarted"
    message_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class Thought:
    """Words of the agent that more words or work followed."""

    kind: ClassVar[str] = "thought"
    body: str
    ephemeral: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class ToolFinished:
    """One tool call that ended; `parameter` is a noun: a path, a command, an address."""

    kind: ClassVar[str] = "tool"
    action: str
    parameter: str
    result: str = ""
    ephemeral: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class PlanChanged:
    """The agent's own plan, whole; it replaces the one before."""

    kind: ClassVar[str] = "plan"
    steps: tuple[Step, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """The agent waits for a person; the next prompt is the answer."""

    kind: ClassVar[str] = "ask"
    question: str
    options: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Answered:
    """The agent has its answer and works again."""

    kind: ClassVar[str] = "answered"
    message_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class Finished:
    """The agent's work is over, unless a prompt newer than `delivered_through` is waiting.

    `text` is the agent's last word or, for a failure, what went wrong and what to do.
    `head_sha` is what the sidecar pushed to `branch`; empty where nothing was pushed.
    """

    kind: ClassVar[str] = "finished"
    outcome: Outcome
    reason: str
    text: str
    delivered_through: str = ""
    branch: str = ""
    head_sha: str = ""
    commits: int = 0


Event: TypeAlias = (
    Hello | TurnStarted | Thought | ToolFinished | PlanChanged | Asked | Answered | Finished
)

_KINDS: dict[str, type[Event]] = {event.kind: event for event in typing.get_args(Event)}


@dataclasses.dataclass(frozen=True, slots=True)
class NumberedEvent:
    """An event and its place in the run's attempt; ids of activities derive from it."""

    seq: int
    event: Event


@dataclasses.dataclass(frozen=True, slots=True)
class EventsAnswer:
    """What became of a batch.

    Everything up to `acked` is safe and must not be sent again. `refused` says why the events
    of these numbers (all of them at most `acked`) were not shown to anybody; a retry is futile.
    """

    acked: int
    refused: dict[int, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """One message for the sidecar; ids are unique within a run and their order is fixed."""

    id: str
    kind: MessageKind
    text: str = ""
    sender: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class GitToken:
    """A credential for the run's one repository."""

    username: str
    password: str
    expires_seconds: int


@dataclasses.dataclass(frozen=True, slots=True)
class Workspace:
    """What a workspace's own containers must know; the operator puts it into their environment.

    It travels as JSON in `DEPUTY_WORKSPACE`. It holds no secret. `repository_url` is empty
    where nothing is cloned; `base_branch` is empty for the remote's HEAD.
    """

    run_name: str
    run_uid: str
    attempt: int
    protocol: str
    profile: str
    relay_url: str
    relay_ca: str
    repository_url: str = ""
    base_branch: str = ""
    branch: str = ""
    author_name: str = "deputy[bot]"
    author_email: str = "deputy[bot]@users.noreply.deputy.dev"


def to_json(message: Any) -> dict[str, Any]:
    """Return the JSON object of any dataclass of this module; events carry their `kind`."""
    if isinstance(message, NumberedEvent):
        return {"seq": message.seq, "event": to_json(message.event)}
    body: dict[str, Any] = dataclasses.asdict(message)
    if kind := getattr(type(message), "kind", None):
        return {"kind": kind, **body} if isinstance(kind, str) else body
    return body


def event_from_json(body: dict[str, Any]) -> Event:
    """Read an event; raise `ValueError` for a kind or a shape that is not one."""
    kind = _KINDS.get(str(body.get("kind")))
    if kind is None:
        raise ValueError(f"unknown kind of event: {body.get('kind')!r}")
    return from_json(kind, body)


_T = typing.TypeVar("_T")


def from_json(shape: type[_T], body: dict[str, Any]) -> _T:
    """Read a dataclass of this module from its JSON object; raise `ValueError` where it is off."""
    if shape is NumberedEvent:
        numbered = NumberedEvent(int(body["seq"]), event_from_json(body["event"]))
        return typing.cast("_T", numbered)
    hints = typing.get_type_hints(shape)
    fields = dataclasses.fields(shape)  # type: ignore[arg-type]
    try:
        return shape(
            **{f.name: _value(hints[f.name], body[f.name]) for f in fields if f.name in body}
        )
    except (TypeError, KeyError) as error:
        raise ValueError(f"not a {shape.__name__}: {error}") from error


def _value(hint: Any, value: Any) -> Any:
    """Return `value` as the type that `hint` names."""
    origin = typing.get_origin(hint)
    if origin is tuple:
        return tuple(_value(typing.get_args(hint)[0], item) for item in _list(value))
    if origin is dict:
        key_type, value_type = typing.get_args(hint)
        return {key_type(k): _value(value_type, v) for k, v in value.items()}
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return from_json(hint, value)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise TypeError(f"{value!r} is not of type {hint.__name__}")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{value!r} is not a list")
    return list(value)


def workspace_from_environment(text: str) -> Workspace:
    """Read `DEPUTY_WORKSPACE`; raise `ValueError` where it is no workspace."""
    return from_json(Workspace, json.loads(text))
