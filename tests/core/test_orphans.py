"""Facts of the sessions that no run knows."""

import dataclasses
import datetime as dt

import pytest

from deputy.core.orphans import Orphans, closing, orphans_of
from deputy.trackers.models import Session

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
EARLIER = NOW - dt.timedelta(minutes=10)
LONG_AGO = NOW - dt.timedelta(hours=7)
OPEN = Session("s", is_open=True, is_begun=True, created=EARLIER, updated=EARLIER)


def session(**facts: object) -> Session:
    return dataclasses.replace(OPEN, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "orphan", [OPEN, session(is_begun=False, created=LONG_AGO, updated=LONG_AGO)]
)
def test_a_session_that_is_open_and_that_no_run_knows_is_an_orphan(orphan: Session) -> None:
    assert orphans_of([orphan], {"other"}, NOW) == Orphans((orphan,), unsettled=False)


@pytest.mark.parametrize(
    "other",
    [
        session(is_open=False),
        session(is_begun=False),
        session(updated=NOW - dt.timedelta(days=8)),
    ],
    ids=["it is over", "its webhook may still come", "nobody has touched it for a week"],
)
def test_other_sessions_are_left_alone(other: Session) -> None:
    assert orphans_of([other], (), NOW) == Orphans((), unsettled=False)


def test_a_session_with_a_run_is_left_alone() -> None:
    assert orphans_of([OPEN], {"s"}, NOW) == Orphans((), unsettled=False)


def test_where_something_happened_just_now_is_looked_at_again_soon() -> None:
    fresh = session(updated=NOW - dt.timedelta(seconds=30))

    assert orphans_of([fresh], (), NOW) == Orphans((), unsettled=True)


def test_whoever_closes_an_orphan_does_so_under_the_same_id() -> None:
    again = session(updated=NOW)

    assert closing(OPEN) == closing(session(is_begun=True))
    assert closing(OPEN).activity_id != closing(again).activity_id
