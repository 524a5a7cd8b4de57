"""A pod that cannot be created yet: tried again, with pauses that grow, and said if it lasts."""

import dataclasses
import datetime as dt

from deputy.core.reason import RunReason

#: The first and the longest pause before a pod is tried again.
_FIRST_PAUSE, _LONGEST_PAUSE = dt.timedelta(seconds=1), dt.timedelta(minutes=1)
#: A quota takes a moment to notice that a pod is gone: so long nobody has to be told.
NOTE_AFTER = dt.timedelta(seconds=5)


@dataclasses.dataclass(frozen=True, slots=True)
class PodObstacle:
    """What keeps Kubernetes from taking a pod now, and may pass."""

    reason: RunReason
    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class PodDelay:
    """Why a run has no pod yet, since when, and when that is tried again."""

    obstacle: PodObstacle
    since: dt.datetime
    retry_at: dt.datetime
    failures: int = 1


def delayed(before: PodDelay | None, obstacle: PodObstacle, now: dt.datetime) -> PodDelay:
    """Return the delay after one more try that came to nothing at `now`."""
    failures = before.failures + 1 if before is not None else 1
    pause = min(_FIRST_PAUSE * 2 ** min(failures - 1, 10), _LONGEST_PAUSE)
    since = before.since if before is not None else now
    return PodDelay(obstacle, since, now + pause, failures)
