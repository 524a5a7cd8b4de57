"""The simulated forge, with GitHub's own description between it and whoever talks to it."""

import dataclasses
import json
from typing import Any

import httpx
from typing_extensions import override

from deputy.forges import GitHub, PullRequestDraft, Repository
from tests.forges.contract import Exchange, complaints

TOKEN = "t0ken-that-nobody-may-see"
BRANCH = "deputy/eng-1-fix"


class Checked(httpx.AsyncBaseTransport):
    """Lets a request through and fails the test where GitHub would not know one of its sides."""

    def __init__(self) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self.exchanges: list[Exchange] = []

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        body = await answer.aread()
        await answer.aclose()
        if answer.status_code < 500:
            self._judge(_exchange(request, answer.status_code, body))
        # Compression is undone by now; the copy carries what was in it.
        return httpx.Response(answer.status_code, headers=_plain(answer.headers), content=body)

    def _judge(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)
        against = complaints(exchange)
        assert not against, against

    @override
    async def aclose(self) -> None:
        await self._inner.aclose()


def _exchange(request: httpx.Request, status: int, body: bytes) -> Exchange:
    return Exchange(
        method=request.method,
        path=request.url.path.removeprefix("/api/v3"),
        query=dict(request.url.params),
        sent=json.loads(request.content) if request.content else None,
        status=status,
        received=json.loads(body),
    )


def _plain(headers: httpx.Headers) -> dict[str, str]:
    dropped = ("content-encoding", "content-length", "transfer-encoding")
    return {name: value for name, value in headers.items() if name.lower() not in dropped}


@dataclasses.dataclass(frozen=True, slots=True)
class Simulated:
    """A forge with the repository acme/demo; `control` is its other interface."""

    url: str
    repository: Repository
    github: GitHub
    http: httpx.AsyncClient
    control: httpx.AsyncClient
    checked: Checked

    async def tell(self, path: str, given: dict[str, Any] | None = None) -> Any:
        """POST to the control interface."""
        answer = await self.control.post(f"/control/{path}", json=given or {})
        answer.raise_for_status()
        return answer.json()

    async def push(self, branch: str = BRANCH, text: str = "x") -> str:
        """Commit to a branch as the sidecar's push would, from main where it is new."""
        given = {"branch": branch, "files": {"note.txt": text}}
        sha: str = (await self.tell("repos/acme/demo/commits", given))["sha"]
        return sha

    async def pulls(self) -> list[dict[str, Any]]:
        """Return every pull request as the forge holds it."""
        listed: list[dict[str, Any]] = (await self.control.get("/control/repos/acme/demo")).json()[
            "pulls"
        ]
        return listed

    async def asked(self) -> list[tuple[str, str]]:
        """Return method and path of what was asked, from the repository on."""
        log = (await self.control.get("/control/requests")).json()
        start = "/api/v3/repos/acme/demo"
        return [(entry["method"], entry["path"].removeprefix(start)) for entry in log]


def draft(**changes: Any) -> PullRequestDraft:
    """Return a draft of a pull request from BRANCH."""
    plain = PullRequestDraft("ENG-1: Fix", "Fixes ENG-1", BRANCH, "main")
    return dataclasses.replace(plain, **changes)
