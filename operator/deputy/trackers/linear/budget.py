"""How much Linear lets us ask for in this hour, as the headers of its answers say it."""

import dataclasses
from collections.abc import Mapping

#: Seconds over which Linear counts.
PERIOD = 3600.0


@dataclasses.dataclass(frozen=True, slots=True)
class Allowance:
    """What may be asked for: `limit` in an hour, `remaining` of it at `reported_at`.

    `reset` is when all of it is there again; both are seconds since the epoch.
    """

    limit: int
    remaining: int
    reset: float
    reported_at: float

    def left(self, now: float) -> float:
        """Return what should be left by `now`: what was spent comes back evenly over an hour.

        Should Linear count otherwise, the next answer corrects the estimate.
        """
        if now >= self.reset:
            return float(self.limit)
        back = max(0.0, now - self.reported_at) * self.limit / PERIOD
        return min(float(self.limit), self.remaining + back)


@dataclasses.dataclass(frozen=True, slots=True)
class Budget:
    """The two budgets of an application; None until Linear has told of it."""

    requests: Allowance | None = None
    complexity: Allowance | None = None


def budget_of(headers: Mapping[str, str], before: Budget, now: float) -> Budget:
    """Return the budget that an answer reports; what it does not report stays as `before`.

    `headers` have lower-case names.
    """
    return Budget(
        _allowance(headers, "requests", now) or before.requests,
        _allowance(headers, "complexity", now) or before.complexity,
    )


def _allowance(headers: Mapping[str, str], what: str, now: float) -> Allowance | None:
    try:
        limit = int(headers[f"x-ratelimit-{what}-limit"])
        remaining = int(headers[f"x-ratelimit-{what}-remaining"])
        reset = int(headers[f"x-ratelimit-{what}-reset"]) / 1000
    except (KeyError, ValueError):
        return None
    return Allowance(limit, remaining, reset, reported_at=now) if limit > 0 else None
