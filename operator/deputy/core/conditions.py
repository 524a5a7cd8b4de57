"""The conditions of a run, and the phase that follows from them."""

import dataclasses
import enum
from collections.abc import Iterable

from deputy.core.outcome import phase_of_reason
from deputy.core.phase import ACTIVE, TERMINAL, Phase
from deputy.core.reason import RunReason


class ConditionType(enum.StrEnum):
    """The conditions of an AgentRun."""

    ADMITTED = "Admitted"
    WORKSPACE_READY = "WorkspaceReady"
    SUCCEEDED = "Succeeded"
    FINISHED = "Finished"


class Truth(enum.StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclasses.dataclass(frozen=True, slots=True)
class WantedCondition:
    """One condition, without the times that only the shell knows."""

    type: ConditionType
    status: Truth
    reason: str
    message: str


#: For each phase before the end: whether the run is admitted, and whether its workspace answers.
_BEFORE_THE_END: dict[Phase, tuple[Truth, Truth]] = {
    Phase.QUEUED: (Truth.FALSE, Truth.UNKNOWN),
    Phase.CLAIMED: (Truth.TRUE, Truth.UNKNOWN),
    Phase.LAUNCHING: (Truth.TRUE, Truth.FALSE),
    Phase.RUNNING: (Truth.TRUE, Truth.TRUE),
    Phase.AWAITING_INPUT: (Truth.TRUE, Truth.TRUE),
}


def conditions_of(
    phase: Phase,
    reason: RunReason,
    message: str,
    *,
    last: Phase,
    concluded: bool,
    untold: str = "",
) -> tuple[WantedCondition, ...]:
    """Return the conditions of a run in `phase`.

    `last` is the phase before the end, whose `Admitted` and `WorkspaceReady` stay as they were.
    With `concluded` the outcome is decided, in the words of `reason` and `message`, though people
    may not have been told yet: `Finished` becomes true with the terminal phase only. `untold`
    says that the tracker refused the closing words, and why.
    """
    admitted, ready = _BEFORE_THE_END[last if phase in TERMINAL else phase]
    active = last in ACTIVE or phase in ACTIVE
    succeeded = _succeeded(reason) if concluded else Truth.UNKNOWN
    return (
        _admitted(admitted, reason, message),
        _workspace_ready(ready, reason if active else RunReason.WAITING_FOR_SLOT),
        WantedCondition(ConditionType.SUCCEEDED, succeeded, reason, message),
        _finished(reason, untold, over=phase in TERMINAL),
    )


def _admitted(admitted: Truth, reason: RunReason, message: str) -> WantedCondition:
    if admitted is Truth.TRUE:
        reason, message = RunReason.ADMITTED, "has a slot"
    return WantedCondition(ConditionType.ADMITTED, admitted, reason, message)


def _workspace_ready(ready: Truth, reason: RunReason) -> WantedCondition:
    message = "the workspace does not answer yet"
    if ready is Truth.TRUE:
        reason, message = RunReason.WORKSPACE_READY, "the workspace answers"
    return WantedCondition(ConditionType.WORKSPACE_READY, ready, reason, message)


def _succeeded(reason: RunReason) -> Truth:
    return Truth.TRUE if phase_of_reason(reason) is Phase.SUCCEEDED else Truth.FALSE


def _finished(reason: RunReason, untold: str, *, over: bool) -> WantedCondition:
    message = "over, and everybody was told" if over else "not over"
    if untold:
        reason, message = RunReason.CLOSING_WORDS_REFUSED, untold
    return WantedCondition(
        ConditionType.FINISHED, Truth.TRUE if over else Truth.FALSE, reason, message
    )


def phase_of(conditions: Iterable[WantedCondition]) -> Phase:
    """Return the phase that `conditions` stand for; a run without any is queued."""
    by_type = {condition.type: condition for condition in conditions}
    if not by_type:
        return Phase.QUEUED
    summary = by_type[ConditionType.SUCCEEDED]
    if by_type[ConditionType.FINISHED].status is Truth.TRUE:
        return phase_of_reason(RunReason(summary.reason))
    if by_type[ConditionType.ADMITTED].status is not Truth.TRUE:
        return Phase.QUEUED
    ready = by_type[ConditionType.WORKSPACE_READY].status
    if ready is not Truth.TRUE:
        return Phase.CLAIMED if ready is Truth.UNKNOWN else Phase.LAUNCHING
    waiting = summary.reason == RunReason.AWAITING_ANSWER
    return Phase.AWAITING_INPUT if waiting else Phase.RUNNING
