"""What a forge may answer instead of what was asked for.

ForgeError
├── ForgeUnavailable        nobody answered, it is broken or asks us to wait: try again later
├── ForgeRefused            a person has to change something; the message says what
│   ├── RepositoryUrlWrong  the address names no repository of a forge
│   ├── TokenRefused        401: the token is wrong or has expired
│   ├── AccessDenied        403, 404: the token may not do this, or there is no such repository
│   └── NothingToMerge      head and base have the same commits
└── NotVerified             the forge does not show what it should show

No message ever holds a token.
"""


class ForgeError(Exception):
    """The forge did not do what was asked; `message` names the object, the fact, the next step."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ForgeUnavailable(ForgeError):
    """Try again later, after `retry_after` seconds where the forge says so."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ForgeRefused(ForgeError):
    """Trying again is of no use until a person has changed something."""


class RepositoryUrlWrong(ForgeRefused):
    """The address names no repository of a forge."""


class TokenRefused(ForgeRefused):
    """The forge does not know the token."""


class AccessDenied(ForgeRefused):
    """The token lacks a right, or there is no such repository."""


class NothingToMerge(ForgeRefused):
    """Head and base have the same commits."""


class NotVerified(ForgeError):
    """The forge does not show the branch, the commit or the pull request that should be there."""
