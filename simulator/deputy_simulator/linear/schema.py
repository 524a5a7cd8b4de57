"""Linear's published schema, with the simulator's answers attached to its fields."""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    build_ast_schema,
    execute_sync,
    get_operation_ast,
    is_abstract_type,
    is_scalar_type,
    parse,
    validate,
)

from deputy_simulator.linear.call import Call, Info, call_of
from deputy_simulator.linear.empty import empty
from deputy_simulator.linear.entities import Json, Node
from deputy_simulator.linear.errors import (
    ForbiddenError,
    NotFoundError,
    NotModelledError,
    NotSupportedError,
)
from deputy_simulator.linear.fields import FIELDS, Field
from deputy_simulator.linear.mutations import MUTATIONS
from deputy_simulator.linear.pages import LARGEST_PAGE
from deputy_simulator.linear.queries import QUERIES
from deputy_simulator.linear.reading import read

#: Where a list is wanted in full.
_WHOLE = {"first": LARGEST_PAGE, "includeArchived": True}


class DocumentError(Exception):
    """The document does not fit the schema; nothing was executed."""

    def __init__(self, code: str, errors: list[GraphQLError]) -> None:
        super().__init__(errors[0].message)
        self.body = {
            "errors": [
                error.formatted
                | {
                    "extensions": {
                        "type": "graphql error",
                        "code": code,
                        "statusCode": 400,
                        "userError": True,
                        "userPresentableMessage": error.message,
                    }
                }
                for error in errors
            ]
        }


def published() -> str:
    """Return the schema that Linear publishes, in GraphQL's schema language."""
    return importlib.resources.files(__package__).joinpath("schema.graphql").read_text("utf-8")


@functools.cache
def schema() -> GraphQLSchema:
    """Return the executable schema: all of Linear's, built once in a process (about a second)."""
    # That it is valid is proved by a test, not at each start.
    built = build_ast_schema(parse(published(), no_location=True), assume_valid=True)
    for kind in built.type_map.values():
        if is_abstract_type(kind):
            kind.resolve_type = _type_name
        elif is_scalar_type(kind) and kind.name == "JSON":
            kind.coerce_output_value = _stringified
    for name, fields in FIELDS.items():
        _attach(_object_type(built, name), fields)
    for name, field in _root(built.query_type).items():
        field.resolve = _resolver(QUERIES.get(name) or _unmodelled_query(built, field))
    for name, field in _root(built.mutation_type).items():
        field.resolve = _resolver(MUTATIONS.get(name) or _unmodelled_mutation(name))
    return built


@functools.lru_cache(maxsize=512)
def prepared(text: str) -> DocumentNode:
    """Return a document that is valid for the schema.

    Raises:
        DocumentError: it is not GraphQL, or does not fit.
    """
    try:
        document = parse(text)
    except GraphQLError as wrong:
        raise DocumentError("GRAPHQL_PARSE_FAILED", [wrong]) from wrong
    errors = validate(schema(), document)
    if errors:
        raise DocumentError("GRAPHQL_VALIDATION_FAILED", errors)
    return document


def operation_of(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """Return the operation to execute.

    Raises:
        DocumentError: there is none of that name, or it is a subscription.
    """
    operation = get_operation_ast(document, name)
    if operation is None:
        wrong = GraphQLError("Unknown or ambiguous operation.")
        raise DocumentError("GRAPHQL_VALIDATION_FAILED", [wrong])
    if operation.operation is OperationType.SUBSCRIPTION:
        wrong = GraphQLError("The simulator does not support subscriptions.")
        raise DocumentError("FEATURE_NOT_ACCESSIBLE", [wrong])
    return operation


def execute(
    document: DocumentNode, call: Call, variables: dict[str, Any] | None, name: str | None
) -> ExecutionResult:
    """Execute an operation; the fields of a mutation one after the other, until one fails."""
    return execute_sync(
        schema(),
        document,
        context_value=call,
        variable_values=variables,
        operation_name=name,
        field_resolver=_by_name,
    )


def check_scope(operation: OperationDefinitionNode, call: Call) -> None:
    """Refuse mutations to tokens that may only read.

    Raises:
        ForbiddenError: the token has no scope that allows to write.
    """
    allowed = {"write", "issues:create", "comments:create", "admin"}
    if operation.operation is OperationType.MUTATION and not allowed & set(call.token.scope):
        raise ForbiddenError("Invalid scope: `write` required")


def _object_type(built: GraphQLSchema, name: str) -> GraphQLObjectType:
    found = built.type_map[name]
    if not isinstance(found, GraphQLObjectType):
        message = f"{name} is not an object type of the schema"
        raise TypeError(message)
    return found


def _attach(kind: GraphQLObjectType, fields: dict[str, Field]) -> None:
    for name, field in fields.items():
        kind.fields[name].resolve = _resolver(_of_entities(name, field))


def _of_entities(name: str, field: Field) -> Field:
    """Return the field as it is of an entity, and by name where an empty object stands for one."""

    def find(call: Call, source: Any, given: Json) -> Any:
        if isinstance(source, Node):
            return field(call, source, given)
        return read(call.workspace.store, source, name)

    return find


def _root(kind: GraphQLObjectType | None) -> dict[str, GraphQLField]:
    return kind.fields if kind is not None else {}


def _resolver(field: Field) -> Any:
    def resolve(source: Any, info: Info, **given: Any) -> Any:
        value = field(call_of(info), source, given)
        return empty(info.schema, info.return_type) if value is None else value

    return resolve


def _unmodelled_query(built: GraphQLSchema, field: GraphQLField) -> Field:
    """Return a field that finds nothing: the simulated organisation has none of it."""

    def find(_call: Call, _root: Any, _given: Any) -> Any:
        return empty(built, field.type)

    def refuse(_call: Call, _root: Any, _given: Any) -> Any:
        raise NotFoundError(str(entity))

    entity = field.type.of_type if isinstance(field.type, GraphQLNonNull) else None
    return refuse if "id" in field.args and _is_entity(entity) else find


def _is_entity(kind: Any) -> bool:
    names = {one.name for one in getattr(kind, "interfaces", ())}
    return "Node" in names


def _unmodelled_mutation(name: str) -> Field:
    def refuse(_call: Call, _root: Any, _given: Any) -> Any:
        raise NotModelledError(name)

    return refuse


def _by_name(source: Any, info: Info, **_given: Any) -> Any:
    value = read(call_of(info).workspace.store, source, info.field_name)
    return empty(info.schema, info.return_type) if value is None else value


def field_value(call: Call, node: Any, name: str) -> Any:
    """Return what a query would show as a field of an entity, a list in full.

    Raises:
        NotSupportedError: the schema has no such field.
    """
    if isinstance(node, Mapping):
        return node.get(name)
    kind = type(node).__name__
    field = _object_type(schema(), kind).fields.get(name)
    if field is None:
        raise NotSupportedError(f"filtering or sorting by {name} of {kind}")
    resolver = FIELDS.get(kind, {}).get(name)
    value = resolver(call, node, _WHOLE) if resolver else read(call.workspace.store, node, name)
    value = empty(schema(), field.type) if value is None else value
    return value.get("nodes", value) if isinstance(value, Mapping) else value


def _type_name(value: Any, _info: Info, kind: Any) -> str:
    if not isinstance(value, Mapping):
        return type(value).__name__
    if "__typename" not in value and kind.name == "AgentActivityContent":
        return f"AgentActivity{str(value['type']).capitalize()}Content"
    return str(value["__typename"])


def _stringified(value: Any) -> str:
    """Return a value of Linear's scalar `JSON`, which is a text on the wire."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
