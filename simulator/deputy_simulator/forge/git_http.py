"""Git over HTTP: the real `git http-backend`, spoken to as a CGI program."""

import asyncio
import contextlib
import os
import signal
import subprocess

from aiohttp import web

from deputy_simulator.forge.bare import GIT_ENVIRONMENT
from deputy_simulator.forge.errors import Refusal
from deputy_simulator.forge.forge import FORGE, Forge
from deputy_simulator.forge.settings import Grant

ROUTES = web.RouteTableDef()

_CHUNK = 64 * 1024
_ASK = {"WWW-Authenticate": 'Basic realm="GitHub"'}


@ROUTES.get("/{owner}/{repository}.git/{tail:.+}")
@ROUTES.post("/{owner}/{repository}.git/{tail:.+}")
async def git(request: web.Request) -> web.StreamResponse:
    """Let git answer, for those who may."""
    forge = request.app[FORGE]
    try:
        grant = forge.grant(request)
    except Refusal:
        return web.Response(status=401, text="Bad credentials\n", headers=_ASK)
    refusal = _refusal(request, forge, grant)
    if refusal is not None:
        return refusal
    return await _backend(request, forge, grant.login if grant else "")


def _refusal(request: web.Request, forge: Forge, grant: Grant | None) -> web.Response | None:
    writes = "git-receive-pack" in (request.query.get("service"), request.match_info["tail"])
    if grant is None and (writes or forge.settings.private):
        return web.Response(status=401, text="Authentication required\n", headers=_ASK)
    try:
        forge.repository(request, grant)
    except Refusal:
        return web.Response(status=404, text="Repository not found.\n")
    if writes and grant is not None and not grant.push:
        return web.Response(status=403, text="Write access to repository not granted.\n")
    return None


async def _backend(request: web.Request, forge: Forge, login: str) -> web.StreamResponse:
    process = await asyncio.create_subprocess_exec(
        "git",
        "http-backend",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=GIT_ENVIRONMENT | _cgi(request, forge, login),
    )
    feeding = asyncio.create_task(_feed(request, process))
    try:
        answer = await _relay(request, process)
    except BaseException:
        _kill(process)
        raise
    finally:
        feeding.cancel()
        await process.wait()
        await asyncio.gather(feeding, return_exceptions=True)
    return answer


def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill git, whose caller is gone.

    Not with `process.kill`: that looks for the exit status first, and takes it away from asyncio.
    """
    with contextlib.suppress(ProcessLookupError):
        if process.returncode is None:
            os.kill(process.pid, signal.SIGKILL)


def _cgi(request: web.Request, forge: Forge, login: str) -> dict[str, str]:
    """Return the request as CGI has it.

    The body is already unpacked, so neither its length nor its encoding is told: git reads to
    the end.
    """
    found = forge.store.get(request.match_info["owner"], request.match_info["repository"])
    tail = request.match_info["tail"]
    return {
        "GIT_PROJECT_ROOT": str(forge.store.folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{found.full_name}.git/{tail}",
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": request.query_string,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "REMOTE_USER": login,
        "REMOTE_ADDR": request.remote or "",
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
    }


async def _feed(request: web.Request, process: asyncio.subprocess.Process) -> None:
    stdin = process.stdin
    if stdin is None:
        raise AssertionError("stdin is a pipe")
    with contextlib.suppress(ConnectionError):
        try:
            async for chunk in request.content.iter_chunked(_CHUNK):
                stdin.write(chunk)
                await stdin.drain()
        finally:
            # Whatever became of the caller, git must not wait for more.
            stdin.close()
        await stdin.wait_closed()


async def _relay(request: web.Request, process: asyncio.subprocess.Process) -> web.StreamResponse:
    stdout = process.stdout
    if stdout is None:
        raise AssertionError("stdout is a pipe")
    answer = web.StreamResponse()
    while line := (await stdout.readline()).decode("latin-1").strip():
        name, _, value = line.partition(":")
        if name.lower() == "status":
            answer.set_status(int(value.split()[0]))
        else:
            answer.headers[name] = value.strip()
    if not answer.headers:
        return web.Response(status=500, text="git http-backend said nothing\n")
    await answer.prepare(request)
    while chunk := await stdout.read(_CHUNK):
        await answer.write(chunk)
    await answer.write_eof()
    return answer
