"""What an ACP agent's refusals mean, in words that name the next step."""

import re
from typing import Any

from deputy.wire import Outcome
from deputy_sidecar.agent.adapters.model import TurnEnded
from deputy_sidecar.sanitising import truncate

_AUTH_REQUIRED = -32000
_AUTH = re.compile(r"\b401\b|auth|api.?key|log.?in|credential|permission denied", re.IGNORECASE)
_QUOTA = re.compile(
    r"\b429\b|quota|rate.?limit|too many requests|billing|credit|overloaded|capacity",
    re.IGNORECASE,
)
_MAX_MESSAGE = 1_500

_STOPS = {
    "max_tokens": (
        "The agent reached its model's limit of tokens before it was done. "
        "Reply to let it go on, or ask for less at once."
    ),
    "max_turn_requests": (
        "The agent made as many requests to its model as it may in one turn. Reply to let it go on."
    ),
    "cancelled": "The agent's turn was cancelled, though nobody asked for it.",
    "refusal": "The agent's model refused the request. Put it in other words and reply.",
}


def failure_of_stop(reason: str, text: str) -> TurnEnded:
    """Return how a turn ended by the protocol's stop reason, with the agent's last words."""
    if reason not in _STOPS:
        return TurnEnded(Outcome.COMPLETED, "Completed", text)
    last_words = f"\n\nIts last words:\n\n{text}" if text else ""
    return TurnEnded(Outcome.FAILED, "AgentFailed", _STOPS[reason] + last_words)


def failure_of_call(called: str, error: dict[str, Any]) -> TurnEnded:
    """Return the failed turn that an error answer makes."""
    message = _message_of(error)
    return TurnEnded(Outcome.FAILED, "AgentFailed", f"{_meaning(called, error, message)} {message}")


def _meaning(called: str, error: dict[str, Any], message: str) -> str:
    if _QUOTA.search(message):
        return (
            "The agent's model provider does not serve it at the moment (quota or rate limit); "
            "wait or raise the limit, then reply to try again. It says:"
        )
    if error.get("code") == _AUTH_REQUIRED or _AUTH.search(message):
        return (
            "The agent is not logged in to its model provider; give it a key through "
            "spec.agent.env or spec.agent.envFrom of the Blueprint. It says:"
        )
    if called == "session/prompt":
        return "The agent failed in mid-work; reply to try again. It says:"
    return (
        "The agent could not open a session; look at spec.agent of the Blueprint "
        f"(it refused `{called}`). It says:"
    )


def _message_of(error: dict[str, Any]) -> str:
    """Return the agent's message; the telling part is often in the data beside it."""
    parts = [str(error.get("message") or "")]
    data = error.get("data")
    if isinstance(data, dict):
        parts.extend(str(data[key]) for key in ("details", "message", "error") if key in data)
    elif isinstance(data, str):
        parts.append(data)
    return truncate(" — ".join(dict.fromkeys(part for part in parts if part)), _MAX_MESSAGE)
