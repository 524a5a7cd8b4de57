"""What a session is told of an agent's work: one update for one event."""

from deputy.trackers.updates import (
    Action,
    Elicitation,
    PostActivity,
    Priority,
    Thought,
    Update,
)
from deputy.wire import Asked, Event, NumberedEvent, ToolFinished, stable_id
from deputy.wire import Thought as Said


def update_of(numbered: NumberedEvent, session: str, scope: str) -> Update | None:
    """Return what `session` is told of an event; None for one that is not for its eyes.

    The activity's id follows from `scope` (the run's attempt) and the event's number, so that
    an event that is sent again is shown once.
    """
    content = _content(numbered.event)
    if content is None:
        return None
    activity = stable_id(scope, f"event/{numbered.seq}")
    return PostActivity(session, activity, content, _priority(numbered.event))


def _content(event: Event) -> Thought | Action | Elicitation | None:
    match event:
        case Said(body, ephemeral):
            return Thought(body, ephemeral=ephemeral)
        case ToolFinished(action, parameter, result, ephemeral):
            return Action(action, parameter, result, ephemeral=ephemeral)
        case Asked(question, options):
            return Elicitation(question, options)
        case _:
            return None


def _priority(event: Event) -> Priority:
    if isinstance(event, Asked):
        return Priority.QUESTION
    ephemeral = isinstance(event, Said | ToolFinished) and event.ephemeral
    return Priority.EPHEMERAL if ephemeral else Priority.NORMAL
