"""What GitHub's answers mean. Pure: from an answer to a fact or an error."""

import json
import math
from collections.abc import Mapping
from typing import Any

import httpx

from deputy.forges.base import PullRequest, PullRequestState
from deputy.forges.errors import (
    AccessDenied,
    AlreadyOpen,
    ForgeError,
    ForgeRefused,
    ForgeUnavailable,
    NothingToMerge,
    RepositoryNotFound,
    TokenRefused,
)
from deputy.forges.repository import Repository

_RIGHTS = (
    "give it the rights `contents: write` and `pull_requests: write` for this repository "
    "(the Secret of spec.repository.credentialsSecretRef)"
)


def pull_request(pull: Mapping[str, Any]) -> PullRequest:
    """Return the pull request in an answer, be it of a list or of its own."""
    return PullRequest(
        number=pull["number"],
        url=pull["html_url"],
        head_sha=pull["head"]["sha"],
        state=_state(pull),
    )


def _state(pull: Mapping[str, Any]) -> PullRequestState:
    if pull.get("merged_at"):
        return PullRequestState.MERGED
    return PullRequestState.OPEN if pull["state"] == "open" else PullRequestState.CLOSED


def comes_from(pull: Mapping[str, Any], repository: Repository, branch: str) -> bool:
    """Tell whether a pull request comes from `branch` of the repository itself.

    GitHub ignores a `head` filter that it does not understand and lists everything.
    """
    home = pull["head"].get("repo") or {}
    name = f"{repository.owner}/{repository.name}"
    return pull["head"]["ref"] == branch and str(home.get("full_name", "")).lower() == name.lower()


def body_of(answer: httpx.Response) -> Any:
    """Return the JSON of an answer; raise `ForgeUnavailable` where a proxy answered instead."""
    try:
        return answer.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise ForgeUnavailable(f"{_asked(answer)} was not answered with JSON") from None


def error_of(answer: httpx.Response, repository: Repository) -> ForgeError | None:
    """Return the error that an answer stands for, with the next step in its message."""
    status, said = answer.status_code, _error_text(answer)
    where = f"{_asked(answer)} of {repository}: {status} {said}".rstrip()
    if answer.is_success:
        return None
    if status >= 500 or status == 429 or _is_limited(answer):
        return ForgeUnavailable(f"{where}; try again later", _retry_after(answer))
    if answer.is_redirect:
        return ForgeRefused(
            f"{repository} has moved; change spec.repository.url to its new address"
        )
    if status == 401:
        return TokenRefused(
            f"{where}; the token is wrong or has expired, put a new one into the "
            "Secret of spec.repository.credentialsSecretRef"
        )
    if status == 403:
        return AccessDenied(f"{where}; {_RIGHTS}")
    if status == 404:
        return RepositoryNotFound(f"{where}; correct spec.repository.url, or {_RIGHTS}")
    return _refusal(said, where)


def _refusal(said: str, where: str) -> ForgeRefused:
    if "pull request already exists" in said:
        return AlreadyOpen(where)
    if "No commits between" in said:
        return NothingToMerge(f"{where}; there is nothing to merge")
    if "base" in said and "invalid" in said:
        return ForgeRefused(f"{where}; correct spec.repository.baseBranch")
    return ForgeRefused(f"{where}; look at the repository's rules and settings")


def _asked(answer: httpx.Response) -> str:
    request = answer.request
    return f"{request.method} {request.url.path}"


def _error_text(answer: httpx.Response) -> str:
    """Return GitHub's own words: its message, and what it says of each field."""
    try:
        body = answer.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return ""
    if not isinstance(body, dict):
        return ""
    errors = body.get("errors")
    details = [_detail(error) for error in errors] if isinstance(errors, list) else []
    text = "; ".join(part for part in (str(body.get("message", "")), *details) if part)
    return text[:500]


def _detail(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)
    return str(error.get("message") or f"{error.get('field', '')} {error.get('code', '')}".strip())


def _is_limited(answer: httpx.Response) -> bool:
    """Tell whether a 403 is about how much we ask for, not about what."""
    headers = answer.headers
    exhausted = headers.get("x-ratelimit-remaining") == "0" or "retry-after" in headers
    return answer.status_code == 403 and exhausted


def _retry_after(answer: httpx.Response) -> float | None:
    try:
        seconds = float(answer.headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
