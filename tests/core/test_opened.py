"""The words that hand over a pull request."""

import datetime as dt

from deputy.core import messages
from deputy.core.action import (
    Conclude,
)
from deputy.core.observed import Observed
from deputy.core.phase import Phase
from deputy.core.run import decide
from deputy.wire import Finished, Outcome

URL = "https://github.com/acme/api/pull/7"


def report(text: str) -> Finished:
    return Finished(Outcome.COMPLETED, "Completed", text, branch="b", head_sha="c", commits=1)


def test_the_address_stays_however_much_the_agent_had_to_say() -> None:
    text = messages.opened(report("word " * 10_000), URL).text

    assert text.endswith(f"Pull request: {URL}")
    assert len(text) <= messages.MAX_TEXT


def test_what_the_forge_refused_beside_it_is_noted() -> None:
    text = messages.opened(report("Done."), URL, ("reviewer jane is no collaborator",)).text

    assert text == f"Done.\n\nPull request: {URL}\n\nNote: reviewer jane is no collaborator"


def test_a_run_that_was_stopped_before_it_began_gets_its_last_word_alone() -> None:
    now = dt.datetime(2026, 11, 21, 9, tzinfo=dt.UTC)
    seen = Observed(
        now=now,
        phase=Phase.QUEUED,
        created=now,
        has_issue=True,
        acknowledged=False,
        stop_wanted=True,
    )

    assert decide(seen).actions == (Conclude(messages.stopped(None)),)
