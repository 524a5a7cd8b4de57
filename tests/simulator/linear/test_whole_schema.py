"""Whatever document Linear's published schema allows is answered."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import graphql
import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
)

from deputy_simulator.linear.fields import FIELDS
from deputy_simulator.linear.mutations import MUTATIONS
from deputy_simulator.linear.queries import QUERIES
from deputy_simulator.linear.schema import published, schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulator.linear.conftest import Linear

#: A value of each scalar that an argument may need.
_SCALARS = {"Boolean": "true", "Float": "1", "Int": "1", "JSON": '"{}"', "JSONObject": "{}"}

#: Where each kind of entity is; SESSION stands for the id of a session.
PLACES = {
    "Organization": "organization { %s }",
    "Team": 'team(id: "ENG") { %s }',
    "User": "viewer { %s }",
    "Issue": 'issue(id: "ENG-1") { %s }',
    "Comment": 'agentSession(id: "SESSION") { comment { %s } }',
    "AgentSession": 'agentSession(id: "SESSION") { %s }',
    "AgentActivity": "agentActivities(first: 2) { nodes { %s } }",
    "WorkflowState": "workflowStates(first: 2) { nodes { %s } }",
    "IssueLabel": "issueLabels(first: 2) { nodes { %s } }",
    "Attachment": 'attachmentsForURL(url: "https://a", first: 2) { nodes { %s } }',
    "Reaction": 'agentSession(id: "SESSION") { comment { reactions { %s } } }',
}

MAKE = """
mutation($comment: String!) {
  attachmentLinkURL(issueId: "ENG-1", url: "https://a") { success }
  reactionCreate(input: {commentId: $comment, emoji: "eyes"}) { success }
}
"""


def root(kind: GraphQLObjectType | None) -> dict[str, GraphQLField]:
    assert kind is not None
    fields: dict[str, GraphQLField] = kind.fields
    return fields


def literal(kind: Any) -> str:
    """Write a value that an argument of this type takes."""
    if isinstance(kind, GraphQLNonNull):
        return literal(kind.of_type)
    if isinstance(kind, GraphQLList):
        return "[]"
    if isinstance(kind, GraphQLEnumType):
        return str(next(iter(kind.values)))
    if isinstance(kind, GraphQLInputObjectType):
        return f"{{{given(kind.fields)}}}"
    return _SCALARS.get(kind.name, '"x"')


def given(arguments: dict[str, GraphQLArgument] | dict[str, GraphQLInputField]) -> str:
    """Write what has to be given, and how long a list may be."""
    needed = {
        name: literal(known.type)
        for name, known in arguments.items()
        if isinstance(known.type, GraphQLNonNull)
    }
    if "first" in arguments:
        needed["first"] = "2"
    return ", ".join(f"{name}: {value}" for name, value in needed.items())


def field(name: str, known: GraphQLField, depth: int) -> str:
    """Select a field with all that is in it, as deep as is asked for."""
    arguments = given(known.args)
    written = f"{name}({arguments})" if arguments else name
    kind = get_named_type(known.type)
    return written if is_leaf_type(kind) else f"{written} {{ {selection(kind, depth - 1)} }}"


def selection(kind: Any, depth: int) -> str:
    chosen = [
        field(name, known, depth)
        for name, known in getattr(kind, "fields", {}).items()
        if depth or is_leaf_type(get_named_type(known.type))
    ]
    return " ".join(["__typename", *chosen])


async def errors(linear: Linear, document: str) -> list[tuple[str, str]]:
    told = await linear.ask(document)
    return [(e["extensions"]["code"], e["message"]) for e in told.get("errors", ())]


def test_the_published_schema_is_valid() -> None:
    assert graphql.validate_schema(graphql.build_schema(published())) == []


def test_what_the_simulator_answers_from_its_data_is_in_the_schema() -> None:
    built = schema()

    assert set(QUERIES) <= set(root(built.query_type))
    assert set(MUTATIONS) <= set(root(built.mutation_type))


#: Queries that real Linear refuses to an application, and the simulator too.
REFUSED = {"webhook": "Invalid role: admin required", "webhooks": "Invalid role: admin required"}


@pytest.mark.parametrize("initial", sorted({name[0] for name in root(schema().query_type)}))
async def test_every_query_is_answered(linear: Linear, initial: str) -> None:
    queries = [n for n in root(schema().query_type).items() if n[0].startswith(initial)]
    unexpected = {}
    for name, known in queries:
        told = await errors(linear, f"{{ {field(name, known, 3)} }}")
        missing = "id" in known.args or any("Id" in argument for argument in known.args)
        others = [
            (code, message)
            for code, message in told
            if not (missing and message.startswith("Entity not found: "))
            and message != REFUSED.get(name)
        ]
        if others:
            unexpected[name] = others

    assert unexpected == {}


async def test_what_the_organisation_has_none_of_is_not_found(linear: Linear) -> None:
    told = await errors(linear, '{ project(id: "x") { name } }')

    assert told == [("INPUT_ERROR", "Entity not found: Project")]


@pytest.mark.parametrize("name", [*FIELDS, "Reaction"])
async def test_every_field_of_an_entity_is_answered(linear: Linear, name: str) -> None:
    made = await linear.do("delegate", issue="ENG-1")
    session, comment = made["sessionId"], made["session"]["commentId"]
    await linear.say(session, {"type": "thought", "body": "x"})
    await linear.ask(MAKE, comment=comment)
    kind = schema().type_map[name]
    assert isinstance(kind, GraphQLObjectType)

    chosen = [field(name, known, 2) for name, known in kind.fields.items()]

    for part in batches(chosen, 12):
        document = f"{{ {PLACES[name] % ' '.join(part)} }}".replace("SESSION", session)
        assert await errors(linear, document) == []


def batches(parts: list[str], size: int) -> Iterator[list[str]]:
    rest = iter(parts)
    return iter(lambda: list(itertools.islice(rest, size)), [])


async def test_a_mutation_that_is_not_modelled_is_refused_by_name(linear: Linear) -> None:
    mutations = root(schema().mutation_type)
    told = {
        name: await linear.ask(f"mutation {{ {field(name, known, 2)} }}")
        for name, known in mutations.items()
        if name not in MUTATIONS
    }

    assert len(told) > 300
    assert {(name, one["data"], one["errors"][0]["message"]) for name, one in told.items()} == {
        (name, None, f"The simulator does not model the mutation {name}.") for name in told
    }
    assert {one["errors"][0]["extensions"]["code"] for one in told.values()} == {
        "FEATURE_NOT_ACCESSIBLE"
    }


async def test_the_schema_is_told_to_who_asks_for_it(linear: Linear) -> None:
    told = await linear.ask(graphql.get_introspection_query(descriptions=False))

    names = {kind["name"] for kind in told["data"]["__schema"]["types"]}
    assert names == set(schema().type_map)


async def test_what_is_not_in_the_schema_is_refused(linear: Linear) -> None:
    told = await errors(linear, "{ viewer { shoeSize } }")

    assert told == [("GRAPHQL_VALIDATION_FAILED", "Cannot query field 'shoeSize' on type 'User'.")]


async def test_json_is_text_and_a_json_object_is_an_object(linear: Linear) -> None:
    session = await linear.delegated()
    options = {"options": [{"value": "a"}]}
    content = {"type": "elicitation", "body": "Which?"}
    await linear.say(session, content, signal="select", signalMetadata=options)
    query = """query($id: String!) { agentSession(id: $id) { context
      activities { nodes { signalMetadata content { ... on AgentActivityElicitationContent {
        body bodyData } } } } } }"""

    told = await linear.ask(query, id=session)

    seen = told["data"]["agentSession"]
    [activity] = seen["activities"]["nodes"]
    assert json.loads(activity["signalMetadata"]) == options
    assert (seen["context"], activity["content"]) == ("{}", {"body": "Which?", "bodyData": {}})


async def test_an_empty_connection_has_a_page(linear: Linear) -> None:
    query = "{ projects { nodes { id } edges { cursor } pageInfo { hasNextPage endCursor } } }"

    told = await linear.ask(query)

    page = {"hasNextPage": False, "endCursor": None}
    assert told == {"data": {"projects": {"nodes": [], "edges": [], "pageInfo": page}}}
