"""Facts of a Blueprint's judgement: what it names has to be there."""

import dataclasses
import datetime as dt

import pytest

from deputy.core.blueprint import Judgement, Names, State, TeamSeen, Wanted, judge, unreachable
from deputy.core.reason import BlueprintReason

WANTED = Wanted(
    namespace="agents",
    name="api",
    created=dt.datetime(2026, 11, 21, tzinfo=dt.UTC),
    team="ENG",
    organization="",
    in_progress="In Progress",
    in_review="",
    needs_human="",
)
TEAM = TeamSeen(
    id="team-1",
    key="ENG",
    organization_id="org-1",
    organization_key="acme",
    states=(State("s-1", "Todo"), State("s-2", "In Progress"), State("s-3", "In Review")),
)
NAMES = Names("org-1", "team-1", "s-2")


def wanted(**facts: str) -> Wanted:
    return dataclasses.replace(WANTED, **facts)  # type: ignore[arg-type]


def test_a_blueprint_whose_names_are_all_there_is_ready() -> None:
    assert judge(WANTED, TEAM, ()) == Judgement(
        ready=True,
        reason=BlueprintReason.READY,
        message="takes the issues of team ENG",
        names=NAMES,
    )


@pytest.mark.parametrize("name", ["In Progress", "in progress", "IN PROGRESS", "s-2"])
def test_a_state_is_named_by_its_name_in_whatever_case_or_by_its_id(name: str) -> None:
    assert judge(wanted(in_progress=name), TEAM, ()).names.in_progress == "s-2"


def test_an_id_wins_over_a_name_that_reads_the_same() -> None:
    team = dataclasses.replace(TEAM, states=(State("s-9", "s-2"), *TEAM.states))

    assert judge(wanted(in_progress="s-2"), team, ()).names.in_progress == "s-2"


def test_a_state_that_may_be_absent_stands_for_nothing() -> None:
    found = judge(wanted(in_review="In Review"), TEAM, ())

    assert found.names == Names("org-1", "team-1", "s-2", "s-3", "")


@pytest.mark.parametrize(
    ("field", "spelled"),
    [
        ("in_progress", "inProgress"),
        ("in_review", "inReview"),
        ("needs_human", "needsHuman"),
    ],
)
def test_a_state_that_is_not_there_is_named_with_those_that_are(field: str, spelled: str) -> None:
    found = judge(wanted(**{field: "Doing"}), TEAM, ())

    assert (found.ready, found.reason) == (False, BlueprintReason.STATE_NOT_FOUND)
    assert found.message == (
        f"spec.linear.states.{spelled} names no workflow state of team ENG; "
        "it has: Todo, In Progress, In Review"
    )


def test_a_team_that_is_not_there_is_named_with_what_to_do() -> None:
    found = judge(wanted(team="OPS"), None, ())

    assert (found.ready, found.reason, found.retry) == (
        False,
        BlueprintReason.TEAM_NOT_FOUND,
        False,
    )
    assert '"OPS"' in found.message
    assert "correct spec.linear.team" in found.message


@pytest.mark.parametrize("organization", ["", "acme", "org-1"])
def test_an_organisation_is_named_by_key_or_id_or_not_at_all(organization: str) -> None:
    assert judge(wanted(organization=organization), TEAM, ()).ready


def test_a_blueprint_for_another_organisation_is_not_ready() -> None:
    found = judge(wanted(organization="umbrella"), TEAM, ())

    assert found.reason is BlueprintReason.ORGANIZATION_NOT_FOUND
    assert '"umbrella"' in found.message
    assert '"acme"' in found.message


def test_the_older_blueprint_of_a_team_wins_and_the_younger_names_it() -> None:
    found = judge(WANTED, TEAM, ("agents/first", "agents/second"))

    assert (found.ready, found.reason, found.conflict, found.names) == (
        False,
        BlueprintReason.CONFLICT,
        "agents/first",
        NAMES,
    )
    assert "agents/first is older" in found.message


def test_a_tracker_that_does_not_answer_is_asked_again() -> None:
    assert unreachable(BlueprintReason.LINEAR_UNREACHABLE, "no answer") == Judgement(
        ready=False,
        reason=BlueprintReason.LINEAR_UNREACHABLE,
        message="no answer",
        retry=True,
    )
