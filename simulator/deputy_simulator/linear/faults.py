"""What goes wrong on request: switches that tests turn, for GraphQL, OAuth and webhooks."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any


class FaultKind(enum.StrEnum):
    """How an answer goes wrong."""

    STATUS = "status"
    """Refused with an HTTP status, nothing done."""
    LOST = "lost"
    """Done, but the answer is an HTTP status."""
    TIMEOUT = "timeout"
    """Nothing done, no answer at all."""
    SILENT = "silent"
    """Done, but no answer at all."""
    SLOW = "slow"
    """Done and answered, `delay` seconds late."""
    RATE_LIMITED = "ratelimited"
    """Refused as beyond the hourly limit."""
    ERROR = "error"
    """Refused with a GraphQL error of the given `message` and `type`, HTTP 200."""


@dataclasses.dataclass(slots=True, kw_only=True)
class Fault:
    """One switch: it holds for so many requests, so many seconds, or until it is cleared."""

    kind: FaultKind
    endpoint: str = "graphql"
    operation: str = ""
    """Part of the document that a request must contain to be hit; empty: every request."""
    status: int = 503
    delay: float = 0.0
    message: str = "internal error"
    type: str = "internal error"
    requests: int | None = None
    until: float | None = None
    """On the scale of `Clock.elapsed`."""
    hits: int = 0

    def holds(self, endpoint: str, text: str, now: float) -> bool:
        """Say whether the fault strikes a request."""
        if self.endpoint != endpoint or self.operation not in text:
            return False
        if self.requests is not None and self.hits >= self.requests:
            return False
        return self.until is None or now < self.until


@dataclasses.dataclass(slots=True, kw_only=True)
class WebhookFaults:
    """What befalls the deliveries that come next."""

    drop: int = 0
    """So many events are never sent, as if Linear had lost them."""
    copies: int = 1
    """Every event is sent so many times at once."""
    fresh_ids: bool = False
    """Copies and repeats have their own `Linear-Delivery`."""
    reorder: int = 0
    """So many events are held back and then sent in reverse order."""
    delay: float = 0.0
    """Seconds by which every first attempt is late."""
    types: tuple[str, ...] = ()
    """Only events of these types are touched; empty: all."""

    def touches(self, event_type: str) -> bool:
        """Say whether events of this type are touched."""
        return not self.types or event_type in self.types


class Faults:
    """All switches."""

    def __init__(self) -> None:
        self.requests: list[Fault] = []
        self.webhooks = WebhookFaults()

    def strike(self, endpoint: str, text: str, now: float) -> Fault | None:
        """Return the fault that hits this request, and count it; the oldest switch first."""
        for fault in self.requests:
            if fault.holds(endpoint, text, now):
                fault.hits += 1
                return fault
        return None

    def clear(self) -> None:
        """Turn everything off."""
        self.requests.clear()
        self.webhooks = WebhookFaults()


def fault_from(told: dict[str, Any], now: float) -> Fault:
    """Read a switch from JSON; `seconds` is how long it holds.

    Raises:
        ValueError: the kind does not exist.
        TypeError: a key does not exist.
    """
    fields = dict(told)
    seconds = fields.pop("seconds", None)
    kind = FaultKind(fields.pop("kind"))
    until = now + float(seconds) if seconds is not None else None
    return Fault(kind=kind, until=until, **fields)
