"""How much a caller may ask for in an hour: two leaky buckets, and what the headers say of them.

Pure: the time comes in as seconds on any scale that never goes back.
"""

from __future__ import annotations

import dataclasses
import math

HOUR = 3600.0

#: Most points that a single query may cost.
MOST_COMPLEX = 10_000


@dataclasses.dataclass(slots=True)
class LeakyBucket:
    """A bucket that holds `capacity` and leaks all of it in an hour, evenly."""

    capacity: int
    level: float = 0.0
    seen_at: float = 0.0

    def leak(self, now: float) -> None:
        """Let out what has leaked since the last look."""
        leaked = (now - self.seen_at) * self.capacity / HOUR
        self.level = max(0.0, self.level - leaked)
        self.seen_at = now

    def has_room(self, amount: float) -> bool:
        """Say whether `amount` fits."""
        return self.level + amount <= self.capacity

    @property
    def remaining(self) -> int:
        """What still fits."""
        return max(0, math.floor(self.capacity - self.level))

    @property
    def reset_after(self) -> float:
        """Seconds until the bucket is empty."""
        return self.level * HOUR / self.capacity if self.capacity else HOUR

    def room_after(self, amount: float) -> float:
        """Return the seconds until `amount` fits."""
        excess = self.level + amount - self.capacity
        return max(0.0, excess * HOUR / self.capacity) if self.capacity else HOUR


@dataclasses.dataclass(slots=True)
class Budget:
    """What one caller may still ask for."""

    requests: LeakyBucket
    complexity: LeakyBucket

    def take(self, points: int, now: float) -> LeakyBucket | None:
        """Charge one request of `points`; return the bucket that has no room, if one has none.

        A refused request costs nothing.
        """
        self.requests.leak(now)
        self.complexity.leak(now)
        if not self.requests.has_room(1):
            return self.requests
        if not self.complexity.has_room(points):
            return self.complexity
        self.requests.level += 1
        self.complexity.level += points
        return None


class RateLimiter:
    """The budgets of all callers; a change of limits holds for those that come from then on."""

    def __init__(self, requests_per_hour: int, complexity_per_hour: int) -> None:
        self.requests_per_hour = requests_per_hour
        self.complexity_per_hour = complexity_per_hour
        self._budgets: dict[str, Budget] = {}

    def budget(self, caller: str, now: float) -> Budget:
        """Return the caller's budget, full at first sight."""
        if caller not in self._budgets:
            self._budgets[caller] = Budget(
                LeakyBucket(self.requests_per_hour, seen_at=now),
                LeakyBucket(self.complexity_per_hour, seen_at=now),
            )
        return self._budgets[caller]

    def set_limits(self, requests_per_hour: int, complexity_per_hour: int) -> None:
        """Change the limits; everybody starts with a full budget again."""
        self.requests_per_hour = requests_per_hour
        self.complexity_per_hour = complexity_per_hour
        self._budgets.clear()

    def drain(self, caller: str, remaining: int, now: float) -> None:
        """Leave the caller no more than `remaining` requests."""
        bucket = self.budget(caller, now).requests
        bucket.leak(now)
        bucket.level = float(max(bucket.level, bucket.capacity - remaining))


def headers(budget: Budget, points: int, endpoint: str, wall_ms: int) -> dict[str, str]:
    """Return the headers that report a budget; resets are in epoch milliseconds."""
    told = {"X-Complexity": str(points), "X-RateLimit-Endpoint-Name": endpoint}
    for name, bucket in (
        ("Requests", budget.requests),
        ("Complexity", budget.complexity),
        ("Endpoint-Requests", budget.requests),
    ):
        told[f"X-RateLimit-{name}-Limit"] = str(bucket.capacity)
        told[f"X-RateLimit-{name}-Remaining"] = str(bucket.remaining)
        told[f"X-RateLimit-{name}-Reset"] = str(wall_ms + round(bucket.reset_after * 1000))
    return told
