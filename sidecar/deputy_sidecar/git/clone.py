"""Make the clone that the agent works in."""

import asyncio
import contextlib
import dataclasses
import shutil
import time
from pathlib import Path

from deputy.wire import GitToken, Workspace
from deputy_sidecar import log
from deputy_sidecar.backoff import Backoff
from deputy_sidecar.errors import GitFailed, PrepareFailed
from deputy_sidecar.git.command import Git, allowed_protocols, credential
from deputy_sidecar.git.errors import GitErrorKind, kind_of
from deputy_sidecar.paths import Paths

#: How long the forge may be out of reach.
_FORGE_SECONDS = 120.0
_FIRST_DELAY, _LONGEST_DELAY = 1.0, 10.0


@dataclasses.dataclass(frozen=True, slots=True)
class Clone:
    """One clone, with the run's branch checked out.

    `no_token_because` says why there is no token, where there is none.
    """

    workspace: Workspace
    paths: Paths
    token: GitToken | None
    no_token_because: str = ""

    async def make(self) -> None:
        """Clone, check out the run's branch, and only then give the clone its name."""
        partial = self.paths.root / ".clone"
        await self._clone(partial)
        await self._check_out(partial)
        partial.replace(self._emptied())

    def _emptied(self) -> Path:
        with contextlib.suppress(FileNotFoundError):
            self.paths.repository.rmdir()
        return self.paths.repository

    async def _clone(self, partial: Path) -> None:
        url = self.workspace.repository_url
        settings = credential(url, self.token)
        git = Git(self.paths.root, settings=settings, variables=allowed_protocols(url))
        backoff = Backoff(_FIRST_DELAY, _LONGEST_DELAY)
        give_up = time.monotonic() + _FORGE_SECONDS
        while True:
            shutil.rmtree(partial, ignore_errors=True)
            try:
                await git("clone", "--quiet", "--no-checkout", "--template=", url, str(partial))
            except GitFailed as error:
                transient = kind_of(error.message) is GitErrorKind.TRANSIENT
                if not transient or time.monotonic() > give_up:
                    raise self._failed(error) from error
                log.warning("git clone failed", said=error.message)
                await asyncio.sleep(backoff.delay())
            else:
                return

    def _failed(self, error: GitFailed) -> PrepareFailed:
        url = self.workspace.repository_url
        return PrepareFailed(f"{url} cannot be cloned: {error.message}. {self._next_step(error)}")

    def _next_step(self, error: GitFailed) -> str:
        match kind_of(error.message):
            case GitErrorKind.NO_ACCESS:
                return self._access_step()
            case GitErrorKind.NOT_FOUND:
                return (
                    "Correct spec.repository.url of the Blueprint, or let the token in "
                    "spec.repository.credentialsSecretRef read the repository."
                )
            case _:
                return "See that the forge is up and can be reached from the pod."

    def _access_step(self) -> str:
        if self.token is None and self.no_token_because:
            return f"There is no credential: {self.no_token_because}."
        return (
            "Put a token that may read and write the repository into the Secret that "
            "spec.repository.credentialsSecretRef of the Blueprint names."
        )

    async def _check_out(self, partial: Path) -> None:
        branch = self.workspace.branch
        git = Git(partial)
        await git("config", "user.name", self.workspace.author_name)
        await git("config", "user.email", self.workspace.author_email)
        pushed = f"refs/remotes/origin/{branch}"
        start = pushed if await _exists(git, pushed) else await self._base(git)
        await git("checkout", "--quiet", "--no-track", "-B", branch, start)

    async def _base(self, git: Git) -> str:
        wanted = self.workspace.base_branch
        ref = f"refs/remotes/origin/{wanted or 'HEAD'}"
        if await _exists(git, f"{ref}^{{commit}}"):
            return ref
        url = self.workspace.repository_url
        if not await git.output_or_empty("for-each-ref", "refs/remotes/origin"):
            raise PrepareFailed(f"{url} is empty: push a first commit to it.")
        if wanted:
            raise PrepareFailed(
                f"{url} has no branch `{wanted}`: correct spec.repository.baseBranch of the "
                "Blueprint."
            )
        raise PrepareFailed(
            f"{url} has no default branch: set spec.repository.baseBranch of the Blueprint."
        )


async def _exists(git: Git, revision: str) -> bool:
    return bool(await git.output_or_empty("rev-parse", "--verify", "--quiet", revision))
