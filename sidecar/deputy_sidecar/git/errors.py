"""What a forge's refusals mean, as git words them."""

import enum
import re


class Trouble(enum.Enum):
    """Why git could not talk with the forge."""

    NO_ACCESS = enum.auto()
    """The credential is missing, wrong or not enough."""
    NOT_FOUND = enum.auto()
    REJECTED = enum.auto()
    """The forge took the call and refused the push."""
    PASSING = enum.auto()
    """Anything that may be better the next time."""


_SHAPES = {
    Trouble.REJECTED: (
        r"\[(?:remote )?rejected\]|non-fast-forward|fetch first|pre-receive hook declined"
    ),
    Trouble.NO_ACCESS: (
        r"Authentication failed|could not read (?:Username|Password)|returned error: 40[13]|"
        r"terminal prompts disabled|Permission to .* denied|invalid credentials|HTTP 40[13]"
    ),
    Trouble.NOT_FOUND: (
        r"returned error: 404|[Rr]epository .*not found|does not appear to be a git repository|"
        r"does not exist"
    ),
}


def trouble_of(said: str) -> Trouble:
    """Return what git's words mean."""
    for trouble, shape in _SHAPES.items():
        if re.search(shape, said):
            return trouble
    return Trouble.PASSING
