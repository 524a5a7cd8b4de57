"""Facts of events, from what happened to what is written and said."""

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, cast

from deputy.core.claim_facts import RunFacts
from deputy.core.phase import Phase
from deputy.trackers.events import AppRevoked, Unassigned
from deputy.trackers.updates import Response
from deputy.webhook.commands import BLANK
from deputy.webhook.intake import DISCONNECTED, OVERTAKEN, Intake
from deputy.wire import Thought
from tests.webhook.claims import Claims, Words
from tests.webhook.issue_events import ISSUE, JANE, NOW, created, prompted

if TYPE_CHECKING:
    from deputy.webhook.acknowledger import Acknowledger
    from deputy.webhook.blueprints import BlueprintRouter


class Router:
    """Routes everything to one Blueprint."""

    def __init__(self, claims: Claims) -> None:
        self.route = claims.route


def intake(claims: Claims, words: Words) -> Intake:
    router = cast("BlueprintRouter", Router(claims))
    acknowledger = cast("Acknowledger", words)
    return Intake(claims.claimer, claims.store, router, acknowledger, lambda: NOW)


async def run_of(claims: Claims) -> RunFacts:
    run = (await claims.settle(created("one"))).run
    assert isinstance(run, RunFacts)
    return run


async def test_an_application_that_was_disconnected_ends_its_runs(claims: Claims) -> None:
    run = await run_of(claims)

    word = await intake(claims, Words()).take(AppRevoked("org", NOW))

    spec = claims.spec(run.name)
    assert word == "noted"
    assert spec["desiredState"] == "Stopped"
    assert [entry["text"] for entry in spec["inbox"]] == [DISCONNECTED]


async def test_one_that_was_authorised_again_since_keeps_its_runs(claims: Claims) -> None:
    run = await run_of(claims)

    await intake(claims, Words()).take(AppRevoked("org", NOW - dt.timedelta(seconds=1)))

    assert claims.spec(run.name)["desiredState"] == "Active"


async def test_the_runs_of_another_organisation_go_on(claims: Claims) -> None:
    run = await run_of(claims)

    await intake(claims, Words()).take(AppRevoked("another", NOW))

    assert claims.spec(run.name)["desiredState"] == "Active"


async def test_what_was_said_while_a_run_ended_is_acknowledged_with_what_it_waits_for(
    claims: Claims,
) -> None:
    words = Words()
    run = await run_of(claims)
    claims.set_phase(run.name, Phase.RUNNING)
    claims.conclude(run.name)

    await intake(claims, words).take(created("two", "and this"))

    assert [said.session_id for said in words.acknowledged] == ["two"]
    assert run.name in words.acknowledged[0].body


async def test_a_session_whose_issue_was_taken_away_meanwhile_is_told_so(claims: Claims) -> None:
    words = Words()
    await run_of(claims)
    later = NOW + dt.timedelta(seconds=1)
    await intake(claims, words).take(Unassigned("org", "app", ISSUE.id, JANE, ISSUE, later))

    await intake(claims, words).take(created("two"))

    assert words.refused == [("two", Response(OVERTAKEN))]


async def test_a_blank_message_is_answered(claims: Claims) -> None:
    words = Words()
    await run_of(claims)
    blank = dataclasses.replace(prompted("one", "a"), text="")

    await intake(claims, words).take(blank)

    assert words.refused == [("one", Thought(BLANK))]
