"""What an agent may say, and in which form.

Linear does not type the content of an activity in its schema but checks it when it arrives. That
it checks is known; how it words a refusal is not.
"""

from __future__ import annotations

from typing import Any

from deputy_simulator.linear.entities import ActivityType, Json, Link
from deputy_simulator.linear.errors import InvalidInputError

#: Fields that must be there and hold text, by type; `result` of an action may be absent.
_REQUIRED = {
    ActivityType.THOUGHT: ("body",),
    ActivityType.ELICITATION: ("body",),
    ActivityType.RESPONSE: ("body",),
    ActivityType.ERROR: ("body",),
    ActivityType.ACTION: ("action", "parameter"),
}

_EPHEMERAL = frozenset({ActivityType.THOUGHT, ActivityType.ACTION})
_PLAN_STATUSES = frozenset({"pending", "inProgress", "completed", "canceled"})
_LONGEST_SUMMARY = 255


def check_activity(content: Any, *, ephemeral: bool, signal: str | None, metadata: Any) -> Json:
    """Return the content of an agent's activity.

    Raises:
        InvalidInputError: the type is unknown or a person's, a text is missing or empty, or the
            activity is one that cannot be ephemeral or carry that signal.
    """
    if not isinstance(content, dict):
        raise InvalidInputError("content", "content must be an object.")
    kind = _kind(content.get("type"))
    for field in _REQUIRED[kind]:
        _check_text(content, field, kind)
    if not isinstance(content.get("result"), str | None):
        raise InvalidInputError("content", "content.result must be a string.")
    if ephemeral and kind not in _EPHEMERAL:
        raise InvalidInputError("ephemeral", f"An activity of type {kind} cannot be ephemeral.")
    _check_signal(kind, signal, metadata)
    return content


def check_plan(plan: Any) -> Any:
    """Return a plan: a list of steps with a content and a status each, or None.

    Raises:
        InvalidInputError: a step lacks its content or has a status that does not exist.
    """
    if plan is None:
        return None
    if not isinstance(plan, list):
        raise InvalidInputError("plan", "plan must be an array of steps.")
    for step in plan:
        if not isinstance(step, dict) or not isinstance(step.get("content"), str):
            raise InvalidInputError("plan", "Each plan step needs a content string.")
        if step.get("status") not in _PLAN_STATUSES:
            raise InvalidInputError("plan", f"Plan step status must be one of {_statuses()}.")
    return plan


def check_summary(summary: Any) -> str | None:
    """Return a session's title, or None to clear it.

    Raises:
        InvalidInputError: it is blank, too long, or has line breaks or NUL bytes.
    """
    if summary is None:
        return None
    text = str(summary)
    if not text.strip() or len(text) > _LONGEST_SUMMARY or set(text) & set("\n\r\0"):
        reason = "summary must have 1 to 255 characters, not all blank, on one line."
        raise InvalidInputError("summary", reason)
    return text


def check_links(links: Any) -> tuple[Link, ...]:
    """Return the links of a session.

    Raises:
        InvalidInputError: an address occurs twice or is not http or https.
    """
    checked = tuple(Link(label=str(link["label"]), url=str(link["url"])) for link in links or ())
    if len({link.url for link in checked}) < len(checked):
        raise InvalidInputError("externalUrls", "Each url must be unique.")
    for link in checked:
        if not link.url.startswith(("https://", "http://")):
            raise InvalidInputError("externalUrls", f"{link.url} is not a valid url.")
    return checked


def _kind(name: Any) -> ActivityType:
    if name == ActivityType.PROMPT:
        raise InvalidInputError("content", "Agents cannot create prompt activities.")
    if name not in set(ActivityType):
        raise InvalidInputError("content", f"content.type {name!r} is not a valid activity type.")
    return ActivityType(name)


def _check_text(content: Json, field: str, kind: ActivityType) -> None:
    text = content.get(field)
    if not isinstance(text, str) or not text.strip():
        raise InvalidInputError("content", f"content.{field} must not be empty in type {kind}.")


def _check_signal(kind: ActivityType, signal: str | None, metadata: Any) -> None:
    if signal in {"auth", "select"} and kind is not ActivityType.ELICITATION:
        raise InvalidInputError("signal", f"Signal {signal} needs an elicitation.")
    if signal == "stop":
        raise InvalidInputError("signal", "Agents cannot send the signal stop.")
    if signal == "select":
        options = metadata.get("options") if isinstance(metadata, dict) else None
        if not options or not all(isinstance(o, dict) and o.get("value") for o in options):
            raise InvalidInputError("signalMetadata", "select needs options with a value each.")
    if signal == "auth" and not (isinstance(metadata, dict) and metadata.get("url")):
        raise InvalidInputError("signalMetadata", "auth needs a url.")


def _statuses() -> str:
    return ", ".join(sorted(_PLAN_STATUSES))
