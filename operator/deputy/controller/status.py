"""What is written into an AgentRun's status: whole sentences of state, in one write each."""

import datetime as dt
from typing import Any

from deputy.api.agentrun import AgentRun
from deputy.core.conditions import Condition, conditions_of, phase_of
from deputy.core.ending import Ending
from deputy.core.phase import TERMINAL, Phase, move
from deputy.core.reason import RunReason


def stamp(moment: dt.datetime) -> str:
    """Return `moment` as Kubernetes writes times."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_stamp(moment: dt.datetime) -> str:
    """Return `moment` with its microseconds, for durations that are measured later."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def ending_of(run: AgentRun) -> Ending | None:
    """Return how `run` ends, as its status has it; None while that is open."""
    for condition in run.status.conditions:
        if condition.type == "Succeeded" and condition.status != "Unknown":
            reason = RunReason(condition.reason)
            return Ending(reason, condition.message, run.status.response)
    return None


def moved(
    run: AgentRun, phase: Phase, reason: RunReason, message: str, now: dt.datetime
) -> dict[str, Any]:
    """Return the status of `run` once it is in `phase`; raise `IllegalMove`."""
    move(run.status.phase, phase)
    last = run.status.phase if phase in TERMINAL else phase
    ending = phase in TERMINAL
    return _status(run, conditions_of(phase, reason, message, last=last, ending=ending), now)


def concluded(run: AgentRun, ending: Ending, now: dt.datetime) -> dict[str, Any]:
    """Return the status of `run` once it is decided how it ends, though nobody was told yet.

    A run that awaited an answer awaits none from here on.
    """
    move(run.status.phase, ending.phase)
    phase = run.status.phase
    found = conditions_of(phase, ending.reason, ending.message, last=phase, ending=True)
    return _status(run, found, now) | {"response": ending.text}


def finished(run: AgentRun, ending: Ending, now: dt.datetime) -> dict[str, Any]:
    """Return the status of `run` once it is over and everybody was told."""
    found = moved(run, ending.phase, ending.reason, ending.message, now)
    return found | {"completionTime": stamp(now), "queuePosition": 0, "response": ending.text}


def _status(run: AgentRun, conditions: tuple[Condition, ...], now: dt.datetime) -> dict[str, Any]:
    summary = next(c for c in conditions if c.type == "Succeeded")
    return {
        "observedGeneration": run.metadata.generation,
        "phase": phase_of(conditions).value,
        "reason": summary.reason,
        "message": summary.message,
        "conditions": [_condition(run, condition, now) for condition in conditions],
    }


def _condition(run: AgentRun, condition: Condition, now: dt.datetime) -> dict[str, Any]:
    since = next(
        (
            known.last_transition_time
            for known in run.status.conditions
            if known.type == condition.type and known.status == condition.status
        ),
        now,
    )
    return {
        "type": condition.type.value,
        "status": condition.status.value,
        "observedGeneration": run.metadata.generation,
        "lastTransitionTime": stamp(since),
        "reason": str(condition.reason),
        "message": condition.message,
    }
