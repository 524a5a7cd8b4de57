"""What Linear may answer instead of what was asked, and why a delivery of its is not taken.

Messages never hold a token, a secret, a signature, or the text of an update or a delivery.
"""

from typing import ClassVar

from deputy.errors import DeputyError


class LinearError(DeputyError):
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


class AlreadyInserted(Rejected):
    """Something with this id is there: to whoever repeats a call, that is success."""


class EntityNotFound(Rejected):
    """There is no such thing, or we may not see it: Linear does not tell which."""


class WebhookRefused(DeputyError):
    """A delivery is not taken; `status` is the HTTP status that says so, `result` its metric's."""

    status: ClassVar[int] = 400
    result: ClassVar[str] = "webhook_refused"


class SecretUnset(WebhookRefused):
    """There is no secret to check with."""

    status = 503
    result = "secret_unset"


class SignatureMissing(WebhookRefused):
    """Nobody signed it."""

    status = 401
    result = "signature_missing"


class SignatureWrong(WebhookRefused):
    """It was signed with none of our secrets, or changed since."""

    status = 401
    result = "signature_wrong"


class StaleDelivery(WebhookRefused):
    """It was signed too far from now: somebody may be sending an old delivery again."""

    result = "stale"


class MalformedDelivery(WebhookRefused):
    """It is not what Linear's documentation describes."""

    result = "malformed"
