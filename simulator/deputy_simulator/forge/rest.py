"""GitHub's REST interface, as far as pull requests need it."""

import json
from typing import Any

from aiohttp import web

from deputy_simulator.forge import pulls
from deputy_simulator.forge.errors import Refusal, not_found
from deputy_simulator.forge.forge import FORGE, Forge
from deputy_simulator.forge.payloads import Json
from deputy_simulator.forge.settings import Grant
from deputy_simulator.forge.store import Pull, Repository

ROUTES = web.RouteTableDef()
_OWN = "/api/v3/repos/{owner}/{repository}"


def _reader(request: web.Request) -> tuple[Forge, Repository]:
    forge = request.app[FORGE]
    return forge, forge.repository(request, forge.grant(request))


def _writer(request: web.Request) -> tuple[Forge, Repository, Grant]:
    forge = request.app[FORGE]
    grant = forge.grant(request)
    if grant is None:
        raise Refusal(401, "Requires authentication")
    repository = forge.repository(request, grant)
    if not grant.pulls:
        raise Refusal(403, "Resource not accessible by personal access token")
    return forge, repository, grant


async def _body(request: web.Request) -> Any:
    try:
        return await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise Refusal(400, "Problems parsing JSON") from None


async def _whole(forge: Forge, request: web.Request, repository: Repository) -> Json:
    branch = await repository.bare.default_branch()
    private = forge.settings.private
    return forge.addresses(request).repository(repository, branch, private=private)


async def _full_pull(
    forge: Forge, request: web.Request, repository: Repository, pull: Pull
) -> Json:
    whole = await _whole(forge, request, repository)
    diff_stat = await pulls.diff_stat(repository, pull)
    return forge.addresses(request).full_pull(repository, whole, pull, diff_stat)


@ROUTES.get(_OWN)
async def repository(request: web.Request) -> web.Response:
    """Describe a repository."""
    forge, found = _reader(request)
    branch, private = await found.bare.default_branch(), forge.settings.private
    described = forge.addresses(request).full_repository(found, branch, private=private)
    return web.json_response(described)


@ROUTES.get(_OWN + "/git/ref/{ref:.+}")
async def ref(request: web.Request) -> web.Response:
    """Describe a branch as a ref."""
    forge, found = _reader(request)
    name = request.match_info["ref"]
    sha = await found.bare.head_of(name.removeprefix("heads/"))
    if sha is None or not name.startswith("heads/"):
        raise not_found()
    return web.json_response(forge.addresses(request).ref(found, name, sha))


@ROUTES.get(_OWN + "/pulls")
async def list_pulls(request: web.Request) -> web.Response:
    """List pull requests, filtered and in pages."""
    forge, found = _reader(request)
    await pulls.look(found)
    fits = [pull for pull in found.pulls.values() if _fits(found, pull, request)]
    if request.query.get("direction", "desc") == "desc":
        fits.reverse()
    size, page = _number(request, "per_page", 30), _number(request, "page", 1)
    shown = fits[(page - 1) * size : page * size]
    whole, addresses = await _whole(forge, request, found), forge.addresses(request)
    answer = web.json_response([addresses.pull(found, whole, pull) for pull in shown])
    if page * size < len(fits):
        onward = request.url.update_query(page=str(page + 1))
        answer.headers["Link"] = f'<{onward}>; rel="next"'
    return answer


def _fits(repository: Repository, pull: Pull, request: web.Request) -> bool:
    state, base = request.query.get("state", "open"), request.query.get("base", pull.base)
    # GitHub ignores a head without its owner.
    head = request.query.get("head", "")
    of_head = ":" not in head or head.lower() == f"{repository.owner}:{pull.head}".lower()
    return state in ("all", pull.state) and pull.base == base and of_head


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    number = int(text) if text.isdecimal() and int(text) > 0 else default
    return min(number, 100) if name == "per_page" else number


@ROUTES.post(_OWN + "/pulls")
async def create_pull(request: web.Request) -> web.Response:
    """Open a pull request."""
    forge, found, grant = _writer(request)
    new = pulls.read_new_pull(found.owner, await _body(request))
    async with forge.lock:
        await pulls.look(found)
        made = await pulls.create(found, new, grant.login)
        forge.store.save()
    described = await _full_pull(forge, request, found, made)
    return web.json_response(described, status=201, headers={"Location": described["url"]})


@ROUTES.get(_OWN + "/pulls/{number}")
async def show_pull(request: web.Request) -> web.Response:
    """Describe a pull request."""
    forge, found = _reader(request)
    await pulls.look(found)
    pull = pulls.pull_of(found, request.match_info["number"])
    return web.json_response(await _full_pull(forge, request, found, pull))


@ROUTES.patch(_OWN + "/pulls/{number}")
async def update_pull(request: web.Request) -> web.Response:
    """Change a pull request."""
    forge, found, _ = _writer(request)
    pull = pulls.pull_of(found, request.match_info["number"])
    pulls.update(pull, await _body(request))
    forge.store.save()
    return web.json_response(await _full_pull(forge, request, found, pull))


@ROUTES.post(_OWN + "/issues/{number}/labels")
async def add_labels(request: web.Request) -> web.Response:
    """Label a pull request; a label that is not there is made."""
    forge, found, _ = _writer(request)
    pull = pulls.pull_of(found, request.match_info["number"])
    pulls.add_labels(pull, await _body(request))
    forge.store.save()
    addresses = forge.addresses(request)
    return web.json_response([addresses.label(found, name) for name in pull.labels])


@ROUTES.post(_OWN + "/pulls/{number}/requested_reviewers")
async def request_review(request: web.Request) -> web.Response:
    """Ask for reviews."""
    forge, found, _ = _writer(request)
    pull = pulls.pull_of(found, request.match_info["number"])
    pulls.request_review(found, pull, await _body(request))
    forge.store.save()
    whole = await _whole(forge, request, found)
    return web.json_response(forge.addresses(request).pull(found, whole, pull), status=201)


@ROUTES.route("*", "/api/v3{tail:.*}")
async def nothing(_request: web.Request) -> web.Response:
    """Answer everything else."""
    raise not_found()
