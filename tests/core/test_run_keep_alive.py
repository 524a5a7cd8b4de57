"""A run that has nothing to say still shows that it lives, before Linear calls it stale."""

import dataclasses
import datetime as dt

import pytest

from deputy.core import notifications
from deputy.core.action import (
    KeepAlive,
)
from deputy.core.observed import Observed, PodSeen
from deputy.core.phase import Phase
from deputy.core.run import KEEP_ALIVE_AFTER, decide
from deputy.trackers.updates import PostActivity, Priority
from deputy.wire import Thought

NOW = dt.datetime(2026, 11, 21, 9, tzinfo=dt.UTC)
SILENT = Observed(
    now=NOW,
    phase=Phase.RUNNING,
    created=NOW,
    started=NOW,
    has_issue=True,
    pod=PodSeen(attempt=1),
    connected=True,
    last_contact=NOW,
    silent=KEEP_ALIVE_AFTER,
)


def test_a_silent_run_is_shown_to_live() -> None:
    assert decide(SILENT).actions == (KeepAlive(),)


@pytest.mark.parametrize(
    "otherwise",
    [
        {"silent": KEEP_ALIVE_AFTER - dt.timedelta(seconds=1)},
        {"has_issue": False},
        # The question has to stay the last word, or the session would not wait any more.
        {"awaiting": True, "phase": Phase.AWAITING_INPUT},
    ],
    ids=["spoke lately", "made by hand", "asked a person"],
)
def test_nothing_is_said_where_nobody_would_miss_it(otherwise: dict[str, object]) -> None:
    assert decide(dataclasses.replace(SILENT, **otherwise)).actions == ()  # type: ignore[arg-type]


def test_the_sign_of_life_vanishes_with_the_next_word() -> None:
    recipients = notifications.Recipients("uid", "run", "issue", "session", ("session",))

    (update,) = notifications.keep_alive(recipients, Phase.RUNNING, 1)

    assert isinstance(update, PostActivity)
    assert update.content == Thought("Still working.", ephemeral=True)
    assert update.priority is Priority.EPHEMERAL
