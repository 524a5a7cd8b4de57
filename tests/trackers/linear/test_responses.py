"""What Linear's answers mean, whatever their HTTP status."""

import json
from typing import Any

import pytest

from deputy.trackers.linear.errors import (
    AlreadyInserted,
    EntityNotFound,
    LinearError,
    LinearUnavailable,
    RateLimited,
    Rejected,
    Unauthenticated,
)
from deputy.trackers.linear.responses import FailedField, GraphQLResponse, read_response


def error(message: str, *, path: list[str] | None = None, **extensions: Any) -> dict[str, Any]:
    told = {"message": message, "extensions": extensions}
    return told | {"path": path} if path else told


def answered(
    *errors: dict[str, Any], status: int = 200, data: object = None, **headers: str
) -> GraphQLResponse:
    body = {"data": data} | ({"errors": list(errors)} if errors else {})
    return read_response(status, headers, json.dumps(body).encode())


CONFLICT = error(
    "conflict on insert of AgentActivity",
    path=["u0"],
    type="invalid input",
    code="INPUT_ERROR",
    statusCode=400,
    userError=True,
    userPresentableMessage="Entity AgentActivity with id x already exists.",
)
MISSING = error(
    "Entity not found: AgentSession",
    path=["u0"],
    type="invalid input",
    code="INPUT_ERROR",
    statusCode=400,
    userError=True,
    userPresentableMessage="Could not find referenced AgentSession.",
)
LIMITED = error(
    "Rate limit exceeded. Only 2500 requests are allowed per 1 hour.",
    type="ratelimited",
    code="RATELIMITED",
    statusCode=429,
    userError=True,
)
STRANGER = error(
    "Authentication required, not authenticated",
    type="authentication error",
    code="AUTHENTICATION_ERROR",
    statusCode=401,
    userError=True,
)


def test_data_without_errors_is_an_answer() -> None:
    assert answered(data={"u0": {"success": True}}) == GraphQLResponse(
        {"u0": {"success": True}}, ()
    )


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("told", "kind", "message"),
    [
        (CONFLICT, AlreadyInserted, "Entity AgentActivity with id x already exists. (INPUT_ERROR)"),
        (MISSING, EntityNotFound, "Could not find referenced AgentSession. (INPUT_ERROR)"),
        (
            error("Argument Validation Error", path=["u0"], code="INVALID_INPUT", userError=True),
            Rejected,
            "Argument Validation Error (INVALID_INPUT)",
        ),
        (error("Unknown field", path=["u0"]), Rejected, "Unknown field (UNKNOWN)"),
        (
            error("internal error", path=["u0"], type="internal error", code="INTERNAL"),
            LinearUnavailable,
            "Linear failed: internal error (INTERNAL)",
        ),
        (
            error("lock timeout", path=["u0"], type="lock timeout"),
            LinearUnavailable,
            "Linear failed: lock timeout (UNKNOWN)",
        ),
        (
            error("Oops", path=["u0"], statusCode=502),
            LinearUnavailable,
            "Linear failed: Oops (UNKNOWN)",
        ),
        (
            error("Oops", path=["u0"], type="internal error", statusCode=500, userError=True),
            Rejected,
            "Oops (UNKNOWN)",
        ),
    ],
)
def test_an_error_is_known_by_what_it_says_and_not_by_its_status(
    status: int, told: dict[str, Any], kind: type[LinearError], message: str
) -> None:
    (failed,) = answered(told, status=status).errors

    assert (failed.path, type(failed.error), str(failed.error)) == (("u0",), kind, message)


@pytest.mark.parametrize(
    ("told", "status", "kind"),
    [
        ([LIMITED], 400, RateLimited),
        ([LIMITED], 200, RateLimited),
        ([], 429, RateLimited),
        ([STRANGER], 401, Unauthenticated),
        ([STRANGER], 200, Unauthenticated),
        ([], 401, Unauthenticated),
        ([], 408, LinearUnavailable),
        ([], 500, LinearUnavailable),
        ([], 503, LinearUnavailable),
        ([MISSING], 502, LinearUnavailable),
        ([], 403, LinearUnavailable),
        ([], 404, LinearUnavailable),
        ([], 200, LinearUnavailable),
        ([], 400, Rejected),
        ([], 413, Rejected),
    ],
)
def test_what_fails_as_a_whole_is_raised(
    told: list[dict[str, Any]], status: int, kind: type[LinearError]
) -> None:
    with pytest.raises(LinearError) as raised:
        answered(*told, status=status)

    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after": "7"}, 7.0), ({}, None), ({"retry-after": "soon"}, None),
     ({"retry-after": "-3"}, 0.0)],
)  # fmt: skip
def test_a_limit_says_when_to_come_back_where_linear_said_so(
    headers: dict[str, str], seconds: float | None
) -> None:
    with pytest.raises(RateLimited) as raised:
        answered(LIMITED, status=400, **headers)

    assert raised.value.retry_after == seconds


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b'{"errors": "x"}', b"\xff"])
def test_a_page_instead_of_an_answer_passes(body: bytes) -> None:
    with pytest.raises(LinearUnavailable):
        read_response(200, {}, body)


def test_errors_of_several_parts_are_told_apart() -> None:
    response = answered(MISSING, CONFLICT | {"path": ["u3"]})

    assert [(failed.path, type(failed.error)) for failed in response.errors] == [
        (("u0",), EntityNotFound),
        (("u3",), AlreadyInserted),
    ]
    assert all(isinstance(failed, FailedField) for failed in response.errors)
