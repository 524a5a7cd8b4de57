"""Read single fields of the bodies of Linear's webhooks, which may hold anything."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, TypeAlias

from deputy.trackers.linear.errors import MalformedDelivery

Payload: TypeAlias = Mapping[str, Any]

#: Milliseconds; far beyond any time that is meant.
_MAX_TIMESTAMP = 1e14


def sent_at(body: Payload) -> dt.datetime | None:
    """Return when something happened, by Linear's clock; a repeated delivery says the same.

    That is `createdAt`; `webhookTimestamp` tells the same of a delivery that was not queued.
    """
    created = body.get("createdAt")
    try:
        at = dt.datetime.fromisoformat(created) if isinstance(created, str) else None
    except ValueError:
        at = None
    if at is not None and at.tzinfo is not None:
        return at.astimezone(dt.UTC)
    stamp = body.get("webhookTimestamp")
    if isinstance(stamp, int | float) and abs(stamp) < _MAX_TIMESTAMP:
        return dt.datetime.fromtimestamp(stamp / 1000, tz=dt.UTC)
    return None


def object_in(body: Payload, name: str) -> Payload:
    """Return an object that is promised; raise `MalformedDelivery` without it."""
    value = body.get(name)
    if not isinstance(value, Mapping):
        raise MalformedDelivery(f"{name} is missing or not an object")
    return value


def optional_object_in(body: Payload, name: str) -> Payload:
    """Return an object, empty where there is none."""
    value = body.get(name)
    return value if isinstance(value, Mapping) else {}


def objects_in(body: Payload, name: str) -> list[Payload]:
    """Return the objects in a list, none where there is no list."""
    value = body.get(name)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def text_in(body: Payload, name: str) -> str:
    """Return a text that is promised; raise `MalformedDelivery` without it."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedDelivery(f"{name} is missing or not a text")
    return value


def optional_text_in(body: Payload, name: str) -> str:
    """Return what people wrote; a text that was cut may end in half a character, which is lost."""
    value = body.get(name)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def text_or_none_in(body: Payload, name: str) -> str | None:
    """Return what people wrote, None where that is nothing."""
    return optional_text_in(body, name) or None
