"""How a run ends: one reason, one phase, and the words that people read."""

import dataclasses

from deputy.core.phase import Phase
from deputy.core.reason import RunReason

_STOPPED = (
    RunReason.STOPPED_BY_USER,
    RunReason.STATE_NOT_ALLOWED,
    RunReason.DELEGATOR_NOT_ALLOWED,
    RunReason.TASK_MISSING,
    RunReason.ISSUE_NOT_ALLOWED,
    RunReason.BLUEPRINT_NOT_READY,
    RunReason.BLUEPRINT_NOT_FOUND,
)
_SUCCEEDED = (RunReason.PULL_REQUEST_OPENED, RunReason.NO_CHANGES, RunReason.COMPLETED)


def phase_of_reason(reason: RunReason) -> Phase:
    """Return the terminal phase that `reason` leads to; what nobody wanted is a failure."""
    if reason in _SUCCEEDED:
        return Phase.SUCCEEDED
    if reason in _STOPPED:
        return Phase.STOPPED
    return Phase.TIMED_OUT if reason is RunReason.TIMED_OUT else Phase.FAILED


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """Something that a run fails of, in words for its user that name the next step."""

    reason: RunReason
    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ends, by Deputy's own verdict; the sidecar's report is a `wire.Finished`.

    `text` is what people read in the tracker, whole and in Markdown; `message` is the sentence
    for `kubectl`. Once recorded it never changes, so that it is told once.
    """

    reason: RunReason
    message: str
    text: str

    @property
    def phase(self) -> Phase:
        """The terminal phase of the run."""
        return phase_of_reason(self.reason)

    @property
    def needs_human(self) -> bool:
        """Whether a person has to do something about it."""
        return self.phase in (Phase.FAILED, Phase.TIMED_OUT)
