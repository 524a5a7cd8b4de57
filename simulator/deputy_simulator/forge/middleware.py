"""What happens to every request: faults, the log, and refusals in GitHub's form."""

import asyncio
import json
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from deputy_simulator.forge.errors import GitFailed, Refusal
from deputy_simulator.forge.forge import FORGE, Fault

#: Paths that are about the simulator, not about the forge: never logged, never broken.
_OWN = ("/control", "/healthz")


@web.middleware
async def faults_and_log(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Log a request, and let it meet the fault that waits for it."""
    if request.path.startswith(_OWN):
        return await refusals(request, handler)
    forge = request.app[FORGE]
    fault = forge.next_fault(request.method, request.path)
    if fault is not None and fault.delay:
        await asyncio.sleep(fault.delay)
    if fault is not None and fault.status and not fault.late:
        answer: web.StreamResponse = _broken(fault)
    else:
        answer = await refusals(request, handler)
    if fault is not None and fault.status and fault.late:
        answer = _broken(fault)
    forge.note(request, answer.status, await _json_of(request))
    return answer


async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a refusal in GitHub's form."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return refusal.answer()
    except GitFailed as error:
        return Refusal(500, str(error)).answer()


def _broken(fault: Fault) -> web.Response:
    return web.Response(status=fault.status, text="<h1>Unicorn!</h1>", content_type="text/html")


async def _json_of(request: web.Request) -> Any:
    """Return the JSON that a REST call carries; git's own bodies are none."""
    if not request.path.startswith("/api/"):
        return None
    try:
        return await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
