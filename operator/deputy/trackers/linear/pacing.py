"""Decide how fast Linear may be asked, and when to give it time.

Pure: times come in as seconds on the scale of `Allowance`.
"""

import dataclasses

from deputy.trackers.linear.budget import PERIOD, Allowance, Budget

#: Part of the budget above which nothing is slowed down.
_PLENTY = 0.5

#: Points that a full batch may cost, by Linear's own count of fields and objects.
_POINTS = 100.0


@dataclasses.dataclass(frozen=True, slots=True)
class Pacing:
    """How the writer spends its budget; all times in seconds."""

    batch: int = 10
    """Most updates in one request."""
    spacing: float = 0.05
    """Least between the beginnings of two requests."""
    reserve: float = 0.2
    """Part of the hour's budget that only what is urgent may use."""
    first_backoff: float = 0.5
    max_backoff: float = 30.0
    answer_timeout: float = 20.0
    """Most that one request may take."""
    alone_timeout: float = 5.0
    """The same for an update that failed before and travels alone."""
    give_up_after: float = 600.0
    """How long one update may fail on its own while Linear takes others."""
    give_up_urgent_after: float = 30.0
    """The same for an acknowledgement and an end: what else there is to say waits for them."""
    end_waits: float = 15.0
    """How long an end waits for an update ahead of it that fails on its own."""
    probe_every: float = 5.0
    """Least between two questions whether it is Linear that fails or one update."""


def pause(budget: Budget, pacing: Pacing, *, now: float, last: float, is_urgent: bool) -> float:
    """Return the seconds to wait before a request, where the one before was made at `last`.

    What is urgent waits only for a budget that is spent. The rest is slowed down as the budget
    falls below the half, and stands still at the reserve; it is never refused for that.
    """
    since = max(0.0, now - last)
    waits = [pacing.spacing - since]
    for allowance, cost in ((budget.requests, 1.0), (budget.complexity, _POINTS)):
        if allowance is None:
            continue
        floor = 0.0 if is_urgent else allowance.limit * pacing.reserve
        waits.append(_until(allowance, floor + cost, now))
        if not is_urgent:
            waits.append(_interval(allowance, floor, cost, now) - since)
    return max(0.0, *waits)


def is_short(budget: Budget, pacing: Pacing, now: float) -> bool:
    """Say whether only the reserve is left."""
    return any(
        allowance is not None and allowance.left(now) <= allowance.limit * pacing.reserve
        for allowance in (budget.requests, budget.complexity)
    )


def backoff(pacing: Pacing, failures: int, jitter: float) -> float:
    """Return the seconds before the next attempt after so many failures in a row, from 1 on.

    `jitter` is a random number from 0 to 1, which spreads those who failed together.
    """
    grown = pacing.first_backoff * 2.0 ** min(failures - 1, 20)
    return min(pacing.max_backoff, grown) * (0.5 + jitter / 2)


def _until(allowance: Allowance, wanted: float, now: float) -> float:
    """Return the seconds until `wanted` is left; a budget too small for it need only be full."""
    missing = min(wanted, float(allowance.limit)) - allowance.left(now)
    return min(missing * PERIOD / allowance.limit, max(0.0, allowance.reset - now))


def _interval(allowance: Allowance, floor: float, cost: float, now: float) -> float:
    """Return the seconds between requests: none with plenty, what comes back at the floor."""
    plenty = allowance.limit * _PLENTY
    lacking = min(1.0, max(0.0, plenty - allowance.left(now)) / max(1.0, plenty - floor))
    return lacking * cost * PERIOD / allowance.limit
