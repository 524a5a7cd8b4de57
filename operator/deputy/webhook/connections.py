"""Bound the connections that strangers may hold: who waits longest makes room."""

import asyncio
import dataclasses
import logging
import socket
from collections.abc import Awaitable, Callable

from aiohttp import http_exceptions, web
from typing_extensions import override

#: Connections at once; a proxy in front of us needs a few dozen.
MAX_CONNECTIONS = 1000
_BACKLOG = 1024
#: Bytes that a connection may send before anybody reads them.
_RECEIVE_BUFFER = 32 * 1024
#: Bytes that are read of one connection before the next one has its turn.
_READ_SIZE = 16 * 1024
#: How long a connection may be without a whole request; longer than proxies keep theirs.
_IDLE_SECONDS = 75.0
#: How long what is left of a body is thrown away after its answer, so that the answer is read.
_LINGER_SECONDS = 1.0
#: How long requests in flight may take at the end.
_LAST_REQUESTS = 8.0

_NOISE = (http_exceptions.HttpProcessingError, web.RequestPayloadError, ConnectionError)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Connections:
    """The connections there are; where they are too many, the one that is idle longest goes.

    A connection is idle while no whole head of a request has come, so the slow and the silent go
    first, and whoever sends a whole request at once is served however many of them there are.
    """

    def __init__(self, most: int = MAX_CONNECTIONS) -> None:
        self._most = most
        self._idle: dict[asyncio.BaseProtocol, asyncio.Transport] = {}
        self._busy: dict[asyncio.BaseProtocol, asyncio.Transport] = {}
        #: What all of them read into, one after the other, so that none costs a buffer of its own.
        self._buffer = bytearray(_READ_SIZE)

    def protocol(self, server: web.Server) -> asyncio.BaseProtocol:
        """Return the protocol of a new connection to `server`."""
        return _Connection(server(), self, self._buffer)

    @web.middleware
    async def middleware(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Take a connection for busy while its request is handled."""
        self._move(request.protocol, self._idle, self._busy)
        try:
            return await handler(request)
        finally:
            self._move(request.protocol, self._busy, self._idle)

    def admit(self, protocol: asyncio.BaseProtocol, transport: asyncio.Transport) -> bool:
        """Take in a connection; return False where all that there may be are busy."""
        if len(self._idle) + len(self._busy) >= self._most:
            longest = next(iter(self._idle), None)
            if longest is None:
                return False
            self._idle.pop(longest).abort()
        self._idle[protocol] = transport
        return True

    def forget(self, protocol: asyncio.BaseProtocol) -> None:
        """Drop a connection that is lost."""
        self._idle.pop(protocol, None)
        self._busy.pop(protocol, None)

    def _move(
        self,
        protocol: asyncio.BaseProtocol,
        source: dict[asyncio.BaseProtocol, asyncio.Transport],
        target: dict[asyncio.BaseProtocol, asyncio.Transport],
    ) -> None:
        if (transport := source.pop(protocol, None)) is not None:
            target[protocol] = transport


class _Connection(asyncio.BufferedProtocol):
    """Passes a connection on to its protocol, where there is room for it."""

    def __init__(
        self, inner: asyncio.Protocol, connections: Connections, buffer: bytearray
    ) -> None:
        self._inner = inner
        self._connections = connections
        self._buffer = buffer
        self._admitted = False

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a connection that is listened for has a transport of both directions")
        self._admitted = self._connections.admit(self._inner, transport)
        if self._admitted:
            self._inner.connection_made(transport)
        else:
            transport.abort()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.forget(self._inner)
        if self._admitted:
            self._inner.connection_lost(exc)

    @override
    def get_buffer(self, _sizehint: int) -> bytearray:
        return self._buffer

    @override
    def buffer_updated(self, nbytes: int) -> None:
        self._inner.data_received(bytes(self._buffer[:nbytes]))

    @override
    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    @override
    def pause_writing(self) -> None:
        self._inner.pause_writing()

    @override
    def resume_writing(self) -> None:
        self._inner.resume_writing()


class _SenderFaults(logging.Filter):
    """Keeps what is only a sender's fault out of the log: there is nothing to be mended."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, _NOISE)


_SENDER_FAULTS = _SenderFaults()


@dataclasses.dataclass(frozen=True, slots=True)
class Listening:
    """An application that is served."""

    runner: web.AppRunner
    listener: asyncio.Server

    async def end(self) -> None:
        """Take no more connections, let requests in flight end, then close everything."""
        self.listener.close()
        await self.runner.cleanup()


async def listen(
    app: web.Application, port: int, host: str | None = None, connections: Connections | None = None
) -> Listening:
    """Serve an application to whoever connects, within bounds."""
    bounded = connections or Connections()
    app.middlewares.append(bounded.middleware)
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=_server_logger(),
        shutdown_timeout=_LAST_REQUESTS,
        keepalive_timeout=_IDLE_SECONDS,
        lingering_time=_LINGER_SECONDS,
        # A signature is of the bytes that were sent; what is small here may be huge when inflated.
        auto_decompress=False,
    )
    await runner.setup()
    server = runner.server
    if server is None:
        raise AssertionError("a runner that is set up has a server")
    listener = await asyncio.get_running_loop().create_server(
        lambda: bounded.protocol(server), host, port, backlog=_BACKLOG
    )
    for listening in listener.sockets:
        # Connections have it from their listener: what one of them may send us unread.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    return Listening(runner, listener)


def _server_logger() -> logging.Logger:
    logger = logging.getLogger(f"{__name__}.server")
    logger.addFilter(_SENDER_FAULTS)
    return logger
