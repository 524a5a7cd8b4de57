"""Events of one issue, as the tracker's deliveries are read."""

import datetime as dt

from deputy.trackers.events import SessionCreated, SessionPrompted
from deputy.trackers.models import Issue, Person, Team

NOW = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)
ISSUE = Issue("issue", "ENG-1", "Title", "https://linear.app/i", Team("t", "ENG", "Eng"))
JANE = Person("jane", "Jane Doe", "jane@example.com")


def created(session: str, text: str = "", sent: dt.datetime = NOW) -> SessionCreated:
    return SessionCreated("org", "app", session, ISSUE, JANE, "context", text, (), sent)


def prompted(
    session: str, activity: str, *, stop: bool = False, sent: dt.datetime = NOW
) -> SessionPrompted:
    text = "stop" if stop else f"say {activity}"
    return SessionPrompted("org", "app", session, ISSUE, activity, JANE, text, stop, sent)
