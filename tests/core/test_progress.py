"""Facts of the agent's events as a session is told of them."""

import pytest

from deputy.core.progress import update_of
from deputy.trackers.updates import PostActivity, Priority
from deputy.wire import (
    Answered,
    Asked,
    Event,
    Finished,
    Hello,
    NumberedEvent,
    Outcome,
    PlanChanged,
    Thought,
    ToolFinished,
    TurnStarted,
    stable_id,
)


@pytest.mark.parametrize(
    ("event", "priority"),
    [
        (Thought("I see."), Priority.NORMAL),
        (Thought("Looking", ephemeral=True), Priority.EPHEMERAL),
        (ToolFinished("Edited", "src/a.py", "+1 -1"), Priority.NORMAL),
        (ToolFinished("Reading", "src/a.py", ephemeral=True), Priority.EPHEMERAL),
        (Asked("Which one?", ("a", "b")), Priority.QUESTION),
    ],
)
def test_what_a_person_wants_to_see_becomes_one_activity_as_it_is(
    event: Thought | ToolFinished | Asked, priority: Priority
) -> None:
    update = update_of(NumberedEvent(7, event), "session-1", "uid/1")

    assert update == PostActivity("session-1", stable_id("uid/1", "event/7"), event, priority)


@pytest.mark.parametrize(
    "event",
    [
        Hello("gemini"),
        TurnStarted("task-1"),
        PlanChanged(()),
        Answered("m-1"),
        Finished(Outcome.COMPLETED, "", "Done."),
    ],
    ids=lambda event: event.kind,
)
def test_what_is_between_sidecar_and_operator_is_shown_to_nobody(event: Event) -> None:
    assert update_of(NumberedEvent(1, event), "session-1", "uid/1") is None


def test_an_event_that_is_sent_again_has_the_same_id_and_no_other_event_has_it() -> None:
    def id_of(seq: int, scope: str) -> str:
        update = update_of(NumberedEvent(seq, Thought("I see.")), "session-1", scope)
        assert isinstance(update, PostActivity)
        return update.activity_id

    assert id_of(1, "uid/1") == id_of(1, "uid/1")
    assert len({id_of(1, "uid/1"), id_of(2, "uid/1"), id_of(1, "uid/2")}) == 3
