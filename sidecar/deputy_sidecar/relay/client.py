"""The sidecar's way to the operator: HTTP/1.1 over TLS, and no library for it.

A general HTTP client costs more memory than the rest of the sidecar; what the relay is asked
are three calls with a JSON body each.
"""

import asyncio
import contextlib
import dataclasses
import json
import ssl
import urllib.parse
from pathlib import Path
from typing import Any

from deputy.wire import EventsAnswer, GitToken, Message, NumberedEvent, from_json, to_json
from deputy_sidecar import log
from deputy_sidecar.errors import RelayRefused, RelayUnreachable

_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 30.0
_MAX_HEAD = 64 * 1024
_MAX_BODY = 8 * 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class RelayAddress:
    """Where the relay is and how to know it."""

    host: str
    port: int
    context: ssl.SSLContext | None
    token_file: Path

    @property
    def authority(self) -> str:
        """Host and port as in an address, where IPv6 has brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def address_of(url: str, ca: str, token_file: Path) -> RelayAddress:
    """Read the relay's URL; `ca` is the PEM certificate that it must be signed by."""
    parts = urllib.parse.urlsplit(url)
    secure = parts.scheme == "https"
    context = ssl.create_default_context(cadata=ca or None) if secure else None
    port = parts.port or (443 if secure else 80)
    return RelayAddress(parts.hostname or "", port, context, token_file)


class RelayClient:
    """One connection to the relay, opened when it is needed and used again while it lasts.

    Calls on it follow one another; tasks that call at the same time have a client each.
    """

    def __init__(self, address: RelayAddress) -> None:
        self._address = address
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def events(self, batch: list[NumberedEvent]) -> EventsAnswer:
        """Hand over a batch."""
        body = {"events": [to_json(numbered) for numbered in batch]}
        return from_json(EventsAnswer, await self._call("POST", "/v1/events", body))

    async def inbox(self, after: str, wait: float) -> list[Message]:
        """Return the messages after the one named `after`, waiting up to `wait` seconds.

        What only a newer sidecar understands is passed over: an operator may be ahead of us.
        """
        query = urllib.parse.urlencode({"after": after, "wait": f"{wait:g}"})
        answer = await self._call("GET", f"/v1/inbox?{query}", None, wait + _ANSWER_SECONDS)
        messages = map(_message, answer.get("messages", ()))
        return [message for message in messages if message is not None]

    async def git_token(self) -> GitToken:
        """Return a credential for the run's repository."""
        return from_json(GitToken, await self._call("POST", "/v1/tokens/git", {}))

    async def _call(
        self, method: str, path: str, body: Any, seconds: float = _ANSWER_SECONDS
    ) -> dict[str, Any]:
        try:
            async with asyncio.timeout(seconds):
                status, answer = await self._exchange(method, path, body)
        except BaseException as error:
            # Whatever may still come on this connection belongs to nobody.
            self.close()
            if isinstance(error, OSError | EOFError | ValueError | TimeoutError):
                raise RelayUnreachable(f"the relay cannot be reached: {_reason(error)}") from error
            raise
        if status != 200:
            raise RelayRefused(status, _message_of(answer))
        return _object(answer)

    async def _exchange(self, method: str, path: str, body: Any) -> tuple[int, bytes]:
        request = self._request(method, path, body)
        if self._writer is not None:
            # The other side may have closed a connection that was idle.
            with contextlib.suppress(OSError, EOFError):
                return await self._send(self._writer, request)
            self.close()
        writer = await self._connect()
        return await self._send(writer, request)

    def _request(self, method: str, path: str, body: Any) -> bytes:
        payload = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        # Read anew each time: the kubelet replaces the token long before it ends.
        token = self._address.token_file.read_text().strip()
        head = (
            f"{method} {path} HTTP/1.1\r\n"
            f"Host: {self._address.authority}\r\n"
            f"Authorization: Bearer {token}\r\n"
            "Accept: application/json\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(payload)}\r\n\r\n"
        )
        return head.encode("ascii") + payload

    async def _connect(self) -> asyncio.StreamWriter:
        address = self._address
        async with asyncio.timeout(_CONNECT_SECONDS):
            self._reader, self._writer = await asyncio.open_connection(
                address.host, address.port, ssl=address.context, limit=_MAX_HEAD
            )
        return self._writer

    async def _send(self, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bytes]:
        if self._reader is None:
            raise EOFError("the connection is closed")
        writer.write(request)
        await writer.drain()
        status, headers = await _head(self._reader)
        answer = await _body(self._reader, headers)
        if headers.get("connection", "").lower() == "close":
            self.close()
        return status, answer

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    try:
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.LimitOverrunError as error:
        raise ValueError("an answer's head is too long") from error
    first, *lines = text.strip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split()[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(_size(headers.get("content-length", "0"), 10))
    parts: list[bytes] = []
    while size := _size((await reader.readline()).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while (await reader.readline()).strip():
        pass
    return b"".join(parts)


def _size(text: str | bytes, base: int) -> int:
    size = int(text, base)
    if not 0 <= size <= _MAX_BODY:
        raise ValueError("an answer is too long")
    return size


def _object(answer: bytes) -> dict[str, Any]:
    try:
        body = json.loads(answer)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RelayUnreachable("something answered that is not the relay")
    return body


def _message(fields: dict[str, Any]) -> Message | None:
    try:
        return from_json(Message, fields)
    except ValueError as error:
        log.warning("a message cannot be read", error=str(error))
        return None


def _message_of(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["error"])
    except (ValueError, KeyError, TypeError):
        return answer[:200].decode(errors="replace")


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
