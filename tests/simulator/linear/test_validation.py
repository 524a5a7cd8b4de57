from __future__ import annotations

from typing import Any

import pytest

from deputy_simulator.linear.entities import Link
from deputy_simulator.linear.errors import InvalidInputError
from deputy_simulator.linear.validation import (
    check_activity,
    check_links,
    check_plan,
    check_summary,
)

ACCEPTED: list[tuple[dict[str, Any], bool, str | None, Any]] = [
    ({"type": "thought", "body": "x"}, False, None, None),
    ({"type": "thought", "body": "x"}, True, None, None),
    ({"type": "action", "action": "Read", "parameter": "a.py"}, True, None, None),
    ({"type": "action", "action": "Read", "parameter": "a.py", "result": "ok"}, False, None, None),
    ({"type": "elicitation", "body": "x"}, False, None, None),
    ({"type": "elicitation", "body": "x"}, False, "select", {"options": [{"value": "a"}]}),
    ({"type": "elicitation", "body": "x"}, False, "auth", {"url": "https://a"}),
    ({"type": "response", "body": "x"}, False, None, None),
    ({"type": "response", "body": "x"}, False, "continue", None),
    ({"type": "error", "body": "x"}, False, None, None),
]

REFUSED: list[tuple[Any, bool, str | None, Any, str]] = [
    ("x", False, None, None, "content must be an object."),
    ({"body": "x"}, False, None, None, "content.type None is not a valid activity type."),
    (
        {"type": "musing", "body": "x"},
        False,
        None,
        None,
        "content.type 'musing' is not a valid activity type.",
    ),
    (
        {"type": "prompt", "body": "x"},
        False,
        None,
        None,
        "Agents cannot create prompt activities.",
    ),
    ({"type": "thought"}, False, None, None, "content.body must not be empty in type thought."),
    (
        {"type": "response", "body": " \n"},
        False,
        None,
        None,
        "content.body must not be empty in type response.",
    ),
    (
        {"type": "action", "action": "Read"},
        False,
        None,
        None,
        "content.parameter must not be empty in type action.",
    ),
    (
        {"type": "action", "action": "Read", "parameter": ""},
        False,
        None,
        None,
        "content.parameter must not be empty in type action.",
    ),
    (
        {"type": "action", "action": "", "parameter": "a"},
        False,
        None,
        None,
        "content.action must not be empty in type action.",
    ),
    (
        {"type": "action", "action": "Read", "parameter": "a", "result": 1},
        False,
        None,
        None,
        "content.result must be a string.",
    ),
    (
        {"type": "response", "body": "x"},
        True,
        None,
        None,
        "An activity of type response cannot be ephemeral.",
    ),
    (
        {"type": "error", "body": "x"},
        True,
        None,
        None,
        "An activity of type error cannot be ephemeral.",
    ),
    ({"type": "thought", "body": "x"}, False, "select", {}, "Signal select needs an elicitation."),
    (
        {"type": "elicitation", "body": "x"},
        False,
        "select",
        {"options": []},
        "select needs options with a value each.",
    ),
    ({"type": "elicitation", "body": "x"}, False, "auth", None, "auth needs a url."),
    ({"type": "thought", "body": "x"}, False, "stop", None, "Agents cannot send the signal stop."),
]


@pytest.mark.parametrize(("content", "ephemeral", "signal", "metadata"), ACCEPTED)
def test_what_an_agent_may_say_is_accepted(
    content: dict[str, Any], ephemeral: Any, signal: str | None, metadata: Any
) -> None:
    checked = check_activity(content, ephemeral=ephemeral, signal=signal, metadata=metadata)

    assert checked == content


@pytest.mark.parametrize(("content", "ephemeral", "signal", "metadata", "reason"), REFUSED)
def test_what_an_agent_may_not_say_is_refused_with_a_reason(
    content: Any, ephemeral: Any, signal: str | None, metadata: Any, reason: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_activity(content, ephemeral=ephemeral, signal=signal, metadata=metadata)

    assert refused.value.extensions["userPresentableMessage"] == reason


@pytest.mark.parametrize(
    "plan",
    [
        None,
        [],
        [{"content": "a", "status": status} for status in ("pending", "inProgress", "completed")],
        [{"content": "a", "status": "canceled"}],
    ],
)
def test_a_plan_is_a_list_of_steps(plan: Any) -> None:
    assert check_plan(plan) == plan


@pytest.mark.parametrize(
    "plan", [{"steps": []}, ["a"], [{"content": "a"}], [{"content": "a", "status": "failed"}]]
)
def test_a_plan_of_any_other_shape_is_refused(plan: Any) -> None:
    with pytest.raises(InvalidInputError):
        check_plan(plan)


@pytest.mark.parametrize("summary", ["", "  ", "a\nb", "a\0", "x" * 256])
def test_a_title_that_is_blank_or_long_or_broken_is_refused(summary: str) -> None:
    with pytest.raises(InvalidInputError):
        check_summary(summary)


def test_links_with_the_same_address_are_refused() -> None:
    twice = [{"label": "a", "url": "https://a"}, {"label": "b", "url": "https://a"}]

    with pytest.raises(InvalidInputError):
        check_links(twice)


def test_links_are_kept_in_their_order() -> None:
    told = [{"label": "b", "url": "https://b"}, {"label": "a", "url": "https://a"}]

    assert check_links(told) == (
        Link(label="b", url="https://b"),
        Link(label="a", url="https://a"),
    )


def test_a_link_that_is_not_a_web_address_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        check_links([{"label": "a", "url": "javascript:alert(1)"}])
