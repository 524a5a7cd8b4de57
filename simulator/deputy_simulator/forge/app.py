"""The simulated forge as an aiohttp application."""

from collections.abc import AsyncIterator

from aiohttp import web

from deputy_simulator.forge import control, git_http, page, rest, seed
from deputy_simulator.forge.forge import FORGE, Forge
from deputy_simulator.forge.middleware import faults_and_log
from deputy_simulator.forge.settings import Settings
from deputy_simulator.forge.store import COLLABORATORS, Store

__all__ = ["FORGE", "make_app"]


def make_app(settings: Settings) -> web.Application:
    """Return the forge; `app[FORGE]` is what it holds, for tests in the same process."""
    app = web.Application(middlewares=[faults_and_log], client_max_size=4 * 1024**2)
    app[FORGE] = Forge(settings, Store(settings.data), list(settings.grants))
    # Order counts: pages take any path of two parts.
    for part in (control, rest, git_http, page):
        app.router.add_routes(part.ROUTES)
    app.cleanup_ctx.append(_seeded)
    return app


async def _seeded(app: web.Application) -> AsyncIterator[None]:
    forge = app[FORGE]
    for full_name in forge.settings.seed_repositories:
        owner, _, name = full_name.partition("/")
        if forge.store.find(owner, name) is None:
            made = await forge.store.create(owner, name, collaborators=COLLABORATORS)
            await seed.populate(made.bare)
    yield
