"""Facts of routing and of the gate."""

import datetime as dt

import pytest

from deputy.core.reason import RunReason
from deputy.core.routing import (
    BlueprintFacts,
    PickUp,
    Refusal,
    Routed,
    may_be_in,
    may_delegate,
    may_pick_up,
    route,
)
from deputy.trackers.models import Issue, Person, Team, WorkflowState

OLD = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
TEAM = Team("team-id", "ENG", "Engineering")
JANE = Person("jane-id", "Jane Doe", "jane@example.com")


def blueprint(name: str = "api", team: str = "ENG", **facts: object) -> BlueprintFacts:
    base: dict[str, object] = {"name": name, "namespace": "agents", "created": OLD, "team": team}
    return BlueprintFacts(**(base | facts))  # type: ignore[arg-type]


@pytest.mark.parametrize("team", ["ENG", "eng", "Engineering", "team-id"])
def test_a_team_is_named_by_key_name_or_id(team: str) -> None:
    assert route(TEAM, "org", [blueprint(team=team)]) == Routed(blueprint(team=team))


def test_a_team_that_was_renamed_is_known_by_the_id_that_was_found() -> None:
    renamed = blueprint(team="Old name", team_id="team-id")

    assert route(TEAM, "org", [renamed]) == Routed(renamed)


def test_the_oldest_blueprint_wins() -> None:
    younger = blueprint("a", created=OLD + dt.timedelta(days=1))

    assert route(TEAM, "org", [younger, blueprint("b")]) == Routed(blueprint("b"))


def test_among_blueprints_of_one_age_the_name_decides() -> None:
    assert route(TEAM, "org", [blueprint("b"), blueprint("a")]) == Routed(blueprint("a"))


@pytest.mark.parametrize(
    ("wanted", "known", "routed"),
    [
        ("", "", True),
        ("org", "", True),
        ("acme", "org", True),
        ("acme", "", True),
        ("acme", "another", False),
    ],
)
def test_an_organization_that_is_named_must_fit(wanted: str, known: str, routed: bool) -> None:  # noqa: FBT001
    answer = route(TEAM, "org", [blueprint(organization=wanted, organization_id=known)])

    assert isinstance(answer, Routed) is routed


def test_a_team_without_a_blueprint_is_told_what_to_apply_and_where() -> None:
    answer = route(TEAM, "org", [blueprint(team="OPS")], ("agents", "more"))

    assert answer == Refusal(
        RunReason.BLUEPRINT_NOT_FOUND,
        "No Blueprint takes the issues of team Engineering (ENG), so I have not started. Somebody "
        "who runs this cluster can apply a Blueprint with `spec.linear.team: ENG` in `agents` or "
        "`more` (`kubectl get blueprints -A` shows the ones there are), then reply here or "
        "delegate again.",
    )


@pytest.mark.parametrize(
    ("allow", "deny", "delegator", "allowed"),
    [
        ((), (), JANE, True),
        ((), (), None, True),
        (("jane-id",), (), JANE, True),
        (("JANE@example.com",), (), JANE, True),
        (("joe",), (), JANE, False),
        (("joe",), (), None, False),
        ((), ("Jane-Id",), JANE, False),
        (("jane-id",), ("jane-id",), JANE, False),
        ((), ("joe",), None, True),
        ((), ("",), Person("x"), True),
    ],
)
def test_lists_of_delegators(
    allow: tuple[str, ...],
    deny: tuple[str, ...],
    delegator: Person | None,
    allowed: bool,  # noqa: FBT001
) -> None:
    refusal = may_delegate(PickUp(allow=allow, deny=deny), delegator)

    assert (refusal is None) is allowed


def test_a_person_who_may_not_delegate_is_told_which_list_says_so() -> None:
    assert may_delegate(PickUp(deny=("jane-id",)), JANE) == Refusal(
        RunReason.DELEGATOR_NOT_ALLOWED,
        "Jane Doe may not delegate to me: `pickUp.denyDelegators` says so. Ask somebody who may "
        "to delegate, or have the Blueprint changed, then reply here or delegate again.",
    )


def issue(state: str | None, *labels: str) -> Issue | None:
    """Return an issue in a state of that type; without one it could not be read."""
    if state is None:
        return None
    team = Team("team-1", "ENG", "Engineering")
    return Issue(
        "i-1", "ENG-1", "t", "u", team, state=WorkflowState("s", "S", state), labels=labels
    )


@pytest.mark.parametrize("state", ["unstarted", "started", "completed", "canceled", None])
def test_a_state_that_is_listed_or_cannot_be_read_is_taken(state: str | None) -> None:
    assert may_pick_up(PickUp(), issue(state), JANE) is None


@pytest.mark.parametrize("state", ["triage", "backlog", "new-kind"])
def test_any_other_state_is_refused_with_a_way_out(state: str) -> None:
    assert may_pick_up(PickUp(override_label="deputy"), issue(state, "bug"), JANE) == Refusal(
        RunReason.STATE_NOT_ALLOWED,
        f"This issue is in a state of type `{state}`, and I take issues only in `unstarted`, "
        "`started`, `completed` or `canceled`. Move it to one of those, or give it the label "
        "`deputy`, then reply here or delegate again.",
    )


def test_the_override_label_lifts_the_rule_on_states() -> None:
    assert may_pick_up(PickUp(override_label="deputy"), issue("backlog", "Deputy"), JANE) is None


def test_the_override_label_does_not_lift_the_rule_on_people() -> None:
    refusal = may_pick_up(
        PickUp(override_label="x", deny=("jane-id",)), issue("started", "x"), JANE
    )

    assert refusal is not None
    assert refusal.reason is RunReason.DELEGATOR_NOT_ALLOWED


def test_without_an_override_label_no_label_lifts_it() -> None:
    assert may_pick_up(PickUp(), issue("backlog", ""), JANE) is not None


SQUATTER = blueprint("squat", "Engineering", namespace="tenant-b")
OWNER = blueprint("api", namespace="tenant-a", created=OLD + dt.timedelta(days=1))


def test_a_team_that_is_bound_to_namespaces_is_taken_nowhere_else() -> None:
    both = [SQUATTER, OWNER]

    assert route(TEAM, "org", both) == Routed(SQUATTER)
    assert route(TEAM, "org", both, (), {"eng": ["tenant-a"]}) == Routed(OWNER)


@pytest.mark.parametrize("name", ["ENG", "eng", "Engineering", "team-id"])
def test_a_team_is_bound_by_any_of_its_names(name: str) -> None:
    assert not may_be_in("tenant-b", TEAM, {name: ["tenant-a"]})
    assert may_be_in("tenant-b", TEAM, {name: ["tenant-a"], "ENG": ["tenant-b"]})


def test_a_team_that_nobody_bound_may_be_taken_anywhere() -> None:
    assert may_be_in("tenant-b", TEAM, {"OPS": ["tenant-a"]})
