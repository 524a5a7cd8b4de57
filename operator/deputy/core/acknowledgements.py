"""The acknowledgement that every session gets, under an id that is the same whoever posts it.

The webhook process posts it at once; should it die before, the operator posts the same text under
the same id, and the tracker keeps one of the two.
"""

import dataclasses
from collections.abc import Iterable

from deputy.trackers.updates import PostActivity, Priority
from deputy.wire import Thought, stable_id

FIRST = "On it. I am getting a workspace ready."
AGAIN = "On it. I am getting a workspace ready to go on from the earlier work."


@dataclasses.dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A thought to post; posting it again is recognised by its id."""

    session_id: str
    activity_id: str
    body: str


def first(session_id: str, prompt_id: str = "", after: str = "") -> Acknowledgement:
    """Return the acknowledgement of a run in the session that it begins in.

    `prompt_id` names the prompt where the run follows up in an older session, `after` the run that
    has to end before it.
    """
    body = AGAIN if prompt_id else FIRST
    if after:
        body = f"Noted. The run before this one ({after}) is still ending; I begin when it is over."
    return Acknowledgement(session_id, stable_id(prompt_id or session_id, "acknowledged"), body)


def joined(session_id: str, run_uid: str, run_name: str) -> Acknowledgement:
    """Return that of a session for whose issue a run is already at work."""
    body = (
        f"I am already at work on this issue (run {run_name}). What is said here goes to the "
        "same agent, and how it ends is told here too."
    )
    return Acknowledgement(session_id, stable_id(run_uid, f"joined/{session_id}"), body)


def acknowledgements_of(
    run_name: str,
    run_uid: str,
    opening: Acknowledgement,
    sessions: Iterable[str],
) -> tuple[Acknowledgement, ...]:
    """Return every acknowledgement of a run: in its own session, and in each that joined it.

    A run whose issue was withdrawn before its session was heard of has no session to speak in.
    """
    own = opening.session_id
    others = [other for other in dict.fromkeys(sessions) if other and other != own]
    return (
        *((opening,) if own else ()),
        *(joined(other, run_uid, run_name) for other in others),
    )


def as_activity(acknowledgement: Acknowledgement) -> PostActivity:
    """Return the update that posts `acknowledgement`."""
    return PostActivity(
        acknowledgement.session_id,
        acknowledgement.activity_id,
        Thought(acknowledgement.body),
        Priority.ACKNOWLEDGEMENT,
    )
