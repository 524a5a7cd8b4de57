"""How updates look to Linear."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deputy.trackers.linear import content
from deputy.trackers.updates import (
    AddLinks,
    ChangeIssue,
    Content,
    Failure,
    PostActivity,
    PostComment,
    Response,
    SessionLink,
    SetPlan,
    Update,
)
from deputy.wire import Asked, Step, StepStatus, Thought, ToolFinished
from deputy_simulator.linear.validation import check_activity


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (Thought("Reading."), {"content": {"type": "thought", "body": "Reading."}}),
        (
            Thought("Reading.", ephemeral=True),
            {"content": {"type": "thought", "body": "Reading."}, "ephemeral": True},
        ),
        (
            ToolFinished("Ran", "make test"),
            {"content": {"type": "action", "action": "Ran", "parameter": "make test"}},
        ),
        (
            ToolFinished("Ran", "make test", "3 passed", ephemeral=True),
            {
                "content": {
                    "type": "action",
                    "action": "Ran",
                    "parameter": "make test",
                    "result": "3 passed",
                },
                "ephemeral": True,
            },
        ),
        (
            ToolFinished("Looked", " "),
            {"content": {"type": "action", "action": "Looked", "parameter": "–"}},  # noqa: RUF001
        ),
        (Asked("Which?"), {"content": {"type": "elicitation", "body": "Which?"}}),
        (
            Asked("Which?", ("main", "dev", "main")),
            {
                "content": {"type": "elicitation", "body": "Which?"},
                "signal": "select",
                "signalMetadata": {"options": [{"value": "main"}, {"value": "dev"}]},
            },
        ),
        (Response("Done."), {"content": {"type": "response", "body": "Done."}}),
        (Failure("It broke."), {"content": {"type": "error", "body": "It broke."}}),
    ],
)
def test_each_content_has_linears_shape(told: Content, expected: dict[str, Any]) -> None:
    activity = content.activity_input(PostActivity("s", "a", told))

    assert activity == {"id": "a", "agentSessionId": "s", **expected}


def test_a_plan_is_a_list_in_linears_words() -> None:
    plan = SetPlan("s", (Step("Read", StepStatus.COMPLETED), Step("", StepStatus.IN_PROGRESS)))

    assert content.plan_input(plan) == {
        "plan": [
            {"content": "Read", "status": "completed"},
            {"content": "–", "status": "inProgress"},  # noqa: RUF001
        ]
    }


def test_an_address_is_added_once() -> None:
    links = (
        SessionLink("Run", "https://a"),
        SessionLink("", "https://b"),
        SessionLink("Run!", "https://a"),
    )

    assert content.links_input(AddLinks("s", links)) == {
        "addedExternalUrls": [
            {"label": "Run!", "url": "https://a"},
            {"label": "https://b", "url": "https://b"},
        ]
    }


def test_what_stays_as_it_is_is_absent_and_not_null() -> None:
    assert content.issue_input(ChangeIssue("i", state_id="st")) == {"stateId": "st"}
    assert content.issue_input(ChangeIssue("i", delegate_id="me")) == {"delegateId": "me"}


@pytest.mark.parametrize(
    "update",
    [
        PostActivity("s", "a", Thought(" \n\0")),
        PostComment("i", "c", ""),
        AddLinks("s", ()),
        ChangeIssue("i"),
    ],
)
def test_nothing_is_said_by_what_nobody_would_see(update: Update) -> None:
    assert content.is_empty(update)


@pytest.mark.parametrize(
    "update",
    [
        PostActivity("s", "a", Response("")),
        PostActivity("s", "a", ToolFinished("", "")),
        SetPlan("s", ()),
        ChangeIssue("i", state_id="st"),
    ],
)
def test_an_end_and_a_cleared_plan_say_something_without_words(update: Update) -> None:
    assert not content.is_empty(update)


def test_what_is_too_long_ends_in_an_ellipsis() -> None:
    assert content.sanitised("x" * 20_000) == "x" * 15_999 + "…"
    assert content.sanitised("x" * 16_000) == "x" * 16_000


WORDS = st.text(st.characters(exclude_categories=()), max_size=40)
CONTENTS: st.SearchStrategy[Content] = st.one_of(
    st.builds(Thought, WORDS, st.booleans()),
    st.builds(ToolFinished, WORDS, WORDS, WORDS, st.booleans()),
    st.builds(Asked, WORDS, st.lists(WORDS, max_size=3).map(tuple)),
    st.builds(Response, WORDS),
    st.builds(Failure, WORDS),
)


@given(CONTENTS)
def test_linear_accepts_whatever_is_said(told: Content) -> None:
    activity = content.activity_input(PostActivity("s", "a", told))

    checked = check_activity(
        activity["content"],
        ephemeral=activity.get("ephemeral", False),
        signal=activity.get("signal"),
        metadata=activity.get("signalMetadata"),
    )
    assert repr(checked).encode()
