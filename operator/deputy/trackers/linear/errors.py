"""What may come instead of what was asked of Linear.

LinearError
├── CredentialsMissing   the mounted Secret lacks a key; the message names it
├── Unauthenticated      Linear does not let us in with the credentials that we have
├── LinearUnavailable    nobody answered, or Linear failed: try again later
├── RateLimited          too much was asked: try again after `retry_after`
└── Rejected             a mistake in what was asked; asking again is futile
    ├── AlreadyExists    the id is there already: an earlier call has done it
    └── NotFound         there is no such thing, or we may not see it

Messages never hold a token, a secret or the text of an update.
"""


class LinearError(Exception):
    """Linear did not do what was asked."""


class CredentialsMissing(LinearError):
    """The Secret with Linear's credentials is not there, or lacks a key."""


class Unauthenticated(LinearError):
    """Linear refuses our credentials; a person has to look after them."""


class LinearUnavailable(LinearError):
    """Nobody answered, or the fault is Linear's; `retry_after` are seconds, where it said so."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(LinearError):
    """The hour's budget is spent; `retry_after` are seconds, where Linear said so."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Rejected(LinearError):
    """Linear will not do this, however often it is asked; `path` names the field that failed."""

    def __init__(self, code: str, message: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        self.path = path


class AlreadyExists(Rejected):
    """Something with this id is there: to whoever repeats a call, that is success."""


class NotFound(Rejected):
    """There is no such thing, or we may not see it: Linear does not tell which."""
