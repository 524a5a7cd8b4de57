"""`POST /graphql`: who calls, what it costs, what goes wrong on request, and the answer."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import math
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web
from graphql import ExecutionResult, FieldNode, GraphQLError, OperationDefinitionNode

from deputy_simulator.linear import ratelimit
from deputy_simulator.linear.call import Call
from deputy_simulator.linear.clock import epoch_ms
from deputy_simulator.linear.complexity import complexity
from deputy_simulator.linear.entities import Json, User
from deputy_simulator.linear.errors import UNAUTHENTICATED, LinearError, rate_limited
from deputy_simulator.linear.faults import Fault, FaultKind
from deputy_simulator.linear.http import SIMULATOR, refuse
from deputy_simulator.linear.schema import (
    DocumentError,
    check_scope,
    execute,
    field_value,
    operation_of,
    prepared,
)
from deputy_simulator.linear.simulator import RecordedRequest, Simulator

if TYPE_CHECKING:
    import datetime as dt

    from deputy_simulator.linear.oauth import Token

_LOG = logging.getLogger(__name__)

#: Faults that strike before anything is done.
_UNDONE = frozenset({FaultKind.STATUS, FaultKind.TIMEOUT})
#: Faults that strike when all is done.
_DONE = frozenset({FaultKind.LOST, FaultKind.SILENT})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GraphQLRequest:
    """What a request asks for."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


@dataclasses.dataclass(slots=True)
class RequestTrace:
    """What is recorded of a request as it proceeds."""

    caller: str | None = None
    operation: str = ""
    fields: tuple[str, ...] = ()
    complexity: int = 0
    errors: tuple[str, ...] = ()
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


async def graphql(request: web.Request) -> web.StreamResponse:
    """Answer a GraphQL request, and record it."""
    simulator = request.app[SIMULATOR]
    began, at = time.monotonic(), simulator.clock.stamp()
    text = await request.text()
    fault = simulator.faults.strike("graphql", text, simulator.clock.elapsed())
    trace = RequestTrace()
    try:
        answer = await _answer(request, text, fault, trace)
        _record(simulator, trace, at=at, began=began, status=answer.status, fault=fault)
    except asyncio.CancelledError:
        _record(simulator, trace, at=at, began=began, status=0, fault=fault)
        raise
    return answer


async def _answer(
    request: web.Request, text: str, fault: Fault | None, trace: RequestTrace
) -> web.StreamResponse:
    simulator = request.app[SIMULATOR]
    if fault is not None and fault.kind in _UNDONE:
        return await refuse(request, fault)
    if fault is not None and fault.kind is FaultKind.SLOW:
        await asyncio.sleep(fault.delay)
    body, status = _carried_out(simulator, request, text, fault, trace)
    if fault is not None and fault.kind in _DONE:
        return await refuse(request, fault)
    return web.json_response(body, status=status, headers=trace.headers)


def _carried_out(
    simulator: Simulator, request: web.Request, text: str, fault: Fault | None, trace: RequestTrace
) -> tuple[Json, int]:
    """Return the body and the HTTP status of the answer."""
    try:
        parsed = _parse(text)
    except ValueError as wrong:
        return _errors([_refusal(str(wrong), "BAD_REQUEST")]), 400
    token = _token(simulator, request)
    if token is None:
        trace.errors = ("Authentication required, not authenticated",)
        return UNAUTHENTICATED, 401
    trace.caller = token.user_id
    try:
        document = prepared(parsed.query)
        operation = operation_of(document, parsed.operation_name)
    except DocumentError as wrong:
        trace.errors = (str(wrong),)
        return wrong.body, 400
    _describe(trace, operation)
    trace.complexity = complexity(operation, document, parsed.variables)
    refused = _charge(simulator, token, fault, trace)
    if refused is not None:
        return refused, 400
    call = Call(
        workspace=simulator.workspace,
        authority=simulator.authority,
        caller=simulator.workspace.store.get(User, token.user_id),
        token=token,
        budget=simulator.limiter.budget(token.user_id, simulator.clock.elapsed()),
        points=trace.complexity,
        field_value=field_value,
    )
    try:
        check_scope(operation, call)
    except LinearError as forbidden:
        trace.errors = (str(forbidden),)
        return _errors([{"message": str(forbidden), "extensions": forbidden.extensions}]), 200
    if fault is not None and fault.kind is FaultKind.ERROR:
        trace.errors = (fault.message,)
        return _errors([_injected(fault)]) | {"data": None}, 200
    return _result(execute(document, call, parsed.variables, parsed.operation_name), trace)


def _parse(text: str) -> GraphQLRequest:
    try:
        told = json.loads(text)
    except json.JSONDecodeError as wrong:
        raise ValueError("The body is not JSON.") from wrong
    if not isinstance(told, dict) or not isinstance(told.get("query"), str):
        raise ValueError("The body needs a query.")  # noqa: TRY004  the caller's mistake
    variables = told.get("variables")
    if not isinstance(variables, dict | None):
        raise ValueError("variables must be an object.")  # noqa: TRY004  the caller's mistake
    return GraphQLRequest(
        query=told["query"], variables=variables, operation_name=told.get("operationName")
    )


def _token(simulator: Simulator, request: web.Request) -> Token | None:
    text = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    return simulator.authority.caller(text, simulator.clock.elapsed())


def _describe(trace: RequestTrace, operation: OperationDefinitionNode) -> None:
    fields = [n for n in operation.selection_set.selections if isinstance(n, FieldNode)]
    trace.fields = tuple(field.name.value for field in fields)
    trace.operation = operation.name.value if operation.name else operation.operation.value


def _charge(
    simulator: Simulator, token: Token, fault: Fault | None, trace: RequestTrace
) -> Json | None:
    """Charge the caller's budget; return the refusal where it has no room."""
    now = simulator.clock.elapsed()
    budget = simulator.limiter.budget(token.user_id, now)
    if trace.complexity > ratelimit.MOST_COMPLEX:
        trace.errors = ("Query too complex",)
        return _errors([_refusal("Query too complex", "INPUT_ERROR")])
    full = budget.take(trace.complexity, now)
    wall = epoch_ms(simulator.clock.stamp())
    endpoint = trace.fields[0] if trace.fields else "graphql"
    trace.headers = ratelimit.headers(budget, trace.complexity, endpoint, wall)
    asked_for = fault is not None and fault.kind is FaultKind.RATE_LIMITED
    if full is None and not asked_for:
        return None
    bucket = full or budget.requests
    amount = 1 if bucket is budget.requests else trace.complexity
    wait = max(1, math.ceil(fault.delay if fault and asked_for else bucket.room_after(amount)))
    trace.headers["Retry-After"] = str(wait)
    what = "requests" if bucket is budget.requests else "complexity points"
    trace.errors = ("RATELIMITED",)
    return rate_limited(bucket.capacity, what)


def _result(result: ExecutionResult, trace: RequestTrace) -> tuple[Json, int]:
    body: Json = {}
    errors = result.errors or []
    trace.errors = tuple(error.message for error in errors)
    if errors:
        body["errors"] = [_formatted(error) for error in errors]
    body["data"] = result.data
    unstarted = bool(errors) and result.data is None and all(not e.path for e in errors)
    return body, 400 if unstarted else 200


def _formatted(error: GraphQLError) -> Json:
    """Return an error as JSON; one that nobody raised on purpose is logged and called ours."""
    told: Json = dict(error.formatted)
    if told.get("extensions"):
        return told
    if not error.path:
        return told | _refusal(error.message, "INVALID_INPUT")
    _LOG.error("resolver failed at %s", error.path, exc_info=error.original_error)
    told["extensions"] = {
        "type": "internal error",
        "code": "INTERNAL_SERVER_ERROR",
        "statusCode": 500,
        "userError": False,
        "userPresentableMessage": "Something went wrong on our side.",
    }
    return told


def _refusal(message: str, code: str) -> Json:
    return {
        "message": message,
        "extensions": {
            "type": "invalid input",
            "code": code,
            "statusCode": 400,
            "userError": True,
            "userPresentableMessage": message,
        },
    }


def _injected(fault: Fault) -> Json:
    return {
        "message": fault.message,
        "extensions": {
            "type": fault.type,
            "code": fault.type.upper().replace(" ", "_"),
            "statusCode": fault.status,
            "userError": False,
        },
    }


def _errors(errors: list[Json]) -> Json:
    return {"errors": errors}


def _record(
    simulator: Simulator,
    trace: RequestTrace,
    *,
    at: dt.datetime,
    began: float,
    status: int,
    fault: Fault | None,
) -> None:
    simulator.record(
        RecordedRequest(
            at=at,
            milliseconds=round((time.monotonic() - began) * 1000, 3),
            caller=trace.caller,
            operation=trace.operation,
            fields=trace.fields,
            complexity=trace.complexity,
            status=status,
            errors=trace.errors,
            fault=fault.kind.value if fault is not None else None,
        )
    )
