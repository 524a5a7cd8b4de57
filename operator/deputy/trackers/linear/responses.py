"""Read what Linear answers: data, or the errors that may hide behind any HTTP status.

Pure: takes the parts of an HTTP answer, returns or raises.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from deputy.trackers.linear.errors import (
    AlreadyInserted,
    EntityNotFound,
    LinearError,
    LinearUnavailable,
    RateLimited,
    Rejected,
    Unauthenticated,
)

#: Kinds of errors that pass; Linear's words, as its own SDK knows them.
_TEMPORARY = frozenset({"lock timeout", "internal error", "network error", "bootstrap error"})


@dataclasses.dataclass(frozen=True, slots=True)
class FailedField:
    """A part that failed: where (empty for the whole), and why."""

    path: tuple[str, ...]
    error: LinearError


@dataclasses.dataclass(frozen=True, slots=True)
class GraphQLResponse:
    """What a request came to: its data, and an error for each part that failed."""

    data: Mapping[str, Any] | None
    errors: tuple[FailedField, ...]


def read_response(status: int, headers: Mapping[str, str], body: bytes) -> GraphQLResponse:
    """Return the answer; `headers` have lower-case names.

    Raises:
        Unauthenticated, RateLimited, LinearUnavailable: the request failed as a whole.
        Rejected: it was refused as too large or unreadable, before GraphQL saw it.
    """
    payload = json_object(body)
    errors = _errors(payload)
    retry_after = _retry_after(headers)
    _raise_for_whole(status, errors, retry_after)
    data = payload.get("data")
    if not errors and (status >= 400 or not isinstance(data, dict)):
        raise _not_graphql(status, retry_after)
    failed = tuple(FailedField(_path(error), _error_of(error, retry_after)) for error in errors)
    return GraphQLResponse(data if isinstance(data, dict) else None, failed)


def _raise_for_whole(status: int, errors: list[dict[str, Any]], retry_after: float | None) -> None:
    codes = {_extension(error, "code") for error in errors}
    kinds = {_extension(error, "type") for error in errors}
    if status == 429 or "RATELIMITED" in codes or "ratelimited" in kinds:
        raise RateLimited("Linear's rate limit is reached", retry_after)
    if status == 401 or "AUTHENTICATION_ERROR" in codes or "authentication error" in kinds:
        raise Unauthenticated("Linear does not accept the access token")
    if status == 408 or status >= 500:
        raise LinearUnavailable(f"Linear answered {status}", retry_after)


def _not_graphql(status: int, retry_after: float | None) -> LinearError:
    """Return the error for an answer that is not GraphQL's.

    Often something between us and Linear gave it, which passes; nothing may be lost for that.
    """
    message = f"the answer ({status}) is not GraphQL; is the address Linear's?"
    if status in {400, 413, 422}:
        return Rejected(str(status), message)
    return LinearUnavailable(message, retry_after)


def _error_of(error: Mapping[str, Any], retry_after: float | None) -> LinearError:
    code = str(_extension(error, "code") or "UNKNOWN")
    raw = str(error.get("message") or "")
    message = str(_extension(error, "userPresentableMessage") or raw or code)
    if raw.startswith("conflict on insert"):
        return AlreadyInserted(code, message, _path(error))
    if _is_temporary(error):
        return LinearUnavailable(f"Linear failed: {message} ({code})", retry_after)
    kind = EntityNotFound if raw.startswith("Entity not found") else Rejected
    return kind(code, message, _path(error))


def _is_temporary(error: Mapping[str, Any]) -> bool:
    """Say whether asking again may help; never for a mistake of ours."""
    if _extension(error, "userError") is True:
        return False
    status = _extension(error, "statusCode")
    served_badly = isinstance(status, int) and status >= 500
    kind, code = _extension(error, "type"), _extension(error, "code")
    return served_badly or kind in _TEMPORARY or code == "INTERNAL_SERVER_ERROR"


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that `body` is, an empty one where it is anything else."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def _errors(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    errors = payload.get("errors")
    return [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []


def _extension(error: Mapping[str, Any], name: str) -> Any:
    extensions = error.get("extensions")
    return extensions.get(name) if isinstance(extensions, dict) else None


def _path(error: Mapping[str, Any]) -> tuple[str, ...]:
    path = error.get("path")
    return tuple(str(step) for step in path) if isinstance(path, list) else ()


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(headers["retry-after"]))
    except (KeyError, ValueError):
        return None
