"""What is answered where the simulator holds no data: the least that the schema allows."""

from __future__ import annotations

from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
)

_NIL = "00000000-0000-0000-0000-000000000000"

#: By scalar; one that is missing here is a kind of text.
_SCALARS: dict[str, Any] = {
    "Boolean": False,
    "DateTime": "1970-01-01T00:00:00.000Z",
    "Duration": "PT0S",
    "Float": 0.0,
    "ID": _NIL,
    "Int": 0,
    "JSON": {},
    "JSONObject": {},
    "TimelessDate": "1970-01-01",
    "UUID": _NIL,
}


def empty(schema: GraphQLSchema, kind: GraphQLOutputType) -> Any:
    """Return the least value of a type: null where it may be, else an empty one.

    An object without any field of its own is enough: each of its fields that is asked for is
    answered in the same way. So is a connection, which has no nodes then.
    """
    if not isinstance(kind, GraphQLNonNull):
        return None
    match kind.of_type:
        case GraphQLScalarType(name=name):
            return _SCALARS.get(name, "")
        case GraphQLEnumType(values=values):
            return next(iter(values))
        case GraphQLList():
            return []
        case GraphQLInterfaceType() | GraphQLUnionType() as abstract:
            return {"__typename": schema.get_possible_types(abstract)[0].name}
        case _:
            return {}
