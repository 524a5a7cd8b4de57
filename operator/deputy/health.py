"""/healthz, /readyz and /metrics, the same for every process of ours."""

from collections.abc import Callable
from typing import TypeAlias

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

#: Returns why something is not well, and nothing where it is.
Check: TypeAlias = Callable[[], str]


class Health:
    """What the probes ask of a process; the first check that complains is told."""

    def __init__(self, ready_text: str = "ok") -> None:
        #: What a process says of itself that is ready.
        self.ready_text = ready_text
        self._liveness: list[Check] = []
        self._readiness: list[Check] = []

    def add_liveness(self, check: Check) -> None:
        """Have the process restarted while `check` complains: use it where only that helps."""
        self._liveness.append(check)

    def add_readiness(self, check: Check) -> None:
        """Have nobody send to the process while `check` complains."""
        self._readiness.append(check)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, for the application that serves them."""
        return [
            web.get("/healthz", self._healthz),
            web.get("/readyz", self._readyz),
            web.get("/metrics", self._metrics),
        ]

    async def _healthz(self, _: web.Request) -> web.Response:
        return _answer(self._liveness, "ok")

    async def _readyz(self, _: web.Request) -> web.Response:
        return _answer(self._readiness, self.ready_text)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _answer(checks: list[Check], fine: str) -> web.Response:
    complaint = next(filter(None, (check() for check in checks)), "")
    return web.Response(status=503 if complaint else 200, text=f"{complaint or fine}\n")
