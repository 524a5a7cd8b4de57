"""Facts that are read from our objects, each in one place."""

import datetime as dt
import json
from typing import Any

import pytest

from deputy.api.agentrun import AgentRun
from deputy.api.blueprint import Blueprint, BlueprintSpec
from deputy.api.facts import (
    attempt_of,
    blueprint_facts,
    contender,
    created_of,
    delegator_of,
    hash_of,
    is_concluded,
    outcome_of,
    owned_by,
    owner_of,
    prompts_in,
    run_facts,
    sessions_of,
    spec_as_text,
    spec_in_force,
    undelivered,
)
from deputy.core.admission import Contender, queue
from deputy.core.claim_facts import RunFacts
from deputy.core.outcome import RunOutcome
from deputy.core.phase import Phase
from deputy.core.reason import RunReason
from deputy.core.routing import BlueprintFacts, PickUp
from deputy.trackers.models import Person
from tests.support.manifests import AGENT, LINEAR, NAMESPACE, agent_run, blueprint

CREATED = dt.datetime(2026, 11, 21, 9, tzinfo=dt.UTC)
METADATA = {"uid": "uid-1", "creationTimestamp": "2026-11-21T09:00:00Z"}


def run(
    name: str = "linear-abc-1", status: Any = None, metadata: Any = None, **spec: Any
) -> AgentRun:
    body = agent_run(name, status, METADATA | (metadata or {}), **spec)
    return AgentRun.model_validate(body)


def message(name: str, text: str = "More.", **more: str) -> dict[str, str]:
    return {"id": name, "kind": "Prompt", "text": text} | more


def succeeded(status: str, reason: str = "Completed") -> dict[str, str]:
    return {
        "type": "Succeeded",
        "status": status,
        "lastTransitionTime": "2026-11-21T12:00:00Z",
        "reason": reason,
        "message": "the agent finished",
    }


# Whose an object is


def test_a_run_owns_what_refers_to_it() -> None:
    assert owner_of(run()) == {
        "apiVersion": "deputy.dev/v1alpha1",
        "kind": "AgentRun",
        "name": "linear-abc-1",
        "uid": "uid-1",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    assert owned_by({"metadata": {"ownerReferences": [owner_of(run())]}}, run())


@pytest.mark.parametrize(
    "metadata",
    [{}, {"ownerReferences": None}, {"ownerReferences": [owner_of(run()) | {"uid": "older"}]}],
    ids=["no owner", "none", "an older run of the same name"],
)
def test_a_run_does_not_own_what_refers_to_another(metadata: Any) -> None:
    assert not owned_by({"metadata": metadata}, run())


# How a run ends


@pytest.mark.parametrize(
    "status", [None, {}, {"conditions": []}, {"conditions": [succeeded("Unknown", "Working")]}]
)
def test_the_end_of_a_run_is_open_until_its_status_has_it(status: Any) -> None:
    assert outcome_of(run(status=status)) is None
    assert not is_concluded(run(status=status))


@pytest.mark.parametrize(("truth", "reason"), [("True", "Completed"), ("False", "OOMKilled")])
def test_the_end_of_a_run_is_what_its_status_has(truth: str, reason: str) -> None:
    over = run(status={"conditions": [succeeded(truth, reason)], "response": "Done."})

    assert outcome_of(over) == RunOutcome(RunReason(reason), "the agent finished", "Done.")
    assert is_concluded(over)


# What was said to it


def test_the_attempt_is_the_one_that_the_status_tells_of() -> None:
    assert attempt_of(run(attempt=2)) == 2
    assert attempt_of(run(attempt=2, status={"attempt": 1})) == 1


def test_sessions_are_named_once_and_the_first_one_first() -> None:
    joined = [message(f"m-{n}", sessionId=f"session-{1 + n % 2}") for n in (1, 2, 3)]

    assert sessions_of(run(linear=LINEAR, inbox=joined)) == ("session-1", "session-2")
    assert sessions_of(run(linear=LINEAR, inbox=[message("m-1")])) == ("session-1",)
    assert sessions_of(run(inbox=joined)) == ()


def test_prompts_are_what_people_said_in_order() -> None:
    inbox = [message("m-1"), message("m-2", kind="Stop"), message("m-3", " \n"), message("m-4")]

    assert [entry.id for entry in prompts_in(run(inbox=inbox))] == ["m-1", "m-4"]


@pytest.mark.parametrize(
    ("through", "left"),
    [("", ("m-1", "m-2")), ("task-1", ("m-1", "m-2")), ("m-1", ("m-2",)), ("m-2", ())],
)
def test_what_was_said_since_the_last_delivery_is_undelivered(
    through: str, left: tuple[str, ...]
) -> None:
    assert undelivered(run(inbox=[message("m-1"), message("m-2")]), through) == left


@pytest.mark.parametrize(
    ("spec", "person"),
    [
        ({}, None),
        ({"linear": LINEAR}, None),
        ({"linear": LINEAR | {"delegatorId": "jane"}}, Person("jane")),
        (
            {"linear": LINEAR | {"delegatorId": "jane", "delegatorEmail": "jane@example.com"}},
            Person("jane", email="jane@example.com"),
        ),
    ],
    ids=["by hand", "an automation", "a person", "a person with an address"],
)
def test_who_delegated_is_known_by_the_run(spec: Any, person: Person | None) -> None:
    assert delegator_of(run(**spec)) == person


# What admission must know


def test_a_contender_has_the_priority_that_was_read_last() -> None:
    named = LINEAR | {"priority": 3}

    assert contender(run()).priority == 0
    assert contender(run(linear=named)).priority == 3
    assert contender(run(status={"priority": 2}, linear=named)).priority == 2
    assert contender(run(status={"priority": 2}, linear=named), 0).priority == 0


def test_a_contender_is_told_by_its_status() -> None:
    over = run(status={"phase": "Running", "conditions": [succeeded("True")]})

    assert contender(run()) == Contender(
        "uid-1", "linear-abc-1", Phase.QUEUED, priority=0, created=CREATED, ended=False
    )
    assert contender(over) == Contender(
        "uid-1", "linear-abc-1", Phase.RUNNING, priority=0, created=CREATED, ended=True
    )


def test_a_run_that_was_never_created_cannot_wait() -> None:
    with pytest.raises(ValueError, match="linear-abc-1 has no creation time"):
        contender(run(metadata={"creationTimestamp": None}))


def received(name: str, noted: str) -> AgentRun:
    annotations = {"deputy.dev/received": noted} if noted else {}
    return run(name, metadata={"uid": name, "annotations": annotations})


def test_runs_of_one_second_wait_in_the_order_in_which_they_were_delegated() -> None:
    runs = [
        received("a", "2026-11-21T09:00:00.900000+00:00"),
        received("b", "2026-11-21T09:00:00.100000+00:00"),
        received("c", "2026-11-21T09:00:00.500000+00:00"),
    ]

    assert [one.name for one in queue(map(contender, runs))] == ["b", "c", "a"]


def test_a_run_without_a_readable_note_is_as_old_as_its_object() -> None:
    noted = ("", "soon", "2026-11-21T08:00:00")

    assert [contender(received("a", note)).created for note in noted] == [CREATED] * 3


# What claiming must know


def test_a_run_that_nobody_has_looked_at_has_neither_phase_nor_status() -> None:
    assert run_facts(run(linear=LINEAR)) == RunFacts(
        name="linear-abc-1",
        number=1,
        namespace=NAMESPACE,
        uid="uid-1",
        phase=None,
        sessions=frozenset({"session-1"}),
        messages=frozenset({"session-1"}),
        inbox_bytes=len("Fix it."),
        begun=CREATED,
        as_seen=("/status", None),
    )


def test_a_run_is_seen_with_all_that_was_said_to_it() -> None:
    linear = LINEAR | {"activityId": "activity-1", "appUserId": "app-1"}
    inbox = [message("m-1", "Grüße", sessionId="session-2"), message("m-2", kind="Stop", text="")]
    status = {"phase": "Running", "conditions": [succeeded("False", "StoppedByUser")]}

    facts = run_facts(
        run("linear-abc-7", status, linear=linear, inbox=inbox, desiredState="Stopped")
    )

    assert facts == RunFacts(
        name="linear-abc-7",
        number=7,
        namespace=NAMESPACE,
        uid="uid-1",
        phase=Phase.RUNNING,
        stopping=True,
        concluded=True,
        sessions=frozenset({"session-1", "session-2"}),
        messages=frozenset({"activity-1", "m-1", "m-2"}),
        app_user_id="app-1",
        inbox_length=2,
        inbox_waiting=1,
        inbox_bytes=len("Fix it.Grüße".encode()),
        begun=CREATED,
        as_seen=("/status/phase", Phase.RUNNING),
    )


def test_a_status_without_a_phase_is_seen_as_such() -> None:
    facts = run_facts(run(status={"attempt": 1}))

    assert (facts.phase, facts.as_seen) == (None, ("/status/phase", None))


def test_a_run_that_is_being_deleted_is_stopping() -> None:
    assert run_facts(run(metadata={"deletionTimestamp": "2026-11-21T10:00:00Z"})).stopping
    assert not run_facts(run()).stopping


def test_a_run_made_by_hand_belongs_to_no_session() -> None:
    facts = run_facts(run("by-hand-3"))

    assert (facts.number, facts.sessions, facts.messages) == (0, frozenset(), frozenset())


# What routing must know


def spec_of(**spec: Any) -> BlueprintSpec:
    return BlueprintSpec.model_validate({"agent": AGENT} | spec)


def read_blueprint(metadata: Any = None, linear_status: Any = None, **spec: Any) -> Blueprint:
    body = blueprint("True", **spec)
    body["metadata"] |= METADATA | (metadata or {})
    body["status"]["linear"] = linear_status or {}
    return Blueprint.model_validate(body)


TEAM = {"team": "ENG", "states": {"inProgress": "In Progress"}}


def test_a_blueprint_routes_by_what_it_names_and_by_what_that_stands_for() -> None:
    pick_up = {
        "stateTypes": ["backlog"],
        "overrideLabel": "deputy",
        "allowDelegators": ["jane@example.com"],
        "denyDelegators": ["joe"],
    }

    facts = blueprint_facts(
        read_blueprint(
            linear_status={"teamId": "team-1", "organizationId": "org-1"},
            linear=TEAM | {"organization": "Acme", "pickUp": pick_up},
            agent=AGENT | {"promptTemplate": "Do {{ title }}"},
        )
    )

    assert facts == BlueprintFacts(
        name="api",
        namespace=NAMESPACE,
        created=CREATED,
        team="ENG",
        team_id="team-1",
        organization="Acme",
        organization_id="org-1",
        pick_up=PickUp(("backlog",), "deputy", ("jane@example.com",), ("joe",)),
        prompt_template="Do {{ title }}",
    )


@pytest.mark.parametrize(
    "unroutable",
    [
        read_blueprint(),
        read_blueprint(metadata={"deletionTimestamp": "2026-11-21T10:00:00Z"}, linear=TEAM),
    ],
    ids=["takes no issues", "is being deleted"],
)
def test_a_blueprint_that_takes_no_issues_is_not_routed_to(unroutable: Blueprint) -> None:
    assert blueprint_facts(unroutable) is None


def test_a_blueprint_that_does_not_tell_its_age_is_younger_than_all() -> None:
    ageless = read_blueprint(metadata={"creationTimestamp": None})

    assert created_of(read_blueprint()) == CREATED
    assert created_of(ageless) > dt.datetime(9999, 1, 1, tzinfo=dt.UTC)


# The spec that a run goes by


def pod_of(**annotations: str) -> dict[str, Any]:
    return {"metadata": {"annotations": annotations}}


def test_a_run_goes_by_the_spec_that_its_pod_was_made_from() -> None:
    made_from = spec_of(timeoutSeconds=60)
    pod = pod_of(**{"deputy.dev/blueprint-spec": spec_as_text(made_from)})

    assert spec_in_force(pod, read_blueprint(timeoutSeconds=90)) == made_from
    assert spec_in_force(pod, None) == made_from


@pytest.mark.parametrize("pod", [None, {"metadata": {}}, {"metadata": {"annotations": None}}])
def test_a_run_without_a_pod_goes_by_the_present_spec(pod: Any) -> None:
    present = read_blueprint(timeoutSeconds=90)

    assert spec_in_force(pod, present) == present.spec
    assert spec_in_force(pod, None) is None


def test_a_spec_is_hashed_by_what_it_says_and_not_by_what_is_left_at_its_default() -> None:
    plain, spelled_out = spec_of(), spec_of(maxConcurrentRuns=spec_of().max_concurrent_runs)

    assert hash_of(plain) == hash_of(spelled_out)
    assert hash_of(plain) != hash_of(spec_of(timeoutSeconds=60))
    assert len(hash_of(plain)) == 16


def test_a_spec_as_text_is_what_a_user_would_write() -> None:
    assert BlueprintSpec.model_validate_json(spec_as_text(spec_of())) == spec_of()
    assert spec_as_text(spec_of(timeoutSeconds=60)) == (
        '{"agent": {"image": "localhost/agent:1", "command": ["agent"]}, "timeoutSeconds": 60}'
    )


def noted(**spec: object) -> dict[str, Any]:
    text = json.dumps({"agent": {"image": "noted", "command": ["agent"]}} | spec)
    return pod_of(**{"deputy.dev/blueprint-spec": text})


def test_what_a_newer_operator_noted_in_a_pod_is_read_as_far_as_it_is_known() -> None:
    newer = {"image": "noted", "command": ["a"], "newer": {}}

    spec = spec_in_force(noted(fieldOfTomorrow=1, agent=newer), None)

    assert spec is not None
    assert spec.agent.image == "noted"


def test_a_note_that_cannot_be_read_at_all_stops_nothing() -> None:
    assert spec_in_force(noted(agent={"image": {"newer": "shape"}}), None) is None
