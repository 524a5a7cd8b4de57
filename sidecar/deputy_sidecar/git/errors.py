"""What git's error messages mean, as it words them."""

import enum
import re


class GitErrorKind(enum.Enum):
    """Why git could not do with the forge what it was told."""

    NO_ACCESS = enum.auto()
    """The credential is missing, wrong or not enough."""
    NOT_FOUND = enum.auto()
    REJECTED = enum.auto()
    """The forge took the call and refused the push."""
    TRANSIENT = enum.auto()
    """Anything that may be better the next time."""


_PATTERNS = {
    GitErrorKind.REJECTED: (
        r"\[(?:remote )?rejected\]|non-fast-forward|fetch first|pre-receive hook declined"
    ),
    GitErrorKind.NO_ACCESS: (
        r"Authentication failed|could not read (?:Username|Password)|returned error: 40[13]|"
        r"terminal prompts disabled|Permission to .* denied|invalid credentials|HTTP 40[13]"
    ),
    GitErrorKind.NOT_FOUND: (
        r"returned error: 404|[Rr]epository .*not found|does not appear to be a git repository|"
        r"does not exist"
    ),
}


def kind_of(message: str) -> GitErrorKind:
    """Return what git's message means."""
    for kind, pattern in _PATTERNS.items():
        if re.search(pattern, message):
            return kind
    return GitErrorKind.TRANSIENT
