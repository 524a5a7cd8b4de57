"""A simulated forge over HTTP, and real git beside it."""

import asyncio
import dataclasses
import os
import pathlib
from typing import Any

from aiohttp import ClientResponse, ClientSession

TOKEN = "t0ken-that-nobody-may-see"
API = "/api/v3/repos/acme/demo"

_GIT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Agent",
    "GIT_AUTHOR_EMAIL": "agent@acme.example",
    "GIT_COMMITTER_NAME": "Agent",
    "GIT_COMMITTER_EMAIL": "agent@acme.example",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """A git command that has ended."""

    status: int
    out: str
    err: str


async def git(folder: pathlib.Path, *arguments: str) -> Done:
    """Run git in a folder, with nothing of the machine's own configuration."""
    process = await asyncio.create_subprocess_exec(
        "git",
        *arguments,
        cwd=folder,
        env=_GIT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Done(await process.wait(), out.decode().strip(), err.decode().strip())


@dataclasses.dataclass(frozen=True, slots=True)
class Served:
    """A forge at `url`; `work` is a clone of acme/demo."""

    url: str
    http: ClientSession
    work: pathlib.Path

    def remote(self, token: str = TOKEN, repository: str = "acme/demo") -> str:
        """Return the clone address with a token in it."""
        return self.url.replace("//", f"//x-access-token:{token}@") + f"/{repository}.git"

    async def clone(self) -> None:
        """Clone acme/demo into `work`."""
        done = await git(self.work.parent, "clone", "-q", self.remote(), str(self.work))
        assert done == Done(0, "", "")

    async def commit(self, branch: str, **files: str) -> str:
        """Commit files to a branch of `work` and return the commit."""
        await git(self.work, "checkout", "-q", "-B", branch)
        for name, text in files.items():
            await asyncio.to_thread((self.work / name).write_text, text)
        await git(self.work, "add", "-A")
        done = await git(self.work, "commit", "-q", "--allow-empty", "-m", f"Change {branch}")
        assert done.status == 0
        return (await git(self.work, "rev-parse", "HEAD")).out

    async def push(self, branch: str, token: str = TOKEN) -> Done:
        """Push a branch of `work`."""
        return await git(self.work, "push", "-q", self.remote(token), branch)

    async def control(self, path: str, given: dict[str, Any] | None = None) -> Any:
        """POST to the control interface."""
        async with self.http.post(f"/control/{path}", json=given or {}) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def seen(self, path: str) -> Any:
        """GET JSON."""
        async with self.http.get(path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def ask(
        self, method: str, path: str, given: Any = None, token: str = TOKEN
    ) -> tuple[int, Any]:
        """Ask the REST interface; return status and answer."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.http.request(method, path, json=given, headers=headers) as answer:
            return answer.status, await _json(answer)

    async def open(self, branch: str, **more: Any) -> dict[str, Any]:
        """Open a pull request of a branch."""
        wish = {"title": f"Change {branch}", "head": branch, "base": "main", "body": "Words"}
        status, pull = await self.ask("POST", f"{API}/pulls", wish | more)
        assert status == 201, pull
        found: dict[str, Any] = pull
        return found


async def _json(answer: ClientResponse) -> Any:
    return await answer.json() if answer.content_type == "application/json" else None
