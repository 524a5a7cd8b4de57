"""Every document that Deputy sends, against the whole of Linear's schema."""

import functools

import graphql
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deputy.trackers.linear import documents
from deputy.trackers.updates import (
    AddLinks,
    ChangeIssue,
    Failure,
    PostActivity,
    PostComment,
    Priority,
    Response,
    SessionLink,
    SetPlan,
    Update,
)
from deputy.wire import Asked, Step, StepStatus, Thought, ToolFinished
from deputy_simulator.linear.schema import published

UPDATES: tuple[Update, ...] = (
    PostActivity("s", "a1", Thought("t", ephemeral=True), Priority.EPHEMERAL),
    PostActivity("s", "a2", ToolFinished("Ran", "make", "ok")),
    PostActivity("s", "a3", Asked("Which?", ("a", "b")), Priority.QUESTION),
    PostActivity("s", "a4", Response("Done."), Priority.TERMINAL),
    PostActivity("s", "a5", Failure("Broken."), Priority.TERMINAL),
    SetPlan("s", (Step("Read", StepStatus.PENDING),)),
    AddLinks("s", (SessionLink("Pull request", "https://example.com/1"),)),
    ChangeIssue("i", state_id="st", delegate_id="me"),
    PostComment("i", "c", "Done."),
)


@functools.cache
def schema() -> graphql.GraphQLSchema:
    return graphql.build_schema(published(), assume_valid=True)


def faults(document: str) -> list[str]:
    errors = graphql.validate(schema(), graphql.parse(document))
    return [error.message for error in errors]


#: Documents without a part that is built; what begins with an underscore is a part.
FIXED = {
    name: value
    for name, value in vars(documents).items()
    if name.isupper() and not name.startswith("_") and isinstance(value, str)
}


@pytest.mark.parametrize("name", sorted(FIXED))
def test_a_fixed_document_is_valid(name: str) -> None:
    assert faults(FIXED[name]) == []


def test_every_fixed_document_is_checked() -> None:
    assert FIXED.keys() == {"VIEWER", "ISSUE", "ISSUES", "TEAMS", "SESSIONS"}


@pytest.mark.parametrize("update", UPDATES, ids=lambda update: type(update).__name__)
def test_each_update_alone_is_valid(update: Update) -> None:
    assert faults(documents.batch([update]).query) == []


@given(st.lists(st.sampled_from(UPDATES), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_every_batch_is_valid_and_so_are_its_variables(updates: list[Update]) -> None:
    document = documents.batch(updates)

    assert faults(document.query) == []
    operation = graphql.parse(document.query).definitions[0]
    assert isinstance(operation, graphql.OperationDefinitionNode)
    variables = {
        # The schema says an object where Linear's documentation says a list of steps.
        name: {**value, "plan": {}} if isinstance(value, dict) and "plan" in value else value
        for name, value in document.variables.items()
    }
    coerced = graphql.execution.values.get_variable_values(
        schema(), operation.variable_definitions or (), variables
    )
    assert not isinstance(coerced, list), coerced


def test_a_batch_has_an_alias_and_variables_of_its_own_for_each_update() -> None:
    document = documents.batch([PostComment("i", "c", "Hello"), ChangeIssue("i", state_id="st")])

    assert document == documents.Document(
        "mutation Updates("
        "$input0: CommentCreateInput!, $id1: String!, $input1: IssueUpdateInput!) {\n"
        "  u0: commentCreate(input: $input0) { success }\n"
        "  u1: issueUpdate(id: $id1, input: $input1) { success }\n}",
        {
            "input0": {"id": "c", "issueId": "i", "body": "Hello"},
            "id1": "i",
            "input1": {"stateId": "st"},
        },
    )
