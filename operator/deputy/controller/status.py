"""What is written into a status: whole sentences of state, in one write each."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from deputy.api.agentrun import AgentRun
from deputy.api.meta import Condition, timestamp
from deputy.core.conditions import Truth, WantedCondition, conditions_of, phase_of
from deputy.core.outcome import RunOutcome
from deputy.core.phase import TERMINAL, Phase, move
from deputy.core.reason import RunReason


def moved(
    run: AgentRun, phase: Phase, reason: RunReason, message: str, now: dt.datetime
) -> dict[str, Any]:
    """Return the status of `run` once it is in `phase`; raise `IllegalMove`."""
    move(run.status.phase, phase)
    over = phase in TERMINAL
    last = run.status.phase if over else phase
    return _status(run, conditions_of(phase, reason, message, last=last, concluded=over), now)


def concluded(run: AgentRun, outcome: RunOutcome, now: dt.datetime) -> dict[str, Any]:
    """Return the status of `run` once it is decided how it ends, though nobody was told yet.

    A run that awaited an answer awaits none from here on.
    """
    move(run.status.phase, outcome.phase)
    phase = run.status.phase
    wanted = conditions_of(phase, outcome.reason, outcome.message, last=phase, concluded=True)
    return _status(run, wanted, now) | {"response": outcome.text}


def finished(
    run: AgentRun, outcome: RunOutcome, now: dt.datetime, untold: str = ""
) -> dict[str, Any]:
    """Return the status of `run` once it is over and everybody was told.

    `untold` says where the tracker refused to have somebody told, and why.
    """
    move(run.status.phase, outcome.phase)
    wanted = conditions_of(
        outcome.phase,
        outcome.reason,
        outcome.message,
        last=run.status.phase,
        concluded=True,
        untold=untold,
    )
    return _status(run, wanted, now) | {
        "completionTime": timestamp(now),
        "queuePosition": 0,
        "response": outcome.text,
    }


def condition(
    kind: str,
    truth: Truth,
    reason: str,
    message: str,
    *,
    generation: int,
    known: Iterable[Condition],
    now: dt.datetime,
) -> dict[str, Any]:
    """Return a condition; its time of transition stays where `known` has the same status."""
    since = (one.last_transition_time for one in known if (one.type, one.status) == (kind, truth))
    return {
        "type": kind,
        "status": truth.value,
        "observedGeneration": generation,
        "lastTransitionTime": timestamp(next(since, now)),
        "reason": reason,
        "message": message,
    }


def _status(
    run: AgentRun, conditions: tuple[WantedCondition, ...], now: dt.datetime
) -> dict[str, Any]:
    summary = next(c for c in conditions if c.type == "Succeeded")
    return {
        "observedGeneration": run.metadata.generation,
        "phase": phase_of(conditions).value,
        "reason": summary.reason,
        "message": summary.message,
        "conditions": [_condition(run, wanted, now) for wanted in conditions],
    }


def _condition(run: AgentRun, wanted: WantedCondition, now: dt.datetime) -> dict[str, Any]:
    return condition(
        wanted.type.value,
        wanted.status,
        str(wanted.reason),
        wanted.message,
        generation=run.metadata.generation,
        known=run.status.conditions,
        now=now,
    )
