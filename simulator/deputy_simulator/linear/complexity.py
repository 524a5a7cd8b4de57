"""What a GraphQL operation costs: 0.1 per property, 1 per object, connections times `first`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

PROPERTY = 0.1
OBJECT = 1.0

#: Size of a page where neither `first` nor `last` is given.
PAGE = 50


def complexity(operation: OperationDefinitionNode, document: DocumentNode, given: Any) -> int:
    """Return the points that `operation` costs, rounded up."""
    fragments = {
        known.name.value: known
        for known in document.definitions
        if isinstance(known, FragmentDefinitionNode)
    }
    variables = given if isinstance(given, Mapping) else {}
    points = _of_set(operation.selection_set, fragments, variables)
    return math.ceil(round(points, 6))  # tenths do not add up exactly


def _of_set(
    selected: SelectionSetNode | None,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
) -> float:
    if selected is None:
        return 0.0
    total = 0.0
    for node in selected.selections:
        match node:
            case FieldNode():
                total += _of_field(node, fragments, variables)
            case InlineFragmentNode():
                total += _of_set(node.selection_set, fragments, variables)
            case FragmentSpreadNode() if node.name.value in fragments:
                spread = fragments[node.name.value]
                total += _of_set(spread.selection_set, fragments, variables)
            case _:
                pass
    return total


def _of_field(
    node: FieldNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
) -> float:
    if node.selection_set is None:
        return PROPERTY
    inner = _of_set(node.selection_set, fragments, variables)
    if _is_connection(node):
        return OBJECT + inner * _page(node, variables)
    return OBJECT + inner


def _is_connection(node: FieldNode) -> bool:
    chosen = node.selection_set.selections if node.selection_set else ()
    names = {child.name.value for child in chosen if isinstance(child, FieldNode)}
    return bool(names & {"nodes", "edges"})


def _page(node: FieldNode, variables: Mapping[str, Any]) -> int:
    for argument in node.arguments or ():
        if argument.name.value in {"first", "last"}:
            match argument.value:
                case IntValueNode(value=text):
                    return int(text)
                case VariableNode(name=name):
                    return int(variables.get(name.value) or PAGE)
                case _:
                    return PAGE
    return PAGE
