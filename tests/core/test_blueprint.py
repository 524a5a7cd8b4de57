"""Facts of a Blueprint's readiness: what it names has to be there."""

import dataclasses
import datetime as dt

import pytest

from deputy.core.blueprint import Readiness, TrackerIds, TrackerNames, judge, unreachable
from deputy.core.reason import BlueprintReason
from deputy.trackers.models import Organization, State, Team

WANTED = TrackerNames(
    namespace="agents",
    name="api",
    created=dt.datetime(2026, 11, 21, tzinfo=dt.UTC),
    team="ENG",
    organization="",
    in_progress="In Progress",
    in_review="",
    needs_human="",
)
ACME = Organization("org-1", "Acme", "acme")
TEAM = Team(
    id="team-1",
    key="ENG",
    name="Engineering",
    states=(
        State("s-1", "Todo", "unstarted"),
        State("s-2", "In Progress", "started"),
        State("s-3", "In Review", "started"),
    ),
)
IDS = TrackerIds("org-1", "team-1", "s-2")


def wanted(**facts: str) -> TrackerNames:
    return dataclasses.replace(WANTED, **facts)  # type: ignore[arg-type]


def test_a_blueprint_whose_names_are_all_there_is_ready() -> None:
    assert judge(WANTED, ACME, TEAM, ()) == Readiness(
        ready=True,
        reason=BlueprintReason.READY,
        message="takes the issues of team ENG",
        ids=IDS,
    )


@pytest.mark.parametrize("name", ["In Progress", "in progress", "IN PROGRESS", "s-2"])
def test_a_state_is_named_by_its_name_in_whatever_case_or_by_its_id(name: str) -> None:
    assert judge(wanted(in_progress=name), ACME, TEAM, ()).ids.in_progress == "s-2"


def test_an_id_wins_over_a_name_that_reads_the_same() -> None:
    team = dataclasses.replace(TEAM, states=(State("s-9", "s-2", "started"), *TEAM.states))

    assert judge(wanted(in_progress="s-2"), ACME, team, ()).ids.in_progress == "s-2"


def test_a_state_that_may_be_absent_stands_for_nothing() -> None:
    readiness = judge(wanted(in_review="In Review"), ACME, TEAM, ())

    assert readiness.ids == TrackerIds("org-1", "team-1", "s-2", "s-3", "")


@pytest.mark.parametrize(
    ("field", "spelled"),
    [
        ("in_progress", "inProgress"),
        ("in_review", "inReview"),
        ("needs_human", "needsHuman"),
    ],
)
def test_a_state_that_is_not_there_is_named_with_those_that_are(field: str, spelled: str) -> None:
    readiness = judge(wanted(**{field: "Doing"}), ACME, TEAM, ())

    assert (readiness.ready, readiness.reason) == (False, BlueprintReason.STATE_NOT_FOUND)
    assert readiness.message == (
        f"spec.linear.states.{spelled} names no workflow state of team ENG; "
        "it has: Todo, In Progress, In Review"
    )


def test_a_team_that_is_not_there_is_named_with_what_to_do() -> None:
    readiness = judge(wanted(team="OPS"), ACME, None, ())

    assert (readiness.ready, readiness.reason, readiness.retry) == (
        False,
        BlueprintReason.TEAM_NOT_FOUND,
        False,
    )
    assert '"OPS"' in readiness.message
    assert "correct spec.linear.team" in readiness.message


@pytest.mark.parametrize("organization", ["", "acme", "org-1"])
def test_an_organisation_is_named_by_key_or_id_or_not_at_all(organization: str) -> None:
    assert judge(wanted(organization=organization), ACME, TEAM, ()).ready


def test_a_blueprint_for_another_organisation_is_not_ready() -> None:
    readiness = judge(wanted(organization="umbrella"), ACME, TEAM, ())

    assert readiness.reason is BlueprintReason.ORGANIZATION_NOT_FOUND
    assert '"umbrella"' in readiness.message
    assert '"acme"' in readiness.message


def test_the_older_blueprint_of_a_team_wins_and_the_younger_names_it() -> None:
    readiness = judge(WANTED, ACME, TEAM, ("agents/first", "agents/second"))

    assert (readiness.ready, readiness.reason, readiness.conflict, readiness.ids) == (
        False,
        BlueprintReason.CONFLICT,
        "agents/first",
        IDS,
    )
    assert "agents/first is older" in readiness.message


def test_a_tracker_that_does_not_answer_is_asked_again() -> None:
    assert unreachable(BlueprintReason.LINEAR_UNREACHABLE, "no answer") == Readiness(
        ready=False,
        reason=BlueprintReason.LINEAR_UNREACHABLE,
        message="no answer",
        retry=True,
    )
