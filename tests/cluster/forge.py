"""The simulated forge, through its control API."""

from typing import Any

import httpx
import pytest


class Forge:
    """What people do on the forge, and what they see there."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def make(self, repository: str, files: dict[str, str]) -> None:
        """Make a repository with one commit."""
        owner, name = repository.split("/")
        await self.do("repos", owner=owner, name=name, files=files)

    async def do(self, what: str, **told: Any) -> Any:
        """Do something; the test fails where the simulator refuses."""
        answer = await self._http.post(f"/control/{what}", json=told)
        if answer.is_error:
            pytest.fail(f"the simulated forge refuses {what}: {answer.text}", pytrace=False)
        return answer.json() if answer.content else None

    async def repository(self, repository: str) -> dict[str, Any]:
        """Return a repository with its branches and pull requests."""
        shown: dict[str, Any] = (await self._get(f"repos/{repository}")).json()
        return shown

    async def file(self, repository: str, path: str, ref: str) -> str:
        """Return a file as it is on a branch."""
        query = {"path": path, "ref": ref}
        return (await self._get(f"repos/{repository}/file", query)).text

    async def _get(self, what: str, query: dict[str, str] | None = None) -> httpx.Response:
        answer = await self._http.get(f"/control/{what}", params=query)
        if answer.is_error:
            pytest.fail(f"the simulated forge does not show {what}: {answer.text}", pytrace=False)
        return answer
