"""What the dialects have in common: reading untyped JSON, writing server-sent events."""

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

from aiohttp import web

Json: TypeAlias = dict[str, Any]


def objects(value: Any) -> list[Json]:
    """Return the objects of what should be a list of them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(content: Any, *, kinds: tuple[str, ...] = ("text",)) -> list[str]:
    """Return the texts of a message's content, be it one text or a list of parts."""
    if isinstance(content, str):
        return [content]
    return [str(part.get("text", "")) for part in objects(content) if part.get("type") in kinds]


def words(text: str) -> Iterator[str]:
    """Return a text in the pieces in which a model streams it; together they are the text."""
    pieces = text.split(" ")
    yield from (piece + " " for piece in pieces[:-1])
    yield pieces[-1]


class Events:
    """An answer of server-sent events."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        self.answer = web.StreamResponse(headers=headers)

    async def begin(self) -> None:
        """Send the head of the answer."""
        await self.answer.prepare(self._request)

    async def send(self, data: Json | str, event: str = "") -> None:
        """Send one event."""
        text = data if isinstance(data, str) else json.dumps(data)
        head = f"event: {event}\n" if event else ""
        await self.answer.write(f"{head}data: {text}\n\n".encode())

    async def end(self) -> web.StreamResponse:
        """Say that there is no more."""
        await self.answer.write_eof()
        return self.answer
