"""The mounted Secret with which Linear and Deputy know each other."""

import contextlib
import dataclasses
import pathlib
from typing import TypeAlias

from deputy.trackers.linear.errors import CredentialsMissing

WEBHOOK_SECRET = "webhookSecret"  # noqa: S105  the names of keys, not their values
ACCESS_TOKEN = "accessToken"  # noqa: S105
CLIENT_ID = "clientId"
CLIENT_SECRET = "clientSecret"  # noqa: S105

_KEYS = (WEBHOOK_SECRET, ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET)

#: What tells one version of a file from the next: the kubelet swaps a link to a new directory.
_Version: TypeAlias = tuple[tuple[int, int, int] | None, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class OAuthClient:
    """An OAuth application that may have a token of its own."""

    id: str
    secret: str = dataclasses.field(repr=False)


class MountedSecret:
    """The files of a Secret; read again as soon as the kubelet has brought newer ones."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory
        self._version: _Version | None = None
        self._texts: dict[str, str] = {}

    def webhook_secrets(self) -> tuple[bytes, ...]:
        """Return the secrets that sign deliveries, one for each line.

        Raises:
            CredentialsMissing: there is none.
        """
        lines = (line.strip() for line in self._text(WEBHOOK_SECRET).splitlines())
        secrets = tuple(line.encode() for line in lines if line)
        if not secrets:
            raise self._missing(f"the key `{WEBHOOK_SECRET}`", "Linear's signing secret")
        return secrets

    def grant(self) -> str | OAuthClient:
        """Return the access token, or the application that can ask for one.

        Raises:
            CredentialsMissing: there is neither.
        """
        if token := self._text(ACCESS_TOKEN):
            return token
        client = OAuthClient(self._text(CLIENT_ID), self._text(CLIENT_SECRET))
        if not client.id or not client.secret:
            keys = f"the keys `{CLIENT_ID}` and `{CLIENT_SECRET}`, or `{ACCESS_TOKEN}`,"
            raise self._missing(keys, "those of your OAuth application in Linear")
        return client

    def _text(self, key: str) -> str:
        version = tuple(_version(self._directory / name) for name in _KEYS)
        if version != self._version:
            self._texts = {name: _read(self._directory / name) for name in _KEYS}
            self._version = version
        return self._texts[key]

    def _missing(self, keys: str, what: str) -> CredentialsMissing:
        return CredentialsMissing(
            f"the Secret with Linear's credentials, mounted at {self._directory}, lacks {keys} "
            f"or is not there; create it and set {what}"
        )


def _version(path: pathlib.Path) -> tuple[int, int, int] | None:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_mtime_ns, seen.st_size


def _read(path: pathlib.Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8").strip()
    return ""
