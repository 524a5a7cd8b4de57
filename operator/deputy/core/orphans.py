"""Which sessions no run knows, and what is said in them: runs are deleted while nobody leads."""

import dataclasses
import datetime as dt
from collections.abc import Collection, Iterable

from deputy.core import messages
from deputy.trackers.models import Session
from deputy.trackers.updates import PostActivity, Priority, Response
from deputy.wire import stable_id

#: A session in which something happened less long ago may be about to get its run, or its end.
QUIET = dt.timedelta(minutes=2)
#: Until then Linear may still deliver what began a session in which nothing was said.
DELIVERED_WITHIN = dt.timedelta(hours=6, minutes=15)
#: Sessions that nobody has touched for longer are left alone.
FORGOTTEN_AFTER = dt.timedelta(days=7)


@dataclasses.dataclass(frozen=True, slots=True)
class Orphans:
    """The sessions that no run knows."""

    sessions: tuple[Session, ...]
    unsettled: bool
    """Whether more of them may become orphans soon."""


def orphans_of(sessions: Iterable[Session], known: Collection[str], now: dt.datetime) -> Orphans:
    """Return the sessions that are open and that are not `known`."""
    unknown = [
        session
        for session in sessions
        if session.is_open
        and session.id not in known
        and now - session.updated < FORGOTTEN_AFTER
        and (session.is_begun or now - session.created >= DELIVERED_WITHIN)
    ]
    quiet = tuple(session for session in unknown if now - session.updated >= QUIET)
    return Orphans(quiet, unsettled=len(quiet) < len(unknown))


def closing(session: Session) -> PostActivity:
    """Return the closing words for an orphan; whoever posts them posts them under the same id."""
    # A session may be opened again, and be orphaned again: then the words are due again.
    key = f"orphaned/{session.updated.astimezone(dt.UTC).isoformat()}"
    text = messages.ORPHANED
    return PostActivity(session.id, stable_id(session.id, key), Response(text), Priority.TERMINAL)
