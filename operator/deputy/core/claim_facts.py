"""What claiming must know of the runs of an issue."""

import dataclasses
import datetime as dt

from deputy.core.phase import TERMINAL, Phase

#: Prompts that may wait for one agent; what it was given counts no more.
MAX_MESSAGES = 95
#: Entries that the schema allows: the ids of what was taken are kept, so that it is taken once.
MAX_ENTRIES = 300
#: Entries that only stops may have.
_FOR_STOPS = 5
#: Bytes of stored text that one inbox takes: well below what etcd stores in one object.
MAX_BYTES = 600_000

#: What Go writes into JSON for characters that it escapes: it is JSON that etcd stores.
_ESCAPES = {chr(code): f"\\u{code:04x}" for code in (*range(32), *b"<>&", 0x2028, 0x2029)}
_AS_STORED = str.maketrans(
    _ESCAPES | {"\n": r"\n", "\r": r"\r", "\t": r"\t", '"': r"\"", "\\": r"\\"}
)


def stored_bytes(text: str) -> int:
    """Return how many bytes `text` takes where objects are stored."""
    return len(text.translate(_AS_STORED).encode())


@dataclasses.dataclass(frozen=True, slots=True)
class RunFacts:
    """What claiming must know of a run."""

    name: str
    number: int
    """Its place among the runs of its issue, from 1; 0 for one that was made by hand."""
    namespace: str
    uid: str
    phase: Phase | None = None
    """None while the operator has said nothing of it yet."""
    stopping: bool = False
    """Whether somebody wants it to end."""
    concluded: bool = False
    """Whether how it ends is recorded already: nobody reads what comes now."""
    sessions: frozenset[str] = frozenset()
    """Every session that the run knows: its own, and those of its inbox."""
    messages: frozenset[str] = frozenset()
    """Every message that the run has taken; a session's own id stands for its opening."""
    app_user_id: str = ""
    """The tracker's user that we are for this run."""
    begun: dt.datetime | None = None
    """When that happened which the run began with, by the tracker's clock."""
    stopped: dt.datetime | None = None
    """When somebody last stopped or withdrew it, by the tracker's clock."""
    inbox_length: int = 0
    inbox_waiting: int = 0
    """How many prompts the agent was not given yet, as far as the status tells."""
    inbox_bytes: int = 0
    """What inbox and task take where the run is stored."""
    as_seen: tuple[str, str | None] = ("/status", None)
    """What a write has to find unchanged: a place in the object, and what is there, if anything."""

    @property
    def finished(self) -> bool:
        """Whether the run is over."""
        return self.phase in TERMINAL

    @property
    def ending(self) -> bool:
        """Whether the run takes nothing more, though it is not over."""
        return not self.finished and (self.stopping or self.concluded)

    @property
    def full(self) -> bool:
        """Whether the inbox takes no more prompts."""
        return (
            self.inbox_waiting >= MAX_MESSAGES
            or self.inbox_length >= MAX_ENTRIES - _FOR_STOPS
            or self.inbox_bytes >= MAX_BYTES
        )
