"""What the endpoints have in common: the simulator they serve, and how they give up."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web

from deputy_simulator.linear.faults import Fault, FaultKind
from deputy_simulator.linear.simulator import Simulator

SIMULATOR: web.AppKey[Simulator] = web.AppKey("simulator", Simulator)

#: Seconds for which a request hangs that gets no answer, unless the switch says otherwise.
HANG = 300.0


async def hang(request: web.Request, seconds: float) -> web.Response:
    """Leave the caller without an answer, then cut the connection."""
    closing = request.app[SIMULATOR].changes.closing
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(closing.wait(), seconds or HANG)
    if request.transport is not None:
        request.transport.close()
    return web.Response(status=504)


async def refuse(request: web.Request, fault: Fault) -> web.Response:
    """Answer as a fault has it that is not about the content of the answer."""
    if fault.kind in {FaultKind.TIMEOUT, FaultKind.SILENT}:
        return await hang(request, fault.delay)
    return web.Response(
        status=fault.status, text="upstream connect error", content_type="text/html"
    )
