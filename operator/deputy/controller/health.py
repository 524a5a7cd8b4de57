"""/healthz, /readyz and /metrics of the operator."""

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from deputy.controller.resync import Resync


class Health:
    """Says whether the process is worth keeping; a standby is."""

    def __init__(self) -> None:
        self._resync: Resync | None = None

    def leads(self, resync: Resync) -> None:
        """From now on be as healthy as the watches."""
        self._resync = resync

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        return app

    async def _healthz(self, _: web.Request) -> web.Response:
        why = self._resync.unhealthy() if self._resync is not None else ""
        return web.Response(text=why or "ok", status=503 if why else 200)

    async def _readyz(self, _: web.Request) -> web.Response:
        return web.Response(text="leads" if self._resync is not None else "stands by")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
