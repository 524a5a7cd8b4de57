"""How long to wait before trying again."""

import random


class Patience:
    """Pauses that grow, each a little different so that many sidecars do not come at once."""

    def __init__(self, first: float, most: float) -> None:
        self._first = first
        self._most = most
        self._next = first

    def pause(self) -> float:
        """Return the seconds to wait now."""
        pause, self._next = self._next, min(self._most, self._next * 2)
        return pause * (0.75 + random.random() / 2)  # noqa: S311  a spread, not a secret

    def reset(self) -> None:
        """Begin with the shortest pause again."""
        self._next = self._first
