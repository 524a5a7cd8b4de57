"""What the API server may answer instead of what was asked for."""

from deputy.errors import DeputyError


class KubeError(DeputyError):
    """The API server did not do what was asked; `message` is its own word."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}" if status else message)
        self.status = status
        self.message = message


class Unavailable(KubeError):
    """Nobody answered, or too much is asked of it: try again later."""


class NotFound(KubeError):
    """There is no such object."""


class AlreadyExists(KubeError):
    """An object of that name is there already."""


class Conflict(KubeError):
    """The object has changed since it was read: look again."""


class Invalid(KubeError):
    """The object breaks its schema or an admission rule."""


class Forbidden(KubeError):
    """We lack the right; the message names it."""


class KubeRefused(KubeError):
    """The request was refused for a reason that has no class of its own."""


class TooLarge(KubeRefused):
    """The object is bigger than the API server, or etcd, may store."""


class Expired(KubeError):
    """The resource version is too old to watch from: list again."""


def error_of(status: int, reason: str, message: str) -> KubeError:
    """Return the error that an answer with `status` and `reason` stands for."""
    if reason == "AlreadyExists":
        return AlreadyExists(status, message)
    # Of etcd's own limit some versions tell with a 500.
    if status == 413 or "request is too large" in message:
        return TooLarge(status, message)
    if status == 429 or status >= 500:
        return Unavailable(status, message)
    kinds = {401: Forbidden, 403: Forbidden, 404: NotFound, 409: Conflict, 410: Expired}
    kinds[422] = Invalid
    return kinds.get(status, KubeRefused)(status, message)
