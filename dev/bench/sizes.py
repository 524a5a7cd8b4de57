"""How much is measured."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Sizes:
    """Counts and durations; everything is bounded by them."""

    rate: int = 200
    """Webhooks offered each second."""
    open_seconds: int = 20
    at_once: int = 32
    closed_seconds: int = 8
    closed_most: int = 2400
    in_turn: int = 20
    """Runs, one after the other."""
    together: int = 10
    """Runs at the same time."""
    conversations: int = 2
    prompts: int = 50
    """In each conversation; an inbox takes 95."""
    stops: int = 10
    finished: int = 1000
    live: int = 50
    talking: int = 3
    settle_seconds: int = 15
    idle_seconds: int = 60


FULL = Sizes()
#: To see that everything works; its figures mean nothing.
QUICK = Sizes(
    open_seconds=3,
    closed_seconds=2,
    closed_most=400,
    in_turn=3,
    together=3,
    conversations=1,
    prompts=5,
    stops=2,
    finished=50,
    live=5,
    settle_seconds=3,
    idle_seconds=5,
)
