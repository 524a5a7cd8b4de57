"""What a session is told of an agent's work: one update for one event."""

from deputy.trackers.updates import PostActivity, Priority, Update
from deputy.wire import Asked, NumberedEvent, Thought, ToolFinished, stable_id


def update_of(numbered: NumberedEvent, session: str, scope: str) -> Update | None:
    """Return what `session` is told of an event; None for one that is not for its eyes.

    The activity's id follows from `scope` (the run's attempt) and the event's number, so that
    an event that is sent again is shown once.
    """
    event = numbered.event
    if not isinstance(event, Thought | ToolFinished | Asked):
        return None
    activity = stable_id(scope, f"event/{numbered.seq}")
    return PostActivity(session, activity, event, _priority(event))


def _priority(event: Thought | ToolFinished | Asked) -> Priority:
    if isinstance(event, Asked):
        return Priority.QUESTION
    return Priority.EPHEMERAL if event.ephemeral else Priority.NORMAL
