"""A thin client of the Kubernetes API: JSON in, JSON out, typed errors.

The official client deserialises slowly and needs most of a process's memory; we read what we
need into models of our own, so plain JSON over aiohttp is all that it takes.
"""

import json
import pathlib
import ssl
import time
import types
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Self

import aiohttp

from deputy.kube.errors import Expired, Unavailable, error_of
from deputy.kube.resources import resource_of

_TOKENS = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TOKEN_SECONDS = 60.0
_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)
#: Longer than the API server ever keeps a watch, so that a dead connection is noticed.
_WATCH_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=5, sock_read=330)

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


class Connection:
    """Where the API server is and how to be let in."""

    def __init__(self, server: str, context: ssl.SSLContext | None, token: str = "") -> None:
        self.server = server.rstrip("/")
        self.context = context
        self._token = token
        self._read_at = 0.0

    @classmethod
    def in_cluster(cls, environ: Mapping[str, str]) -> "Connection":
        """Return the connection that every pod has; raise `KeyError` outside of one."""
        host, port = environ["KUBERNETES_SERVICE_HOST"], environ["KUBERNETES_SERVICE_PORT"]
        context = ssl.create_default_context(cafile=_TOKENS / "ca.crt")
        return cls(f"https://{f'[{host}]' if ':' in host else host}:{port}", context)

    def headers(self) -> dict[str, str]:
        """Return the headers that authenticate; the projected token is re-read as it rotates."""
        if not self._token or (self._read_at and time.monotonic() > self._read_at + _TOKEN_SECONDS):
            path = _TOKENS / "token"
            if path.exists():
                self._token, self._read_at = path.read_text().strip(), time.monotonic()
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}


class Kube:
    """One connection pool to one API server; an async context manager.

    `on_write` is told of every request that may change something, by its resource.
    """

    def __init__(
        self, connection: Connection, *, on_write: Callable[[str], None] | None = None
    ) -> None:
        self._connection = connection
        self._session: aiohttp.ClientSession | None = None
        self._on_write = on_write

    async def __aenter__(self) -> Self:
        ssl_context: ssl.SSLContext | bool = self._connection.context or True
        connector = aiohttp.TCPConnector(limit=64, ssl=ssl_context)
        self._session = aiohttp.ClientSession(connector=connector)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, **params: str) -> dict[str, Any]:
        """Read one object or one list, from the API server's storage and not from a cache."""
        return await self._call("GET", path, params=params)

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object; raise `AlreadyExists` where its name is taken."""
        return await self._call("POST", path, body)

    async def replace(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Replace an object; raise `Conflict` where its resourceVersion is not the newest."""
        return await self._call("PUT", path, body)

    async def patch(self, path: str, body: Any, kind: str = MERGE) -> dict[str, Any]:
        """Change an object by a merge patch, or by a list of operations with `JSON_PATCH`."""
        return await self._call("PATCH", path, body, kind=kind)

    async def delete(self, path: str, **options: Any) -> dict[str, Any]:
        """Delete an object; raise `NotFound` where there is none."""
        return await self._call("DELETE", path, options or None)

    async def text(self, path: str, **params: str) -> str:
        """Read a text, such as the log of a container."""
        async with self._request("GET", path, params=params) as answer:
            await _raise_for(answer)
            return await answer.text(errors="replace")

    async def watch(
        self, path: str, resource_version: str, **params: str
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the changes after `resource_version`, bookmarks included, until the server ends.

        Raises `Expired` where that version is too old, `Unavailable` where the connection is cut.
        """
        wanted = params | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": "300",
        }
        async with self._request("GET", path, params=wanted, timeout=_WATCH_TIMEOUT) as answer:
            await _raise_for(answer)
            async for event in _lines(answer):
                if event["type"] == "ERROR":
                    raise _error_event(event["object"])
                yield event

    async def _call(
        self,
        verb: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, str] | None = None,
        kind: str = "application/json",
    ) -> dict[str, Any]:
        if self._on_write is not None and verb != "GET":
            self._on_write(resource_of(path))
        data = None if body is None else json.dumps(body).encode()
        async with self._request(verb, path, params=params, data=data, kind=kind) as answer:
            await _raise_for(answer)
            result: dict[str, Any] = await answer.json()
            return result

    def _request(
        self,
        verb: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        data: bytes | None = None,
        kind: str = "application/json",
        timeout: aiohttp.ClientTimeout = _TIMEOUT,
    ) -> "_Request":
        if self._session is None:
            raise RuntimeError("Kube is used outside of its context")
        headers = self._connection.headers() | {"Content-Type": kind}
        url = self._connection.server + path
        request = self._session.request(
            verb, url, params=params, data=data, headers=headers, timeout=timeout
        )
        return _Request(request, url)


class _Request:
    """A request whose connection errors are ours."""

    def __init__(self, request: Any, url: str) -> None:
        self._request = request
        self._url = url

    async def __aenter__(self) -> aiohttp.ClientResponse:
        try:
            answer: aiohttp.ClientResponse = await self._request.__aenter__()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unavailable(error) from error
        return answer

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        await self._request.__aexit__(kind, error, trace)
        if isinstance(error, aiohttp.ClientError | TimeoutError | OSError):
            raise self._unavailable(error) from error

    def _unavailable(self, error: BaseException) -> Unavailable:
        return Unavailable(0, f"no answer from the API server: {type(error).__name__} {error}")


async def _raise_for(answer: aiohttp.ClientResponse) -> None:
    if answer.status < 400:
        return
    text = await answer.text()
    try:
        status = json.loads(text)
    except ValueError:
        status = {}
    raise error_of(answer.status, status.get("reason", ""), status.get("message", text[:500]))


def _error_event(status: dict[str, Any]) -> Exception:
    code, message = int(status.get("code", 500)), str(status.get("message", ""))
    return Expired(code, message) if code == 410 else error_of(code, "", message)


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """Yield one JSON object a line; lines may be longer than any buffer."""
    rest = b""
    async for chunk in answer.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line)
