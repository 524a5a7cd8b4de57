from __future__ import annotations

import pytest

from deputy_simulator.linear.sessions import SessionEvent, Status, after, of_activity

#: Where each event leads, by where a session stands; in the order of `ORDER`.
ORDER = ("pending", "active", "awaitingInput", "stopping", "complete", "error", "stale")
TABLE = {
    "thought": ("active", "active", "active", "stopping", "active", "active", "active"),
    "action": ("active", "active", "active", "stopping", "active", "active", "active"),
    "continued": ("active", "active", "active", "stopping", "active", "active", "active"),
    "elicitation": (
        "awaitingInput",
        "awaitingInput",
        "awaitingInput",
        "stopping",
        "awaitingInput",
        "awaitingInput",
        "awaitingInput",
    ),
    "response": ("complete",) * 7,
    "error": ("error",) * 7,
    "acknowledged": (
        "active",
        "active",
        "awaitingInput",
        "stopping",
        "complete",
        "error",
        "active",
    ),
    "prompted": ("pending", "active", "active", "stopping", "pending", "pending", "pending"),
    "stopped": ("stopping", "stopping", "stopping", "stopping", "complete", "error", "stopping"),
    "silent": ("stale", "stale", "awaitingInput", "stopping", "complete", "error", "stale"),
}


@pytest.mark.parametrize("event", list(SessionEvent))
@pytest.mark.parametrize("status", list(Status))
def test_a_session_moves_as_the_table_says(status: Status, event: SessionEvent) -> None:
    expected = TABLE[event.value][ORDER.index(status.value)]

    assert after(status, event) == expected


@pytest.mark.parametrize(
    ("activity_type", "signal", "event"),
    [
        ("thought", None, SessionEvent.THOUGHT),
        ("action", None, SessionEvent.ACTION),
        ("elicitation", "select", SessionEvent.ELICITATION),
        ("response", None, SessionEvent.RESPONSE),
        ("response", "continue", SessionEvent.CONTINUED),
        ("error", None, SessionEvent.ERROR),
    ],
)
def test_an_activity_means_what_its_type_and_signal_say(
    activity_type: str, signal: str | None, event: SessionEvent
) -> None:
    assert of_activity(activity_type, signal) is event
