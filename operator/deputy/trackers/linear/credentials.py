"""The right to call Linear: an access token, given or asked for, and the webhook secrets."""

import asyncio
import dataclasses
import pathlib
import time
from collections.abc import Callable
from typing import Any

import httpx

from deputy.trackers.linear.errors import LinearUnavailable, Unauthenticated
from deputy.trackers.linear.responses import json_object
from deputy.trackers.linear.secret import MountedSecret, OAuthClient

#: What a token of ours may do. Asking for anything else revokes every token that we hold.
SCOPE = "read,write,app:assignable,app:mentionable"

#: A token is replaced when this part of its life is left, at most an hour.
_SPARE = 0.1
_MOST_SPARE = 3600.0


@dataclasses.dataclass(frozen=True, slots=True)
class _Token:
    text: str = dataclasses.field(repr=False)
    client: OAuthClient
    renew_at: float


class Credentials:
    """Reads the mounted Secret and keeps a token in memory, where one has to be asked for.

    Many may ask at once: one asks Linear, the others wait for its answer.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        http: httpx.AsyncClient,
        api_url: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secret = MountedSecret(directory)
        self._http = http
        self._url = f"{api_url.rstrip('/')}/oauth/token"
        self._clock = clock
        self._token: _Token | None = None
        self._lock = asyncio.Lock()

    def webhook_secrets(self) -> tuple[bytes, ...]:
        """Return the secrets that sign deliveries; raise `CredentialsMissing`."""
        return self._secret.webhook_secrets()

    def check(self, *, webhook: bool) -> None:
        """Raise `CredentialsMissing` where a key that is needed is not set; asks nobody."""
        self._secret.grant()
        if webhook:
            self._secret.webhook_secrets()

    async def token(self) -> str:
        """Return an access token.

        Raises:
            CredentialsMissing: there is nothing to get one with.
            Unauthenticated: Linear does not give one.
            LinearUnavailable: Linear cannot be asked.
        """
        grant = self._secret.grant()
        if isinstance(grant, str):
            return grant
        async with self._lock:
            if self._token is None or not self._is_good(self._token, grant):
                self._token = await self._ask(grant)
            return self._token.text

    def reject(self, token: str) -> None:
        """Forget `token`, which Linear did not accept; the next call asks for another."""
        if self._token is not None and self._token.text == token:
            self._token = None

    def _is_good(self, token: _Token, client: OAuthClient) -> bool:
        return token.client == client and self._clock() < token.renew_at

    async def _ask(self, client: OAuthClient) -> _Token:
        began = self._clock()
        form = {"grant_type": "client_credentials", "scope": SCOPE}
        try:
            answer = await self._http.post(self._url, data=form, auth=(client.id, client.secret))
        except httpx.HTTPError as error:
            message = f"no answer from Linear's token endpoint: {type(error).__name__}"
            raise LinearUnavailable(message) from error
        body = json_object(answer.content)
        text, life = body.get("access_token"), body.get("expires_in")
        if answer.status_code != 200 or not isinstance(text, str) or not text:
            raise _refusal(answer.status_code, body)
        seconds = float(life) if isinstance(life, int | float) else _MOST_SPARE
        spare = min(_MOST_SPARE, seconds * _SPARE)
        return _Token(text, client, began + seconds - spare)


def _refusal(status: int, body: dict[str, Any]) -> Unauthenticated | LinearUnavailable:
    reason = str(body.get("error_description") or body.get("error") or "no reason given")
    if "error" not in body or status >= 500 or status in {408, 429}:
        return LinearUnavailable(f"Linear's token endpoint answered {status}")
    return Unauthenticated(
        f"Linear gives no token ({status}: {reason}); check `clientId` and `clientSecret`, and "
        "that client credentials are switched on for the application"
    )
