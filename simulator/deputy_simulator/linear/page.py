"""The page on which a person sees the organisation live, and acts in it."""

from __future__ import annotations

import contextlib
import functools
import importlib.resources

from aiohttp import web

from deputy_simulator.linear.http import SIMULATOR

#: The page loads nothing but itself and runs no script but its own.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PARTS = frozenset({"page.css", "page.js", "dom.js", "issue.js", "session.js"})
_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript"}


@functools.cache
def asset(name: str) -> str:
    """Return a file of the page."""
    return importlib.resources.files(__package__).joinpath("assets", name).read_text("utf-8")


async def page(_request: web.Request) -> web.Response:
    """Return the page; it is the same for every address and finds out what to show."""
    return _response("index.html")


async def part(request: web.Request) -> web.Response:
    """Return a part of the page: its style or one of its scripts."""
    name = request.match_info["name"]
    if name not in PARTS:
        raise web.HTTPNotFound
    return _response(name)


async def events(request: web.Request) -> web.StreamResponse:
    """Stream changes as server-sent events, until the caller or the simulator ends it."""
    changes = request.app[SIMULATOR].changes
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    queue = changes.subscribe()
    try:
        await response.prepare(request)
        await response.write(b"retry: 1000\n\n")
        while (message := await queue.get()) is not None:
            await response.write(f"data: {message}\n\n".encode())
    except ConnectionResetError:
        pass
    finally:
        changes.unsubscribe(queue)
    with contextlib.suppress(ConnectionResetError):
        await response.write_eof()
    return response


def _response(name: str) -> web.Response:
    kind = _KINDS[name.rpartition(".")[2]]
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return web.Response(text=asset(name), content_type=kind, charset="utf-8", headers=headers)
