"""Our own client of the Kubernetes API, with the fake API server at the other end of the line.

Only the line is replaced: paths, verbs, bodies, errors and the reading of watches are those of
`deputy.kube.client`.
"""

import asyncio
import json
import types
import urllib.parse
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

import aiohttp
from typing_extensions import override

from deputy.kube.client import Connection, Kube
from tests.support.apiserver.exchange import Answer, Request
from tests.support.apiserver.faults import Faults

if TYPE_CHECKING:
    from tests.support.apiserver.watches import Watch


class Handles(Protocol):
    """What answers requests."""

    def handle(self, request: Request) -> Answer:
        """Answer a request."""


class FakeKube(Kube):
    """A client of the fake API server; usable at once, without its context.

    `faults` are those of this client alone: what happens to all of them is asked of the server.
    """

    def __init__(
        self,
        server: Handles,
        faults: Iterable[Faults] = (),
        *,
        on_write: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(Connection("http://api.test", None), on_write=on_write)
        self.faults = Faults()
        self._fake_session = FakeSession(server, (self.faults, *faults))
        self._session = cast("aiohttp.ClientSession", self._fake_session)

    @override
    async def __aenter__(self) -> Self:
        return self


class FakeSession:
    """As much of aiohttp's session as our client uses."""

    def __init__(self, server: Handles, faults: tuple[Faults, ...]) -> None:
        self._server = server
        self._faults = faults
        self._closed = False

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: aiohttp.ClientTimeout,
    ) -> "_Exchange":
        if self._closed:
            raise RuntimeError("Session is closed")
        parts = urllib.parse.urlsplit(url)
        query = dict(urllib.parse.parse_qsl(parts.query)) | dict(params or {})
        content_type = (headers or {}).get("Content-Type", "application/json")
        request = Request(method, parts.path, query, data or b"", content_type)
        return _Exchange(self._server, self._faults, request, timeout)

    async def close(self) -> None:
        self._closed = True


class _Exchange:
    """One request under way, and its answer."""

    def __init__(
        self,
        server: Handles,
        faults: tuple[Faults, ...],
        request: Request,
        timeout: aiohttp.ClientTimeout,
    ) -> None:
        self._server = server
        self._faults = faults
        self._request = request
        self._timeout = timeout
        self._watch: Watch | None = None

    async def __aenter__(self) -> "FakeAnswer":
        async with asyncio.timeout(self._timeout.total):
            # As over a network, others get their turn before and after anything is done.
            await asyncio.sleep(0)
            answer = await self._before() or self._server.handle(self._request)
            self._watch = answer.watch
            for faults in self._faults:
                await faults.after(self._request, answer)
            await asyncio.sleep(0)
        return FakeAnswer(answer, self._timeout.sock_read)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        if self._watch is not None:
            self._watch.close()

    async def _before(self) -> Answer | None:
        for faults in self._faults:
            if answer := await faults.before(self._request):
                return answer
        return None


class FakeAnswer:
    """As much of aiohttp's response as our client uses."""

    def __init__(self, answer: Answer, sock_read: float | None) -> None:
        self._answer = answer
        self._sock_read = sock_read
        self.status = answer.status
        self.headers = answer.headers
        self.content = self

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.iter_any()])

    async def text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return (await self.read()).decode(encoding, errors)

    async def json(self) -> Any:
        return json.loads(await self.read())

    async def iter_any(self) -> AsyncIterator[bytes]:
        if self._answer.watch is None:
            yield self._answer.body
            return
        chunks = self._answer.watch.chunks()
        while True:
            try:
                async with asyncio.timeout(self._sock_read):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise aiohttp.SocketTimeoutError("Timeout on reading data from socket") from error
            yield chunk
