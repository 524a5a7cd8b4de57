"""Runs as the decision sees them: as they should be in each phase, but for what a test says."""

import datetime as dt

from deputy.core.admission import Slot
from deputy.core.observed import Observed, PodSeen
from deputy.core.outcome import Problem, RunOutcome
from deputy.core.phase import ACTIVE, Phase
from deputy.core.reason import RunReason
from deputy.wire import Finished, Outcome

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
SECOND, MINUTE, HOUR = dt.timedelta(seconds=1), dt.timedelta(minutes=1), dt.timedelta(hours=1)
POD = PodSeen(attempt=1)
ENDING = RunOutcome(RunReason.COMPLETED, "the agent finished", "Done.")
GRANTED = Slot(granted=True)
PROBLEM = Problem(RunReason.OOM_KILLED, "it needed more memory than it may have.")


def seen(phase: Phase = Phase.RUNNING, **facts: object) -> Observed:
    """A run that is as it should be in `phase`, but for `facts`."""
    base: dict[str, object] = {"now": NOW, "phase": phase, "created": NOW - MINUTE}
    if phase in ACTIVE:
        base |= {"started": NOW - MINUTE}
    if phase in (Phase.LAUNCHING, Phase.RUNNING, Phase.AWAITING_INPUT):
        base |= {"pod": POD}
    if phase in (Phase.RUNNING, Phase.AWAITING_INPUT):
        base |= {"connected": True, "last_contact": NOW - SECOND}
    base |= {"awaiting": phase is Phase.AWAITING_INPUT}
    return Observed(**(base | facts))  # type: ignore[arg-type]


def report(outcome: Outcome = Outcome.COMPLETED, **facts: object) -> Finished:
    base: dict[str, object] = {
        "outcome": outcome,
        "reason": "",
        "text": "Fixed it.",
        "branch": "eng-42",
        "head_sha": "0123456789abcdef",
        "commits": 1,
    }
    return Finished(**(base | facts))  # type: ignore[arg-type]
