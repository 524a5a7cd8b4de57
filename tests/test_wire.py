"""What sidecar and relay say survives its way as JSON, and an unknown field is no harm."""

import json
import uuid
from typing import Any

import pytest

from deputy.wire import (
    Answered,
    Asked,
    EventsAnswer,
    Finished,
    GitToken,
    Hello,
    Message,
    MessageKind,
    NumberedEvent,
    Outcome,
    PlanChanged,
    Step,
    StepStatus,
    Thought,
    ToolFinished,
    TurnStarted,
    Workspace,
    event_from_json,
    from_json,
    stable_id,
    to_json,
    workspace_from_environment,
)

EVENTS = [
    Hello("gemini-cli"),
    TurnStarted("m1"),
    Thought("Grüße"),
    Thought("working", ephemeral=True),
    ToolFinished("Ran", "ls", "a\nb"),
    PlanChanged((Step("a", StepStatus.IN_PROGRESS), Step("b", StepStatus.CANCELED))),
    PlanChanged(()),
    Asked("Which?", ("a", "b")),
    Answered("m2"),
    Finished(Outcome.COMPLETED, "Completed", "Done.", "m2", "branch", "abc", 3),
]
WORKSPACE = Workspace("run", "uid", 1, "ACP", "gemini", "https://relay", "PEM")


def through_json(thing: Any) -> Any:
    return json.loads(json.dumps(to_json(thing)))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_survives_its_way(event: Any) -> None:
    numbered = NumberedEvent(7, event)

    assert from_json(NumberedEvent, through_json(numbered)) == numbered
    assert through_json(numbered)["event"]["kind"] == event.kind


@pytest.mark.parametrize(
    "thing",
    [
        EventsAnswer(3, {2: "too long"}),
        EventsAnswer(0),
        Message("m", MessageKind.STOP),
        Message("m", MessageKind.PROMPT, "text", "Ada"),
        GitToken("user", "pass", 60),
        WORKSPACE,
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_everything_else_survives_its_way(thing: Any) -> None:
    assert from_json(type(thing), through_json(thing)) == thing


def test_a_field_that_nobody_knows_is_ignored() -> None:
    assert event_from_json({"kind": "thought", "body": "x", "mood": "good"}) == Thought("x")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "sneeze"},
        {"kind": "thought"},
        {"kind": "thought", "body": 3},
        {"kind": "thought", "body": "x", "ephemeral": "yes"},
        {"kind": "plan", "steps": "none"},
        {"kind": "plan", "steps": [{"content": "a", "status": "later"}]},
        {"kind": "finished", "outcome": "Completed", "reason": "", "text": "", "commits": True},
    ],
)
def test_what_is_no_event_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not |unknown kind"):
        event_from_json(body)


def test_a_workspace_is_read_from_its_variable() -> None:
    assert workspace_from_environment(json.dumps(to_json(WORKSPACE))) == WORKSPACE


@pytest.mark.parametrize("text", ["", "{}", "no json"])
def test_a_variable_that_is_no_workspace_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  json has words of its own
        workspace_from_environment(text)


def test_an_id_is_the_same_for_ever_and_has_the_shape_of_version_4() -> None:
    made = stable_id("run/1", "event/7")

    assert made == "3f2eb119-0686-4a89-a6d5-1c4f6abe42e4"
    assert uuid.UUID(made).version == 4
    assert uuid.UUID(made).variant == uuid.RFC_4122


def test_ids_of_different_things_differ() -> None:
    ids = {stable_id(scope, key) for scope in ("a", "b") for key in ("1", "2", "11")}

    assert len(ids) == 6
