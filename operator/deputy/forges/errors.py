"""What a forge may answer instead of what was asked for.

No message ever holds a token.
"""

from deputy.errors import DeputyError


class ForgeError(DeputyError):
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


class AlreadyOpen(ForgeRefused):
    """The branch has a pull request already."""


class RepositoryNotFound(AccessDenied):
    """404: not there, or not for this token."""


class TokenMissing(ForgeError):
    """There is no token to call the forge with; the message names what to create."""
