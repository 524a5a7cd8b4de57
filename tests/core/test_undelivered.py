"""What people said and the agent never heard is not passed over in silence."""

import datetime as dt

from deputy.core.action import (
    Conclude,
)
from deputy.core.observed import Observed, PodSeen
from deputy.core.outcome import RunOutcome
from deputy.core.phase import Phase
from deputy.core.reason import RunReason
from deputy.core.run import decide
from deputy.wire import Finished, Outcome

NOW = dt.datetime(2026, 11, 21, 9, tzinfo=dt.UTC)


def outcome_of(*, undelivered: int) -> RunOutcome:
    seen = Observed(
        now=NOW,
        phase=Phase.RUNNING,
        created=NOW,
        started=NOW,
        has_issue=True,
        pod=PodSeen(attempt=1),
        connected=True,
        report=Finished(Outcome.FAILED, "AgentKilled", "the agent was killed by signal 9."),
        undelivered=undelivered,
    )
    (action,) = decide(seen).actions
    assert isinstance(action, Conclude)
    return action.outcome


def test_an_end_that_overtook_messages_says_how_many() -> None:
    outcome = outcome_of(undelivered=2)

    assert outcome.reason is RunReason.AGENT_KILLED
    assert outcome.text.endswith(
        "2 messages did not reach the agent any more; send again what still counts."
    )


def test_an_end_after_which_nothing_was_left_says_nothing_of_it() -> None:
    assert "did not reach" not in outcome_of(undelivered=0).text
