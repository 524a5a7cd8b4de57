"""Claim an issue: look, decide, write, and look again where the world was faster.

Every write is one atomic step on the API server, so any number of replicas may do this at once.
"""

import asyncio
import enum
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from deputy.api.agentrun import InboxEntry
from deputy.core.claim import (
    AlreadyKnown,
    Append,
    Attach,
    Create,
    CreateStopped,
    Ending,
    Full,
    NothingLive,
    NothingToStop,
    PromptDecision,
    RunFacts,
    SessionDecision,
    Stop,
    StopDecision,
    WithdrawalDecision,
)
from deputy.core.routing import Refusal
from deputy.webhook.copies import NoTurns, Turns
from deputy.webhook.runs import NewRun, Runs

#: Looks at a run that changes under our hands before we ask for the event to be sent again.
_LOOKS = 40
#: Looks at a run that is ending: about three seconds, within the five that Linear waits.
_LOOKS_AT_AN_END = 12
_PAUSE_AT_AN_END = 0.25

Decision: TypeAlias = SessionDecision | PromptDecision | StopDecision | WithdrawalDecision
Decide: TypeAlias = Callable[[Sequence[RunFacts], Collection[int]], Decision]


class Unsettled(Exception):
    """The run changed too often, or takes too long to end: the event has to come again."""

    def __init__(self, issue: str, ending: RunFacts | None = None) -> None:
        why = f"run {ending.name} is still ending" if ending else "they change too often"
        super().__init__(f"the runs of issue {issue} do not settle: {why}")
        self.ending = ending


class Outcome(enum.StrEnum):
    """What became of an event."""

    CREATED = "created"
    CREATED_STOPPED = "created_stopped"
    JOINED = "joined"
    APPENDED = "appended"
    STOPPED = "stopped"
    KNOWN = "known"
    NOTHING_TO_STOP = "nothing_to_stop"
    NOTHING_LIVE = "nothing_live"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Settled:
    """An event that is safe on the API server, and the run that has it, where one does."""

    outcome: Outcome
    run: RunFacts | None


class Wish(Protocol):
    """What an event wants."""

    @property
    def issue(self) -> str:
        """Hash of the issue."""

    def decide(self, runs: Sequence[RunFacts], taken: Collection[int]) -> Decision:
        """Decide what the event becomes."""

    def entry(self, run: RunFacts) -> InboxEntry | None:
        """Return what to add to the inbox of a live run."""

    async def new_run(self, number: int, *, stopped: bool) -> NewRun | Refusal:
        """Return the run to create, or why there shall be none."""

    async def refusal(self) -> Refusal | None:
        """Return why a live run shall not hear of this."""


class Claims:
    """Settles wishes; safe to use from many tasks and processes at once."""

    def __init__(
        self,
        runs: Runs,
        turns: Turns | NoTurns,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._runs = runs
        self._turns = turns
        self._pause = pause

    async def settle(self, wish: Wish) -> Settled | Refusal:
        """Carry a wish out; once this returns it is on the API server, exactly once.

        Raises `KubeError` where the API server cannot do it and `Unsettled` where it has to be
        tried later; trying again is always safe.
        """
        taken: set[int] = set()
        endings = 0
        for look in range(_LOOKS):
            async with self._turns.of(wish.issue):
                decision = wish.decide(await self._runs.of_issue(wish.issue), taken)
                settled = await self._carry_out(wish, decision, taken)
            if settled is not None:
                return settled
            if isinstance(decision, Ending):
                endings += 1
                if endings > _LOOKS_AT_AN_END:
                    raise Unsettled(wish.issue, decision.run)
                await self._pause(_PAUSE_AT_AN_END)
            else:
                await self._pause(random.uniform(0, 0.002 * (look + 1)))  # noqa: S311  jitter
        raise Unsettled(wish.issue)

    async def _carry_out(
        self, wish: Wish, decision: Decision, taken: set[int]
    ) -> Settled | Refusal | None:
        """Write what was decided; None where it has to be decided again."""
        match decision:
            case Create(number):
                return await self._create(wish, number, taken, stopped=False)
            case CreateStopped(number):
                return await self._create(wish, number, taken, stopped=True)
            case Attach(run):
                return await wish.refusal() or await self._add(wish, run, Outcome.JOINED)
            case Append(run):
                return await self._add(wish, run, Outcome.APPENDED)
            case Stop(run):
                return await self._add(wish, run, Outcome.STOPPED)
            case _:
                return _nothing_to_write(decision)

    async def _add(self, wish: Wish, run: RunFacts, outcome: Outcome) -> Settled | None:
        stop = outcome is Outcome.STOPPED
        done = await self._runs.add(run, wish.entry(run), stop=stop)
        return Settled(outcome, run) if done else None

    async def _create(
        self, wish: Wish, number: int, taken: set[int], *, stopped: bool
    ) -> Settled | Refusal | None:
        run = await wish.new_run(number, stopped=stopped)
        if isinstance(run, Refusal):
            return run
        created = await self._runs.create(run)
        if created is not None:
            return Settled(Outcome.CREATED_STOPPED if stopped else Outcome.CREATED, created)
        if not await self._runs.holds(run, wish.issue):
            taken.add(number)
        return None


def _nothing_to_write(
    decision: AlreadyKnown | NothingToStop | NothingLive | Full | Ending,
) -> Settled | None:
    match decision:
        case AlreadyKnown(run):
            return Settled(Outcome.KNOWN, run)
        case NothingToStop(run):
            return Settled(Outcome.NOTHING_TO_STOP, run)
        case NothingLive():
            return Settled(Outcome.NOTHING_LIVE, None)
        case Full(run):
            return Settled(Outcome.FULL, run)
        case Ending():
            return None
