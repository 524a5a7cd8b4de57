"""Read the bodies of requests within bounds that hold for all of them together.

Nobody is known before the whole body is there, since the signature is of all of it: so what bodies
hold is counted as it comes, and where that is too much the one that takes longest makes room.
"""

import asyncio

from aiohttp import web

from deputy.trackers.linear.errors import WebhookRefused

#: The longest body; Linear's own client takes as much.
MAX_BODY = 5 * 1024 * 1024
#: What all bodies that are being read may hold at once.
MAX_BODIES = 8 * MAX_BODY
#: How long a sender may take for a body; Linear gives up after five seconds.
_READ_SECONDS = 10.0


class BodyTooLarge(WebhookRefused):
    """More than anybody honest sends."""

    status = 413
    result = "too_large"


class BodyTooSlow(WebhookRefused):
    """It did not come in time, or not as fast as others while there was no room."""

    status = 408
    result = "too_slow"


class BodyIncomplete(WebhookRefused):
    """The sender went away, or broke its own framing."""

    result = "incomplete"


class BodyReader:
    """Reads bodies, and knows how much all of them hold."""

    def __init__(self, most: int = MAX_BODIES, seconds: float = _READ_SECONDS) -> None:
        self._most = most
        self._seconds = seconds
        self._held = 0
        self._reading: dict[asyncio.Timeout, None] = {}

    async def read(self, request: web.Request) -> bytes:
        """Return the body of a request; raise `WebhookRefused` where it is too much or too late."""
        if (request.content_length or 0) > MAX_BODY:
            raise BodyTooLarge(f"more than {MAX_BODY} bytes")
        body, deadline = bytearray(), asyncio.timeout(self._seconds)
        self._reading[deadline] = None
        try:
            async with deadline:
                await self._fill(body, request)
        except TimeoutError as error:
            raise BodyTooSlow("the body did not come in time") from error
        except (web.RequestPayloadError, ConnectionError) as error:
            raise BodyIncomplete("the body ended before its end") from error
        finally:
            self._reading.pop(deadline, None)
            self._held -= len(body)
        return bytes(body)

    async def _fill(self, body: bytearray, request: web.Request) -> None:
        while chunk := await request.content.readany():
            body += chunk
            self._held += len(chunk)
            if len(body) > MAX_BODY:
                raise BodyTooLarge(f"more than {MAX_BODY} bytes")
            if self._held > self._most:
                self._end_longest()

    def _end_longest(self) -> None:
        """End the reading that has begun first: whoever is honest is done before that."""
        longest = next(iter(self._reading), None)
        if longest is not None:
            # What it holds is given back only when it wakes; the next chunk ends another one.
            del self._reading[longest]
            longest.reschedule(asyncio.get_running_loop().time())
