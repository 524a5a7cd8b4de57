"""Decide which run an event belongs to: one live run per issue, whatever arrives how often.

Pure by rule: the shell lists the runs of an issue, decides here, carries the decision out with
one atomic write, and where that write finds the world changed it lists and decides again.
"""

import dataclasses
from collections.abc import Collection, Sequence
from typing import TypeAlias

from deputy.core.phase import TERMINAL, Phase

#: Prompts that one run's inbox takes; the schema allows a few more, so that a stop always fits.
MAX_MESSAGES = 95
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
    inbox_length: int = 0
    inbox_bytes: int = 0
    """What inbox and task take where the run is stored."""
    as_seen: tuple[str, str | None] = ("/status", None)
    """What a write has to find unchanged: a place in the object, and what is there, if anything."""

    @property
    def finished(self) -> bool:
        """Whether the run is over."""
        return self.phase in TERMINAL

    @property
    def full(self) -> bool:
        """Whether the inbox takes no more prompts."""
        return self.inbox_length >= MAX_MESSAGES or self.inbox_bytes >= MAX_BYTES


@dataclasses.dataclass(frozen=True, slots=True)
class Create:
    """Nobody works on the issue: create the run with this number."""

    number: int


@dataclasses.dataclass(frozen=True, slots=True)
class CreateStopped:
    """A stop overtook what it stops: create a stopped run, which holds the session's claim."""

    number: int


@dataclasses.dataclass(frozen=True, slots=True)
class Attach:
    """Add the session, and what was said in it, to a run that is live."""

    run: RunFacts


@dataclasses.dataclass(frozen=True, slots=True)
class Append:
    """Add the prompt to a run that is live."""

    run: RunFacts


@dataclasses.dataclass(frozen=True, slots=True)
class Stop:
    """Stop a run that is live."""

    run: RunFacts


@dataclasses.dataclass(frozen=True, slots=True)
class AlreadyKnown:
    """The event has been taken before: nothing is left to do."""

    run: RunFacts


@dataclasses.dataclass(frozen=True, slots=True)
class NothingToStop:
    """What the session wants stopped is over."""

    run: RunFacts


@dataclasses.dataclass(frozen=True, slots=True)
class NothingLive:
    """What was withdrawn is not being worked on."""


@dataclasses.dataclass(frozen=True, slots=True)
class StillEnding:
    """The live run is being stopped: look again when it is over."""

    run: RunFacts


@dataclasses.dataclass(frozen=True, slots=True)
class Full:
    """The live run's inbox takes no more."""

    run: RunFacts


SessionDecision: TypeAlias = Create | Attach | AlreadyKnown | StillEnding | Full
PromptDecision: TypeAlias = Create | Append | AlreadyKnown | StillEnding | Full
StopDecision: TypeAlias = Stop | CreateStopped | AlreadyKnown | NothingToStop | StillEnding
WithdrawalDecision: TypeAlias = Stop | NothingLive


def decide_session(
    session_id: str,
    runs: Sequence[RunFacts],
    taken: Collection[int] = (),
    *,
    has_text: bool = False,
) -> SessionDecision:
    """Decide what a new session becomes, given all runs of its issue.

    `taken` are numbers whose names somebody else's objects hold; `has_text` says whether the
    session was opened with something to tell the agent. An opening that any run has taken, live
    or over, is never taken twice. One that a later prompt has overtaken still brings its words,
    but whatever a stop has overtaken stays stopped.
    """
    for run in runs:
        if session_id in run.messages:
            return AlreadyKnown(run)
        if session_id in run.sessions and (run.stopping or not has_text):
            return AlreadyKnown(run)
    decision = _live_run(runs, taken)
    return decision if isinstance(decision, Create | StillEnding | Full) else Attach(decision)


def decide_prompt(
    activity_id: str, runs: Sequence[RunFacts], taken: Collection[int] = ()
) -> PromptDecision:
    """Decide what becomes of a prompt; a prompt that any run has taken is never taken twice."""
    for run in runs:
        if activity_id in run.messages:
            return AlreadyKnown(run)
    decision = _live_run(runs, taken)
    return decision if isinstance(decision, Create | StillEnding | Full) else Append(decision)


def decide_stop(
    session_id: str, activity_id: str, runs: Sequence[RunFacts], taken: Collection[int] = ()
) -> StopDecision:
    """Decide what a stop stops.

    All sessions of an issue share its live run, so each of them may stop it. A stop in a session
    that nobody has heard of is kept as a stopped run: whatever it overtook finds that run.
    """
    for run in runs:
        if activity_id in run.messages:
            return AlreadyKnown(run)
    newest = newest_of(runs)
    if newest is not None and not newest.finished:
        return _stop(session_id, newest)
    for run in runs:
        if session_id in run.sessions:
            return NothingToStop(run)
    return CreateStopped(next_number(runs, taken))


def decide_withdrawal(
    runs: Sequence[RunFacts], former_delegate: str | None = None
) -> WithdrawalDecision:
    """Decide what happens when an issue is canceled, removed or taken away from its delegate.

    `former_delegate` is whom it was taken away from; where that was not us it is not our business.
    """
    newest = newest_of(runs)
    if newest is None or newest.finished or newest.stopping or newest.concluded:
        return NothingLive()
    if former_delegate is not None and former_delegate != newest.app_user_id:
        return NothingLive()
    return Stop(newest)


def newest_of(runs: Sequence[RunFacts]) -> RunFacts | None:
    """Return the run that counts: a live one, else the one with the highest number."""
    return max(runs, key=lambda run: (not run.finished, run.number), default=None)


def next_number(runs: Sequence[RunFacts], taken: Collection[int] = ()) -> int:
    """Return the number of the run after all that there are."""
    return max((*(run.number for run in runs), *taken), default=0) + 1


def _stop(session_id: str, live: RunFacts) -> StopDecision:
    """Stop a live run, unless it ends anyway; then only a session of its own hears of that."""
    if not live.concluded:
        return Stop(live)
    return AlreadyKnown(live) if session_id in live.sessions else StillEnding(live)


def _live_run(
    runs: Sequence[RunFacts], taken: Collection[int]
) -> RunFacts | Create | StillEnding | Full:
    """Return the live run that takes more, else what to do instead."""
    newest = newest_of(runs)
    if newest is None or newest.finished:
        return Create(next_number(runs, taken))
    if newest.stopping or newest.concluded:
        return StillEnding(newest)
    return Full(newest) if newest.full else newest
