"""Facts of events, from what happened to what is written and said."""

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, cast

from deputy.core.claim_facts import RunFacts
from deputy.core.phase import Phase
from deputy.trackers.events import AppRevoked, Unassigned
from deputy.trackers.updates import Response
from deputy.webhook.claiming import Claimer
from deputy.webhook.commands import BLANK, SessionCommand
from deputy.webhook.intake import DISCONNECTED, OVERTAKEN, Intake
from deputy.wire import Thought
from tests.webhook.modelled import (
    ISSUE,
    JANE,
    NOW,
    ModelServer,
    NoLocks,
    Words,
    created,
    done,
    pause,
    prompted,
    to_blueprint,
)

if TYPE_CHECKING:
    from deputy.webhook.acknowledger import Acknowledger
    from deputy.webhook.blueprints import BlueprintRouter


class Router:
    """Routes everything to one Blueprint."""

    route = staticmethod(to_blueprint)


def intake(server: ModelServer, words: Words) -> Intake:
    claimer = Claimer(server, NoLocks(), pause)
    router = cast("BlueprintRouter", Router())
    return Intake(claimer, server, router, cast("Acknowledger", words), lambda: NOW)


def run_of(server: ModelServer) -> RunFacts:
    command = SessionCommand(created("one"), to_blueprint, NOW)
    claimed = done(Claimer(server, NoLocks(), pause).carry_out(command))
    run = claimed.run
    assert isinstance(run, RunFacts)
    return run


def test_an_application_that_was_disconnected_ends_its_runs() -> None:
    server = ModelServer()
    run = run_of(server)

    word = done(intake(server, Words()).take(AppRevoked("org", NOW)))

    spec = server.objects[run.name]["spec"]
    assert word == "noted"
    assert spec["desiredState"] == "Stopped"
    assert [entry["text"] for entry in spec["inbox"]] == [DISCONNECTED]


def test_one_that_was_authorised_again_since_keeps_its_runs() -> None:
    server = ModelServer()
    run = run_of(server)

    done(intake(server, Words()).take(AppRevoked("org", NOW - dt.timedelta(seconds=1))))

    assert server.objects[run.name]["spec"]["desiredState"] == "Active"


def test_the_runs_of_another_organisation_go_on() -> None:
    server = ModelServer()
    run = run_of(server)

    done(intake(server, Words()).take(AppRevoked("another", NOW)))

    assert server.objects[run.name]["spec"]["desiredState"] == "Active"


def test_what_was_said_while_a_run_ended_is_acknowledged_with_what_it_waits_for() -> None:
    server, words = ModelServer(), Words()
    run = run_of(server)
    server.set_phase(run.name, Phase.RUNNING)
    server.conclude(run.name)

    done(intake(server, words).take(created("two", "and this")))

    assert [said.session_id for said in words.acknowledged] == ["two"]
    assert run.name in words.acknowledged[0].body


def test_a_session_whose_issue_was_taken_away_meanwhile_is_told_so() -> None:
    server, words = ModelServer(), Words()
    run_of(server)
    later = NOW + dt.timedelta(seconds=1)
    done(intake(server, words).take(Unassigned("org", "app", ISSUE.id, JANE, ISSUE, later)))

    done(intake(server, words).take(created("two")))

    assert words.refused == [("two", Response(OVERTAKEN))]


def test_a_blank_message_is_answered() -> None:
    server, words = ModelServer(), Words()
    run_of(server)
    blank = dataclasses.replace(prompted("one", "a"), text="")

    done(intake(server, words).take(blank))

    assert words.refused == [("one", Thought(BLANK))]
