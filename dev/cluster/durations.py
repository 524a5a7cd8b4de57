"""How long things took the last time on this machine, so that a person knows what to expect."""

from __future__ import annotations

import contextlib
import json

from dev.cluster import paths

#: What is faster than this is not worth a word about how long it takes.
LEAST_SECONDS = 5.0


def read(key: str, default: float | None = None) -> float | None:
    """Return the seconds that something took the last time, `default` where it is unknown."""
    seconds = _all().get(key, default)
    return seconds if seconds is not None and seconds >= LEAST_SECONDS else None


def write(key: str, seconds: float) -> None:
    """Keep how long something took; a cache that may not be written is no error."""
    if not key or seconds < LEAST_SECONDS:
        return
    file = paths.cache() / "durations.json"
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(_all() | {key: round(seconds, 1)}, indent=2) + "\n")


def spoken(seconds: float) -> str:
    """Return a duration as a person says it."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _all() -> dict[str, float]:
    try:
        content = json.loads((paths.cache() / "durations.json").read_text())
    except (OSError, ValueError):
        return {}
    return {
        str(key): float(seconds)
        for key, seconds in (content.items() if isinstance(content, dict) else ())
        if isinstance(seconds, int | float)
    }
