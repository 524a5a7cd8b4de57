"""What a forge does not offer and a test or a demonstration needs: JSON under `/control`."""

import dataclasses
import json
from typing import Any

from aiohttp import web

from deputy_simulator.forge import pulls
from deputy_simulator.forge.errors import Refusal
from deputy_simulator.forge.forge import FORGE, Fault
from deputy_simulator.forge.settings import Grant
from deputy_simulator.forge.store import COLLABORATORS, Repository

ROUTES = web.RouteTableDef()
_OWN = "/control/repos/{owner}/{repository}"


async def _given(request: web.Request) -> dict[str, Any]:
    try:
        given = await request.json() if request.can_read_body else {}
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise Refusal(400, "the body is not JSON") from None
    if not isinstance(given, dict):
        raise Refusal(400, "the body is not a JSON object")
    return given


def _repository(request: web.Request) -> Repository:
    names = request.match_info
    return request.app[FORGE].store.get(names["owner"], names["repository"])


@ROUTES.get("/control/repos")
async def list_repositories(request: web.Request) -> web.Response:
    """List the repositories."""
    return web.json_response([found.full_name for found in request.app[FORGE].store.all()])


@ROUTES.post("/control/repos")
async def create_repository(request: web.Request) -> web.Response:
    """Make a repository: `{"owner", "name", "files"?, "defaultBranch"?, "collaborators"?}`."""
    given, forge = await _given(request), request.app[FORGE]
    branch = given.get("defaultBranch", "main")
    collaborators = tuple(given.get("collaborators", COLLABORATORS))
    owner, name = str(given.get("owner", "")), str(given.get("name", ""))
    made = await forge.store.create(owner, name, branch, collaborators=collaborators)
    files = given.get("files", {"README.md": f"# {name}\n"})
    if files:
        await made.bare.commit_files(branch, files, given.get("message", "Begin"))
    return web.json_response(await _described(made), status=201)


@ROUTES.get(_OWN)
async def show_repository(request: web.Request) -> web.Response:
    """Show a repository's branches and pull requests."""
    found = _repository(request)
    await pulls.look(found)
    return web.json_response(await _described(found))


async def _described(found: Repository) -> dict[str, Any]:
    return {
        "name": found.full_name,
        "defaultBranch": await found.bare.default_branch(),
        "branches": await found.bare.branches(),
        "pulls": [dataclasses.asdict(pull) for pull in found.pulls.values()],
    }


@ROUTES.post(_OWN + "/commits")
async def commit(request: web.Request) -> web.Response:
    """Push as somebody else: `{"branch", "files": {path: text}, "message"?}`."""
    given, found = await _given(request), _repository(request)
    branch = given.get("branch") or await found.bare.default_branch()
    files, message = given.get("files", {}), given.get("message", "Change things")
    sha = await found.bare.commit_files(branch, files, message)
    return web.json_response({"sha": sha}, status=201)


@ROUTES.get(_OWN + "/file")
async def show_file(request: web.Request) -> web.Response:
    """Show a file: `?path=…&ref=…`, where `ref` is a branch or a commit."""
    found, path = _repository(request), request.query.get("path", "")
    ref = request.query.get("ref") or await found.bare.default_branch()
    sha = await found.bare.head_of(ref) or ref
    return web.Response(text=await found.bare.run("show", "--end-of-options", f"{sha}:{path}"))


@ROUTES.post(_OWN + "/pulls/{number}/merge")
async def merge(request: web.Request) -> web.Response:
    """Merge a pull request."""
    found = _repository(request)
    await pulls.look(found)
    pull = pulls.pull_of(found, request.match_info["number"])
    await pulls.merge(found, pull)
    request.app[FORGE].store.save()
    return web.json_response(dataclasses.asdict(pull))


@ROUTES.post("/control/tokens")
async def add_token(request: web.Request) -> web.Response:
    """Know one more token: `{"token", "login"?, "push"?, "pulls"?, "repositories"?}`."""
    given = await _given(request)
    allowed = {field.name for field in dataclasses.fields(Grant)}
    if not given.get("token") or not given.keys() <= allowed:
        raise Refusal(400, f"give a token, and nothing beyond {sorted(allowed)}")
    names = tuple(name.lower() for name in given.pop("repositories", ()))
    request.app[FORGE].grants.append(Grant(**given, repositories=names))
    return web.json_response({}, status=201)


@ROUTES.delete("/control/tokens")
async def forget_tokens(request: web.Request) -> web.Response:
    """Revoke every token."""
    request.app[FORGE].grants.clear()
    return web.json_response({})


@ROUTES.post("/control/faults")
async def add_fault(request: web.Request) -> web.Response:
    """Break requests to come: `{"count"?, "status"?, "method"?, "path"?, "late"?, "delay"?}`."""
    given = await _given(request)
    allowed = {field.name for field in dataclasses.fields(Fault)}
    if not given.keys() <= allowed:
        raise Refusal(400, f"a fault has nothing beyond {sorted(allowed)}")
    request.app[FORGE].faults.append(Fault(**given))
    return web.json_response(given, status=201)


@ROUTES.delete("/control/faults")
async def clear_faults(request: web.Request) -> web.Response:
    """Break nothing any more."""
    request.app[FORGE].faults.clear()
    return web.json_response({})


@ROUTES.get("/control/requests")
async def requests(request: web.Request) -> web.Response:
    """Show what was asked, the oldest first, without tokens."""
    return web.json_response([dataclasses.asdict(entry) for entry in request.app[FORGE].log])


@ROUTES.delete("/control/requests")
async def forget_requests(request: web.Request) -> web.Response:
    """Begin a new log."""
    request.app[FORGE].log.clear()
    return web.json_response({})


@ROUTES.get("/healthz")
async def healthz(_request: web.Request) -> web.Response:
    """Say that the process is there."""
    return web.Response(text="ok\n")
