"""Claim an issue: look, decide, write, and look again where the world was faster.

Every write is one atomic step on the API server, so any number of replicas may do this at once.
"""

import asyncio
import contextlib
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
    Full,
    Note,
    NothingLive,
    NothingToStop,
    Outdated,
    Overtaken,
    PromptDecision,
    SessionDecision,
    Stop,
    StopDecision,
    WithdrawalDecision,
    unfinished,
)
from deputy.core.claim_facts import RunFacts
from deputy.core.routing import Refusal
from deputy.errors import DeputyError
from deputy.kube.errors import Unavailable
from deputy.webhook.runs import NewRun, Runs

#: Attempts at a run that changes meanwhile, before the event has to be sent again.
_MAX_ATTEMPTS = 40
#: Pauses while the API server does not answer: it has most of the five seconds that Linear waits.
_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6)

ClaimDecision: TypeAlias = SessionDecision | PromptDecision | StopDecision | WithdrawalDecision
_DecisionOnRuns: TypeAlias = (
    Attach
    | Append
    | Stop
    | Note
    | AlreadyKnown
    | NothingToStop
    | NothingLive
    | Full
    | Overtaken
    | Outdated
)


class ClaimUnsettled(DeputyError):
    """The run changed too often: the event has to come again."""

    def __init__(self, issue: str) -> None:
        super().__init__(f"the runs of issue {issue} do not settle: they change too often")


class ClaimResult(enum.StrEnum):
    """What became of an event."""

    CREATED = "created"
    CREATED_STOPPED = "created_stopped"
    JOINED = "joined"
    APPENDED = "appended"
    STOPPED = "stopped"
    KNOWN = "known"
    NOTHING_TO_STOP = "nothing_to_stop"
    NOTHING_LIVE = "nothing_live"
    NOTED = "noted"
    OVERTAKEN = "overtaken"
    BLANK = "blank"
    OUTDATED = "outdated"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Claimed:
    """An event that is safe on the API server, and the run that has it, where one does."""

    result: ClaimResult
    run: RunFacts | None
    after: str = ""
    """The run that has to end before the one that was created."""


class Command(Protocol):
    """What one event asks of the runs of its issue."""

    @property
    def issue_hash(self) -> str:
        """Hash of the issue."""

    @property
    def is_stop(self) -> bool:
        """Whether it ends what is live."""

    def decide(self, runs: Sequence[RunFacts], taken: Collection[int]) -> ClaimDecision:
        """Decide what the event becomes."""

    def entry(self, run: RunFacts) -> InboxEntry | None:
        """Return what to add to the inbox of a live run."""

    async def new_run(
        self, number: int, runs: Sequence[RunFacts], *, stopped: bool
    ) -> NewRun | Refusal:
        """Return the run to create after `runs`, or why there shall be none."""

    async def namespace(self) -> str | None:
        """Return the namespace of the Blueprint that takes the issue, None where none does."""

    async def refusal(self) -> Refusal | None:
        """Return why a live run shall not hear of this."""


class Locks(Protocol):
    """What lets the commands of one issue go one after the other."""

    def of(self, issue: str) -> contextlib.AbstractAsyncContextManager[None]:
        """Return the lock of the issue with this hash."""


class Claimer:
    """Carries commands out; safe to use from many tasks and processes at once."""

    def __init__(
        self,
        runs: Runs,
        locks: Locks,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._runs = runs
        self._locks = locks
        self._pause = pause

    async def carry_out(self, command: Command) -> Claimed | Refusal:
        """Carry a command out; once this returns it is on the API server, exactly once.

        Raises `KubeError` where the API server cannot do it and `ClaimUnsettled` where it has to be
        tried later; trying again is always safe.
        """
        taken: set[int] = set()
        pauses = iter(_PAUSES)
        for attempt in range(_MAX_ATTEMPTS):
            try:
                claimed = await self._attempt(command, taken)
            except Unavailable:
                pause = next(pauses, None)
                if pause is None:
                    raise
                await self._pause(pause)
                continue
            if claimed is not None:
                return claimed
            await self._pause(random.uniform(0, 0.002 * (attempt + 1)))  # noqa: S311  jitter
        raise ClaimUnsettled(command.issue_hash)

    async def _attempt(self, command: Command, taken: set[int]) -> Claimed | Refusal | None:
        """Look, decide and write once; None where it has to be decided again."""
        async with self._locks.of(command.issue_hash):
            runs = await self._runs.of_issue(command.issue_hash)
            honoured = await self._honoured(command, runs)
            decision = command.decide(honoured, taken | {run.number for run in runs})
            match decision:
                case Create(number):
                    return await self._create(command, number, runs, taken, stopped=False)
                case CreateStopped(number):
                    return await self._create(command, number, runs, taken, stopped=True)
                case _:
                    return await self._write(command, decision)

    async def _honoured(self, command: Command, runs: Sequence[RunFacts]) -> Sequence[RunFacts]:
        """Return the runs that may have the issue: anybody can write its hash on a run of his.

        Those are where the team's Blueprint is, and where we ourselves have just put one. Where
        no Blueprint takes the team any more, what lives goes on as it was begun.
        """
        namespace = await command.namespace() if runs else None
        if namespace is None:
            return runs
        honoured = [
            run for run in runs if run.namespace == namespace or await self._runs.is_reserved(run)
        ]
        # A stop reaches whatever there is: nobody's work is given away by it.
        return honoured if unfinished(honoured) or not command.is_stop else runs

    async def _write(self, command: Command, decision: _DecisionOnRuns) -> Claimed | Refusal | None:
        match decision:
            case Attach(run):
                return await command.refusal() or await self._add(command, run, ClaimResult.JOINED)
            case Append(run) if command.entry(run) is None:
                return Claimed(ClaimResult.BLANK, run)
            case Append(run):
                return await self._add(command, run, ClaimResult.APPENDED)
            case Stop(run):
                return await self._add(command, run, ClaimResult.STOPPED)
            case Note(run):
                return await self._note(command, run)
            case _:
                return _nothing_to_write(decision)

    async def _add(self, command: Command, run: RunFacts, result: ClaimResult) -> Claimed | None:
        stop = result is ClaimResult.STOPPED
        done = await self._runs.add(run, command.entry(run), stop=stop)
        return Claimed(result, run) if done else None

    async def _note(self, command: Command, run: RunFacts) -> Claimed | None:
        entry = command.entry(run)
        done = entry is None or await self._runs.note(run, entry)
        return Claimed(ClaimResult.NOTED, run) if done else None

    async def _create(
        self,
        command: Command,
        number: int,
        runs: Sequence[RunFacts],
        taken: set[int],
        *,
        stopped: bool,
    ) -> Claimed | Refusal | None:
        wanted = await command.new_run(number, runs, stopped=stopped)
        if isinstance(wanted, Refusal):
            return wanted
        run = await self._runs.reserve(wanted)
        if run is None:
            taken.add(number)
            return None
        created = await self._runs.create(run)
        if created is not None:
            result = ClaimResult.CREATED_STOPPED if stopped else ClaimResult.CREATED
            return Claimed(result, created, next((one.name for one in unfinished(runs)), ""))
        if not await self._runs.holds(run, command.issue_hash):
            taken.add(number)
        return None


def _nothing_to_write(
    decision: AlreadyKnown | NothingToStop | NothingLive | Full | Overtaken | Outdated,
) -> Claimed:
    match decision:
        case AlreadyKnown(run):
            return Claimed(ClaimResult.KNOWN, run)
        case NothingToStop(run):
            return Claimed(ClaimResult.NOTHING_TO_STOP, run)
        case NothingLive():
            return Claimed(ClaimResult.NOTHING_LIVE, None)
        case Full(run):
            return Claimed(ClaimResult.FULL, run)
        case Overtaken(run):
            return Claimed(ClaimResult.OVERTAKEN, run)
        case Outdated(run):
            return Claimed(ClaimResult.OUTDATED, run)
