"""What can go wrong in the sidecar: one tree, one condition for each class.

SidecarError
 ├─ LinkBroken             a FIFO between the sidecar and the agent's container is not one
 ├─ PrepareFailed          the workspace cannot be prepared; the text is for the run's user
 ├─ GitFailed              a git command failed; `message` is what git said
 ├─ SecretInWork           uncommitted work holds the workspace's own credential
 └─ RelayError             the relay did not do what it was asked
     ├─ RelayUnreachable   it cannot be reached, or broke off: the world's, to be repeated
     └─ RelayRefused       it said no; `status` is HTTP's, `message` its own
"""

_NO_TOKEN = 409


class SidecarError(Exception):
    """Anything that the sidecar raises about the world around it."""


class LinkBroken(SidecarError):
    """A FIFO of the link is not one."""


class PrepareFailed(SidecarError):
    """The workspace cannot be prepared; the text is for the run's user."""


class GitFailed(SidecarError):
    """A git command failed; the text is what git said, without credentials."""

    def __init__(self, command: str, message: str) -> None:
        super().__init__(f"git {command} failed: {message}")
        self.message = message


class SecretInWork(SidecarError):
    """Uncommitted work holds the workspace's own credential."""


class RelayError(SidecarError):
    """The relay did not do what it was asked."""


class RelayUnreachable(RelayError):
    """The relay cannot be reached."""


class RelayRefused(RelayError):
    """The relay answered with another status than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the relay answered {status}: {message}")
        self.status = status
        self.message = message

    @property
    def has_no_token(self) -> bool:
        """Whether it was asked for a git token and there is none; the message says why."""
        return self.status == _NO_TOKEN

    @property
    def is_final(self) -> bool:
        """Whether the same call would be refused for ever."""
        return 400 <= self.status < 500 and self.status not in (401, 403, 404, 408, 409, 429)
