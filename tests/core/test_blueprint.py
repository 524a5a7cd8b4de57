"""Facts of a Blueprint's readiness: what it names has to be there."""

import dataclasses
import datetime as dt

import pytest

from deputy.core.blueprint import (
    RECHECK,
    Readiness,
    TrackerIds,
    TrackerNames,
    judge,
    recheck_seconds,
    still_known,
    unreachable,
)
from deputy.core.reason import BlueprintReason
from deputy.trackers.models import Organization, Team, WorkflowState

WANTED = TrackerNames(
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
        WorkflowState("s-1", "Todo", "unstarted"),
        WorkflowState("s-2", "In Progress", "started"),
        WorkflowState("s-3", "In Review", "started"),
    ),
)
IDS = TrackerIds("org-1", "team-1", "s-2")


def wanted(**facts: str) -> TrackerNames:
    return dataclasses.replace(WANTED, **facts)


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
    team = dataclasses.replace(TEAM, states=(WorkflowState("s-9", "s-2", "started"), *TEAM.states))

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


READY = judge(WANTED, ACME, TEAM, ())
CONFLICT = judge(WANTED, ACME, TEAM, ("agents/older",))
MISNAMED = judge(wanted(in_progress="Doing"), ACME, TEAM, ())
NO_SECRET = Readiness(ready=False, reason=BlueprintReason.SECRET_NOT_FOUND, message="no Secret")
NO_ANSWER = unreachable(BlueprintReason.LINEAR_UNREACHABLE, "no answer", dt.timedelta(seconds=9))
NOT_CONNECTED = unreachable(BlueprintReason.LINEAR_NOT_CONNECTED, "no credentials")


@pytest.mark.parametrize("before", [READY, CONFLICT, MISNAMED])
def test_a_tracker_that_does_not_answer_takes_nothing_back(before: Readiness) -> None:
    kept = still_known(NO_ANSWER, before)

    assert kept == dataclasses.replace(before, retry_after=dt.timedelta(seconds=9))
    assert recheck_seconds(kept, 0) == 9.0


@pytest.mark.parametrize(
    ("fresh", "before"),
    [
        (NOT_CONNECTED, READY),
        (NO_SECRET, READY),
        (NO_ANSWER, dataclasses.replace(NOT_CONNECTED, ids=IDS)),
        (NO_ANSWER, dataclasses.replace(NO_SECRET, ids=IDS)),
    ],
)
def test_ids_that_were_known_stay_known(fresh: Readiness, before: Readiness) -> None:
    assert still_known(fresh, before) == dataclasses.replace(fresh, ids=IDS)


@pytest.mark.parametrize("fresh", [READY, CONFLICT, MISNAMED])
def test_what_the_tracker_says_now_counts(fresh: Readiness) -> None:
    assert all(still_known(fresh, before) == fresh for before in (None, READY, CONFLICT, MISNAMED))


def test_what_was_never_known_is_not_made_up() -> None:
    assert still_known(NO_ANSWER, None) == NO_ANSWER


def test_a_name_that_leads_nowhere_is_looked_up_in_growing_pauses() -> None:
    pauses = [recheck_seconds(MISNAMED, misses) for misses in range(1, 9)]

    assert pauses == [15, 30, 60, 120, 240, 480, 600, 600]
    assert recheck_seconds(READY, 0) == RECHECK
