"""Page through entities: filtered, sorted and cut as the arguments of a connection say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from deputy_simulator.linear.entities import Json, Node
from deputy_simulator.linear.errors import InvalidInputError
from deputy_simulator.linear.filters import matches

if TYPE_CHECKING:
    from deputy_simulator.linear.call import Call

#: Size of a page where neither `first` nor `last` is given, and the largest one.
PAGE = 50
LARGEST_PAGE = 250

#: What entities are sorted by: the first of these that they have.
_SORTED_BY = ("position", "display_name", "name", "title", "id")

#: Fields that an input for sorting calls something else.
_SORT_FIELDS = {
    "manual": "sortOrder",
    "milestone": "projectMilestone",
    "rootIssue": "parent",
    "workflowState": "state",
}


def connection(call: Call, nodes: Iterable[Node], arguments: Json) -> Json:
    """Return a page of `nodes`, newest first unless the arguments ask for another order.

    Raises:
        InvalidInputError: a cursor is none of this list, or the page is too large.
        NotSupportedError: what is filtered or sorted by is nothing that a query can show.
    """
    wanted = arguments.get("filter")
    archived = arguments.get("includeArchived")
    chosen = [
        node
        for node in nodes
        if (archived or node.archived_at is None) and (not wanted or matches(call, node, wanted))
    ]
    field = "updated_at" if arguments.get("orderBy") == "updatedAt" else "created_at"
    chosen.reverse()  # of two made in the same millisecond, the later one comes first
    chosen.sort(key=lambda node: getattr(node, field), reverse=True)
    return _page(_sorted(call, chosen, arguments.get("sort") or ()), arguments)


def _sorted(call: Call, nodes: list[Node], sorts: Iterable[Json]) -> list[Node]:
    """Sort by the first of `sorts`, equals among them by the second, and so on."""
    orders = [(name, order) for sort in sorts for name, order in sort.items() if order]
    for name, order in reversed(orders):
        nodes = _ordered(call, nodes, _SORT_FIELDS.get(name, name), order)
    return nodes


def _ordered(call: Call, nodes: list[Node], field: str, order: Json) -> list[Node]:
    values = {node.id: _sortable(call.value(node, field)) for node in nodes}
    if field == "priority" and not order.get("noPriorityFirst"):
        values = {key: value or float("inf") for key, value in values.items()}
    known = [node for node in nodes if values[node.id] is not None]
    unknown = [node for node in nodes if values[node.id] is None]
    descending = order.get("order") == "Descending"
    known.sort(key=lambda node: values[node.id], reverse=descending)
    return [*unknown, *known] if order.get("nulls") == "first" else [*known, *unknown]


def _sortable(value: Any) -> Any:
    if isinstance(value, Node):
        return next(getattr(value, name) for name in _SORTED_BY if hasattr(value, name))
    return None if isinstance(value, list | Mapping) else value


def _page(nodes: list[Node], arguments: Json) -> Json:
    ids = [node.id for node in nodes]
    after, before = arguments.get("after"), arguments.get("before")
    start = _position(ids, after, "after") + 1 if after else 0
    stop = _position(ids, before, "before") if before else len(nodes)
    first, last = arguments.get("first"), arguments.get("last")
    if last is not None:
        start = max(start, stop - _size(last))
    else:
        stop = min(stop, start + _size(first if first is not None else PAGE))
    page = nodes[start:stop]
    return {
        "nodes": page,
        "edges": [{"cursor": node.id, "node": node} for node in page],
        "pageInfo": {
            "hasNextPage": stop < len(nodes),
            "hasPreviousPage": start > 0,
            "startCursor": page[0].id if page else None,
            "endCursor": page[-1].id if page else None,
        },
    }


def _position(ids: list[str], cursor: str, argument: str) -> int:
    if cursor not in ids:
        raise InvalidInputError(argument, f"{argument} is not a cursor of this list.")
    return ids.index(cursor)


def _size(asked: int) -> int:
    if not 0 < asked <= LARGEST_PAGE:
        raise InvalidInputError("first", f"A page has 1 to {LARGEST_PAGE} items.")
    return asked
