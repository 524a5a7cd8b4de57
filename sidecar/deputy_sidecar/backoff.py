"""How long to wait before trying again."""

import random


class Backoff:
    """Delays that grow, each a little different so that many sidecars do not come at once."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def delay(self) -> float:
        """Return the seconds to wait now."""
        delay, self._next = self._next, min(self._longest, self._next * 2)
        return delay * (0.75 + random.random() / 2)  # noqa: S311  a spread, not a secret

    def reset(self) -> None:
        """Begin with the shortest delay again."""
        self._next = self._first
