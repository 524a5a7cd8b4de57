"""Tokens of applications and keys of people: who may call, as whom, for how long.

No I/O; the time comes in as seconds on a scale that never goes back.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import secrets
from typing import Any

ACCESS_SECONDS = 86_399
APP_ACCESS_SECONDS = 2_591_999
CODE_SECONDS = 600
REPLAY_SECONDS = 30 * 60
MOST_APP_TOKENS = 1_000
FOR_EVER = float("inf")


class OAuthError(Exception):
    """A refusal of the token endpoint, in OAuth's words."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.status = status
        self.body = {"error": error, "error_description": description}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An OAuth application, and the user that it acts as."""

    id: str
    secret: str
    name: str
    user_id: str
    redirect_uris: tuple[str, ...] = ()
    client_credentials: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A right to call the API."""

    text: str
    user_id: str
    client_id: str | None
    scope: tuple[str, ...]
    expires_at: float
    from_credentials: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a person's consent is exchanged for a token with."""

    client_id: str
    redirect_uri: str
    scope: tuple[str, ...]
    challenge: str | None
    method: str
    expires_at: float


@dataclasses.dataclass(slots=True, kw_only=True)
class Refresh:
    """A right to a new pair of tokens, to be used once."""

    client_id: str
    scope: tuple[str, ...]
    pkce: bool
    used_at: float | None = None
    answer: dict[str, Any] | None = None


class Authority:
    """Grants, renews and revokes tokens."""

    def __init__(self) -> None:
        self.clients: dict[str, Client] = {}
        self._tokens: dict[str, Token] = {}
        self._codes: dict[str, Code] = {}
        self._refreshes: dict[str, Refresh] = {}

    def caller(self, token: str, now: float) -> Token | None:
        """Return the right that `token` is, or None when it is unknown or expired."""
        known = self._tokens.get(token)
        return known if known is not None and now < known.expires_at else None

    def seed(self, text: str, user_id: str, client_id: str | None, scope: str) -> None:
        """Make `text` a token that never expires."""
        self._tokens[text] = Token(
            text=text,
            user_id=user_id,
            client_id=client_id,
            scope=split_scope(scope),
            expires_at=FOR_EVER,
        )

    def consent(self, asked: dict[str, str], now: float) -> str:
        """Return the code that a person's consent to `asked` (query parameters) is worth.

        Raises:
            OAuthError: the client or its redirect address is unknown, or the scope is missing.
        """
        client = self.clients.get(asked.get("client_id", ""))
        redirect_uri = asked.get("redirect_uri", "")
        if client is None:
            raise OAuthError("invalid_client", "Invalid client_id parameter.")
        if not redirect_uri or (client.redirect_uris and redirect_uri not in client.redirect_uris):
            wrong = "Invalid redirect_uri parameter for the application"
            raise OAuthError("invalid_redirect_uri", wrong)
        if asked.get("response_type") != "code":
            raise OAuthError("unsupported_response_type", "response_type must be code.")
        scope = split_scope(asked.get("scope", ""))
        if asked.get("actor") == "app" and "admin" in scope:
            raise OAuthError("invalid_scope", "The scope admin cannot be used with actor=app.")
        code = secrets.token_hex(20)
        self._codes[code] = Code(
            client_id=client.id,
            redirect_uri=redirect_uri,
            scope=scope or ("read",),
            challenge=asked.get("code_challenge"),
            method=asked.get("code_challenge_method", "plain"),
            expires_at=now + CODE_SECONDS,
        )
        return code

    def grant(self, told: dict[str, str], now: float) -> dict[str, Any]:
        """Grant a token by the grant that the form `told` asks for.

        Raises:
            OAuthError: it is not granted.
        """
        match told.get("grant_type"):
            case "authorization_code":
                return self.exchange_code(told, now)
            case "refresh_token":
                return self.refresh(told, now)
            case "client_credentials":
                return self.client_credentials(told, now)
            case other:
                raise OAuthError("unsupported_grant_type", f"Unknown grant type {other!r}.")

    def exchange_code(self, told: dict[str, str], now: float) -> dict[str, Any]:
        """Exchange a code for a pair of tokens; a code works once."""
        code = self._codes.pop(told.get("code", ""), None)
        if code is None or now >= code.expires_at or code.client_id != told.get("client_id"):
            raise OAuthError("invalid_grant", "The authorization code is invalid or expired.")
        if told.get("redirect_uri") != code.redirect_uri:
            raise OAuthError("invalid_grant", "redirect_uri does not match.")
        if code.challenge is not None and not _proves(told.get("code_verifier", ""), code):
            raise OAuthError("invalid_grant", "code_verifier does not match the challenge.")
        if code.challenge is None or told.get("client_secret"):
            self._authenticate(told)
        pkce = code.challenge is not None and not told.get("client_secret")
        return self._pair(self.clients[code.client_id], code.scope, now, pkce=pkce)

    def refresh(self, told: dict[str, str], now: float) -> dict[str, Any]:
        """Exchange a refresh token for a new pair.

        The same request again within half an hour gets the same answer, afterwards
        `invalid_grant`.
        """
        known = self._refreshes.get(told.get("refresh_token", ""))
        if known is None or known.client_id != told.get("client_id"):
            raise OAuthError("invalid_grant", "The refresh token is invalid.")
        if not known.pkce:
            self._authenticate(told)
        if known.answer is not None and known.used_at is not None:
            if now - known.used_at > REPLAY_SECONDS:
                raise OAuthError("invalid_grant", "The refresh token was used already.")
            return known.answer
        client = self.clients[known.client_id]
        known.used_at = now
        known.answer = self._pair(client, known.scope, now, pkce=known.pkce)
        return known.answer

    def client_credentials(self, told: dict[str, str], now: float) -> dict[str, Any]:
        """Grant an application a token of its own; other scopes than before revoke the former."""
        client = self._authenticate(told)
        if not client.client_credentials:
            wrong = "Client does not support the client_credentials grant type"
            raise OAuthError("Error", wrong)
        scope = split_scope(told.get("scope", ""))
        if not scope:
            raise OAuthError("invalid_scope", "scope is required.")
        held = [t for t in self._tokens.values() if t.client_id == client.id and t.from_credentials]
        if any(set(token.scope) != set(scope) for token in held):
            self.revoke_all(client.id)
        elif len(held) >= MOST_APP_TOKENS:
            del self._tokens[held[0].text]
        token = self._grant(client, scope, now + APP_ACCESS_SECONDS, from_credentials=True)
        return {
            "access_token": token.text,
            "token_type": "Bearer",
            "expires_in": APP_ACCESS_SECONDS,
            "scope": " ".join(scope),
        }

    def revoke(self, text: str) -> None:
        """Revoke an access or refresh token.

        Raises:
            OAuthError: there is no such token.
        """
        if self._tokens.pop(text, None) is None and self._refreshes.pop(text, None) is None:
            raise OAuthError("invalid_request", "The token is not valid or revoked already.")

    def revoke_all(self, client_id: str) -> None:
        """Revoke everything that an application holds."""
        self._tokens = {t: k for t, k in self._tokens.items() if k.client_id != client_id}
        self._refreshes = {t: k for t, k in self._refreshes.items() if k.client_id != client_id}

    def rotate_secret(self, client_id: str, secret: str) -> None:
        """Give an application a new secret; tokens made with the old one end."""
        self.clients[client_id] = dataclasses.replace(self.clients[client_id], secret=secret)
        self.revoke_all(client_id)

    def _authenticate(self, told: dict[str, str]) -> Client:
        client = self.clients.get(told.get("client_id", ""))
        if client is None or not secrets.compare_digest(
            client.secret, told.get("client_secret", "")
        ):
            raise OAuthError("invalid_client", "Client authentication failed.", 401)
        return client

    def _pair(
        self, client: Client, scope: tuple[str, ...], now: float, *, pkce: bool
    ) -> dict[str, Any]:
        token = self._grant(client, scope, now + ACCESS_SECONDS)
        refresh = f"lin_refresh_{secrets.token_hex(32)}"
        self._refreshes[refresh] = Refresh(client_id=client.id, scope=scope, pkce=pkce)
        return {
            "access_token": token.text,
            "token_type": "Bearer",
            "expires_in": ACCESS_SECONDS,
            "scope": " ".join(scope),
            "refresh_token": refresh,
        }

    def _grant(
        self,
        client: Client,
        scope: tuple[str, ...],
        expires_at: float,
        *,
        from_credentials: bool = False,
    ) -> Token:
        token = Token(
            text=f"lin_oauth_{secrets.token_hex(32)}",
            user_id=client.user_id,
            client_id=client.id,
            scope=scope,
            expires_at=expires_at,
            from_credentials=from_credentials,
        )
        self._tokens[token.text] = token
        return token


def split_scope(text: str) -> tuple[str, ...]:
    """Return the scopes in `text`, which commas or blanks separate."""
    return tuple(text.replace(",", " ").split())


def _proves(verifier: str, code: Code) -> bool:
    if code.method == "plain":
        return verifier == code.challenge
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == code.challenge
