"""Linear's published schema, with the simulator's answers attached to its fields."""

from __future__ import annotations

import functools
import importlib.resources
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)

from deputy_simulator.linear.call import Call, Info, call_of
from deputy_simulator.linear.errors import ForbiddenError, NotSupportedError
from deputy_simulator.linear.fields import FIELDS, Field
from deputy_simulator.linear.mutations import MUTATIONS
from deputy_simulator.linear.queries import QUERIES
from deputy_simulator.linear.reading import read


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


@functools.cache
def schema() -> GraphQLSchema:
    """Return the executable schema."""
    text = importlib.resources.files(__package__).joinpath("schema.graphql").read_text()
    built = build_schema(text)
    for name, fields in FIELDS.items():
        _attach(_object_type(built, name), fields)
    _attach_roots(built.query_type, QUERIES)
    _attach_roots(built.mutation_type, MUTATIONS)
    contents = built.type_map["AgentActivityContent"]
    if isinstance(contents, GraphQLUnionType):
        contents.resolve_type = _content_type
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
        kind.fields[name].resolve = _resolver(field)


def _attach_roots(kind: GraphQLObjectType | None, fields: dict[str, Field]) -> None:
    if kind is None:
        return
    for name in kind.fields:
        kind.fields[name].resolve = _resolver(fields.get(name, _unsupported(name)))


def _resolver(field: Field) -> Any:
    def resolve(source: Any, info: Info, **given: Any) -> Any:
        return field(call_of(info), source, given)

    return resolve


def _unsupported(name: str) -> Field:
    def refuse(_call: Call, _root: Any, _given: Any) -> Any:
        raise NotSupportedError(name)

    return refuse


def _by_name(source: Any, info: Info, **_given: Any) -> Any:
    return read(call_of(info).world.store, source, info.field_name)


def _content_type(content: Any, _info: Info, _kind: Any) -> str:
    return f"AgentActivity{str(content['type']).capitalize()}Content"
