"""Decide which run an event belongs to: one live run per issue, whatever arrives how often.

Pure by rule: the shell lists the runs of an issue, decides here, carries the decision out with
one atomic write, and where that write finds the world changed it lists and decides again.
"""

import dataclasses
import datetime as dt
from collections.abc import Collection, Sequence
from typing import TypeAlias

from deputy.core.claim_facts import MAX_ENTRIES, RunFacts


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
class Note:
    """Nothing is live: note on a run that is over that its issue was withdrawn."""

    run: RunFacts


@dataclasses.dataclass(frozen=True, slots=True)
class Overtaken:
    """What was said was overtaken by a stop that came after it: it begins nothing."""

    run: RunFacts


@dataclasses.dataclass(frozen=True, slots=True)
class Outdated:
    """A stop of something that is over: the live run began after it, and goes on."""

    run: RunFacts


@dataclasses.dataclass(frozen=True, slots=True)
class Full:
    """The live run's inbox takes no more."""

    run: RunFacts


SessionDecision: TypeAlias = Create | Attach | AlreadyKnown | Overtaken | Full
PromptDecision: TypeAlias = Create | Append | AlreadyKnown | Overtaken | Full
StopDecision: TypeAlias = Stop | CreateStopped | AlreadyKnown | NothingToStop | Outdated
WithdrawalDecision: TypeAlias = Stop | Note | CreateStopped | NothingLive


def decide_session(
    session_id: str,
    runs: Sequence[RunFacts],
    taken: Collection[int] = (),
    *,
    has_text: bool = False,
    sent: dt.datetime | None = None,
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
    decision = _taker(runs, taken, sent)
    return Attach(decision) if isinstance(decision, RunFacts) else decision


def decide_prompt(
    activity_id: str,
    runs: Sequence[RunFacts],
    taken: Collection[int] = (),
    sent: dt.datetime | None = None,
) -> PromptDecision:
    """Decide what becomes of a prompt; a prompt that any run has taken is never taken twice."""
    for run in runs:
        if activity_id in run.messages:
            return AlreadyKnown(run)
    decision = _taker(runs, taken, sent)
    return Append(decision) if isinstance(decision, RunFacts) else decision


def decide_stop(
    session_id: str,
    activity_id: str,
    runs: Sequence[RunFacts],
    taken: Collection[int] = (),
    sent: dt.datetime | None = None,
) -> StopDecision:
    """Decide what a stop stops.

    All sessions of an issue share its live run, so each of them may stop it. A stop in a session
    that nobody has heard of is kept as a stopped run: whatever it overtook finds that run. What
    was begun after the stop was meant by nobody who stopped.
    """
    for run in runs:
        if activity_id in run.messages:
            return AlreadyKnown(run)
    live = [run for run in runs if not run.finished]
    meant = newest_of([run for run in live if not _is_after(run.begun, sent)])
    if meant is not None and not meant.concluded:
        return Stop(meant)
    if meant is not None and session_id in meant.sessions:
        return AlreadyKnown(meant)
    for run in runs:
        if session_id in run.sessions:
            return NothingToStop(run) if not live else Outdated(run)
    return CreateStopped(next_number(runs, taken))


def decide_withdrawal(
    runs: Sequence[RunFacts],
    former_delegate: str | None = None,
    sent: dt.datetime | None = None,
    taken: Collection[int] = (),
    *,
    ours: bool = False,
) -> WithdrawalDecision:
    """Decide what happens when an issue is canceled, removed or taken away from its delegate.

    `former_delegate` is whom it was taken away from; where that was not us it is not our business.
    `ours` says that it certainly was. A withdrawal may overtake the delegation that it takes back,
    so it is noted where nothing is live: what was said before it begins nothing any more.
    """
    newest = newest_of(runs)
    if newest is None:
        return CreateStopped(next_number(runs, taken)) if ours else NothingLive()
    if former_delegate is not None and former_delegate != newest.app_user_id:
        return NothingLive()
    if _is_after(newest.begun, sent) or newest.ending:
        return NothingLive()
    if not newest.finished:
        return Stop(newest)
    known = sent is None or not _is_after(sent, newest.stopped or newest.begun)
    return NothingLive() if known or newest.inbox_length >= MAX_ENTRIES else Note(newest)


def newest_of(runs: Sequence[RunFacts]) -> RunFacts | None:
    """Return the run that counts: one that is live, else one that ends, else the last one."""
    return max(
        runs,
        key=lambda run: (not run.finished and not run.ending, not run.finished, run.number),
        default=None,
    )


def unfinished(runs: Sequence[RunFacts]) -> list[RunFacts]:
    """Return the runs that have to end before the next one may start."""
    return [run for run in runs if not run.finished]


def next_number(runs: Sequence[RunFacts], taken: Collection[int] = ()) -> int:
    """Return the number of the run after all that there are."""
    return max((*(run.number for run in runs), *taken), default=0) + 1


def _taker(
    runs: Sequence[RunFacts], taken: Collection[int], sent: dt.datetime | None
) -> RunFacts | Create | Overtaken | Full:
    """Return the live run that takes what was said, else what to do instead.

    While a run ends the next one is created at once: it waits for the end, and so nobody has to
    say again what was said meanwhile.
    """
    newest = newest_of(runs)
    if newest is not None and not newest.finished and not newest.ending:
        return Full(newest) if newest.full else newest
    for run in runs:
        if sent is not None and _is_after(run.stopped, sent):
            return Overtaken(run)
    return Create(next_number(runs, taken))


def _is_after(one: dt.datetime | None, other: dt.datetime | None) -> bool:
    """Say whether one moment is after another, as far as both are known."""
    return one is not None and other is not None and one > other
