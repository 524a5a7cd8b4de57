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
_PASSING = frozenset({"lock timeout", "internal error", "network error", "bootstrap error"})


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What a request came to: its data, and an error for each part that failed."""

    data: Mapping[str, Any] | None
    errors: tuple["Failed", ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Failed:
    """A part that failed: where (empty for the whole), and why."""

    path: tuple[str, ...]
    error: LinearError


def read(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """Return the answer; `headers` have lower-case names.

    Raises:
        Unauthenticated, RateLimited, LinearUnavailable: the request failed as a whole.
        Rejected: it was refused as too large or unreadable, before GraphQL saw it.
    """
    found = _object(body)
    errors = _errors(found)
    again = _retry_after(headers)
    _raise_for_whole(status, errors, again)
    if not errors and (status >= 400 or not isinstance(found.get("data"), dict)):
        raise _stranger(status, again)
    data = found.get("data")
    failed = tuple(Failed(_path(error), _error_of(error, again)) for error in errors)
    return Answer(data if isinstance(data, dict) else None, failed)


def _raise_for_whole(status: int, errors: list[dict[str, Any]], again: float | None) -> None:
    codes = {_extension(error, "code") for error in errors}
    kinds = {_extension(error, "type") for error in errors}
    if status == 429 or "RATELIMITED" in codes or "ratelimited" in kinds:
        raise RateLimited("Linear's rate limit is reached", again)
    if status == 401 or "AUTHENTICATION_ERROR" in codes or "authentication error" in kinds:
        raise Unauthenticated("Linear does not accept the access token")
    if status == 408 or status >= 500:
        raise LinearUnavailable(f"Linear answered {status}", again)


def _stranger(status: int, again: float | None) -> LinearError:
    """Return the error for an answer that is not GraphQL's.

    Often something between us and Linear gave it, which passes; nothing may be lost for that.
    """
    message = f"the answer ({status}) is not GraphQL; is the address Linear's?"
    if status in {400, 413, 422}:
        return Rejected(str(status), message)
    return LinearUnavailable(message, again)


def _error_of(error: Mapping[str, Any], again: float | None) -> LinearError:
    code = str(_extension(error, "code") or "UNKNOWN")
    raw = str(error.get("message") or "")
    message = str(_extension(error, "userPresentableMessage") or raw or code)
    if raw.startswith("conflict on insert"):
        return AlreadyInserted(code, message, _path(error))
    if _passes(error):
        return LinearUnavailable(f"Linear failed: {message} ({code})", again)
    kind = EntityNotFound if raw.startswith("Entity not found") else Rejected
    return kind(code, message, _path(error))


def _passes(error: Mapping[str, Any]) -> bool:
    """Say whether asking again may help; never for a mistake of ours."""
    if _extension(error, "userError") is True:
        return False
    status = _extension(error, "statusCode")
    served_badly = isinstance(status, int) and status >= 500
    told = _extension(error, "type"), _extension(error, "code")
    return served_badly or told[0] in _PASSING or told[1] == "INTERNAL_SERVER_ERROR"


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _errors(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    errors = found.get("errors")
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
