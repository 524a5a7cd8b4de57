"""How the status of an agent session follows from what happens in it.

Pure: the table below is the whole of it. What the table does not name leaves the status alone.
"""

from __future__ import annotations

import enum


class Status(enum.StrEnum):
    """Where a session stands, in Linear's words."""

    PENDING = "pending"
    ACTIVE = "active"
    AWAITING_INPUT = "awaitingInput"
    STOPPING = "stopping"
    COMPLETE = "complete"
    ERROR = "error"
    STALE = "stale"


class SessionEvent(enum.StrEnum):
    """What may move a session."""

    THOUGHT = "thought"
    ACTION = "action"
    ELICITATION = "elicitation"
    RESPONSE = "response"
    ERROR = "error"
    CONTINUED = "continued"
    """A response that carries the signal `continue`: more is to come."""
    ACKNOWLEDGED = "acknowledged"
    """The agent set a plan or a link and said nothing."""
    PROMPTED = "prompted"
    STOPPED = "stopped"
    SILENT = "silent"
    """Nothing was heard of the agent for `SILENCE`."""


#: Seconds after which a session is shown as not answered, and then as stale.
ANSWER_DUE = 10.0
SILENCE = 30 * 60.0

ENDED = frozenset({Status.COMPLETE, Status.ERROR})
WORKING = frozenset({Status.PENDING, Status.ACTIVE})

_AT_WORK: dict[Status, Status] = {
    status: Status.ACTIVE for status in Status if status is not Status.STOPPING
}

_ASKING: dict[Status, Status] = dict.fromkeys(_AT_WORK, Status.AWAITING_INPUT)

#: What follows, by what happens and where the session stands.
TRANSITIONS: dict[SessionEvent, dict[Status, Status]] = {
    SessionEvent.THOUGHT: _AT_WORK,
    SessionEvent.ACTION: _AT_WORK,
    SessionEvent.CONTINUED: _AT_WORK,
    SessionEvent.ACKNOWLEDGED: {Status.PENDING: Status.ACTIVE, Status.STALE: Status.ACTIVE},
    SessionEvent.ELICITATION: _ASKING,
    SessionEvent.RESPONSE: dict.fromkeys(Status, Status.COMPLETE),
    SessionEvent.ERROR: dict.fromkeys(Status, Status.ERROR),
    SessionEvent.PROMPTED: {
        Status.AWAITING_INPUT: Status.ACTIVE,
        Status.COMPLETE: Status.PENDING,
        Status.ERROR: Status.PENDING,
        Status.STALE: Status.PENDING,
    },
    SessionEvent.STOPPED: {
        Status.PENDING: Status.STOPPING,
        Status.ACTIVE: Status.STOPPING,
        Status.AWAITING_INPUT: Status.STOPPING,
        Status.STALE: Status.STOPPING,
    },
    SessionEvent.SILENT: dict.fromkeys(WORKING, Status.STALE),
}


def after(status: Status, event: SessionEvent) -> Status:
    """Return the status of a session that stood at `status` when `event` came."""
    return TRANSITIONS[event].get(status, status)


def of_activity(activity_type: str, signal: str | None) -> SessionEvent:
    """Return what an agent's activity means for its session."""
    if activity_type == "response" and signal == "continue":
        return SessionEvent.CONTINUED
    return SessionEvent(activity_type)
