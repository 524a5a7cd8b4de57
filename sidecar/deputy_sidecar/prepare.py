"""The init container: the link to the agent, and the clone that it works in."""

import asyncio
import contextlib
import dataclasses
import os
import shutil
import time
from pathlib import Path

from deputy.wire import GitToken, Workspace
from deputy_sidecar import log
from deputy_sidecar.agent.link import make_link
from deputy_sidecar.backoff import Patience
from deputy_sidecar.git.command import Git, GitFailed, allowed_protocols, credential
from deputy_sidecar.git.errors import Trouble, trouble_of
from deputy_sidecar.paths import Places
from deputy_sidecar.relay.client import Channel, Refused, RelayError, address_of

#: How long the relay may be away, which is ours and comes back, and how long the forge.
_RELAY_SECONDS = 300.0
_FORGE_SECONDS = 120.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 10.0
_NO_TOKEN = 409


class PrepareFailed(Exception):
    """The workspace cannot be prepared; the text is for the run's user."""


async def prepare(workspace: Workspace, places: Places) -> None:
    """Prepare the workspace; doing it again keeps what is there. Raise `PrepareFailed`."""
    os.umask(0o002)
    make_link(places.link)
    (places.root / "home").mkdir(exist_ok=True)
    if not workspace.repository_url:
        places.repository.mkdir(exist_ok=True)
        return
    if (places.repository / ".git").exists():
        log.info("the clone is there already", repository=workspace.repository_url)
        return
    token, reason = await _token(workspace, places)
    await Clone(workspace, places, token, reason).make()
    log.info("cloned", repository=workspace.repository_url, branch=workspace.branch)


async def _token(workspace: Workspace, places: Places) -> tuple[GitToken | None, str]:
    """Return the forge's token, or why there is none: a public repository needs none."""
    address = address_of(workspace.relay_url, workspace.relay_ca, places.token_file)
    channel = Channel(address)
    patience, give_up = Patience(_FIRST_PAUSE, _LONGEST_PAUSE), time.monotonic() + _RELAY_SECONDS
    while True:
        try:
            return await channel.git_token(), ""
        except (RelayError, OSError) as error:
            if isinstance(error, Refused) and error.status == _NO_TOKEN:
                return None, error.message
            log.warning("the relay gave no git token", error=str(error))
            if time.monotonic() > give_up:
                raise PrepareFailed(
                    f"The workspace cannot get a credential for {workspace.repository_url}: "
                    f"{error}. See that the operator runs and that a NetworkPolicy lets the "
                    "workspace reach its relay."
                ) from error
            await asyncio.sleep(patience.pause())
        finally:
            channel.close()


@dataclasses.dataclass(frozen=True, slots=True)
class Clone:
    """The making of one clone."""

    workspace: Workspace
    places: Places
    token: GitToken | None
    no_token_because: str = ""

    async def make(self) -> None:
        """Clone, check out the run's branch, and only then give the clone its name."""
        partial = self.places.root / ".clone"
        await self._clone(partial)
        await self._check_out(partial)
        partial.replace(self._emptied())

    def _emptied(self) -> Path:
        with contextlib.suppress(FileNotFoundError):
            self.places.repository.rmdir()
        return self.places.repository

    async def _clone(self, partial: Path) -> None:
        url = self.workspace.repository_url
        settings = credential(url, self.token)
        git = Git(self.places.root, settings=settings, extra=allowed_protocols(url))
        patience = Patience(_FIRST_PAUSE, _LONGEST_PAUSE)
        give_up = time.monotonic() + _FORGE_SECONDS
        while True:
            shutil.rmtree(partial, ignore_errors=True)
            try:
                await git("clone", "--quiet", "--no-checkout", "--template=", url, str(partial))
            except GitFailed as error:
                if trouble_of(error.said) is not Trouble.PASSING or time.monotonic() > give_up:
                    raise self._failed(error) from error
                log.warning("git clone failed", said=error.said)
                await asyncio.sleep(patience.pause())
            else:
                return

    def _failed(self, error: GitFailed) -> PrepareFailed:
        url = self.workspace.repository_url
        step = {
            Trouble.NO_ACCESS: self._access_step(),
            Trouble.NOT_FOUND: "Correct spec.repository.url of the Blueprint, or let the token in "
            "spec.repository.credentialsSecretRef read the repository.",
        }.get(trouble_of(error.said), "See that the forge is up and can be reached from the pod.")
        return PrepareFailed(f"{url} cannot be cloned: {error.said}. {step}")

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
        if await git.found("rev-parse", "--verify", "--quiet", f"refs/remotes/origin/{branch}"):
            start = f"refs/remotes/origin/{branch}"
        else:
            start = await self._base(git)
        await git("checkout", "--quiet", "--no-track", "-B", branch, start)

    async def _base(self, git: Git) -> str:
        wanted = self.workspace.base_branch
        ref = f"refs/remotes/origin/{wanted or 'HEAD'}"
        if await git.found("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"):
            return ref
        url = self.workspace.repository_url
        if not await git.found("for-each-ref", "refs/remotes/origin"):
            raise PrepareFailed(f"{url} is empty: push a first commit to it.")
        if wanted:
            raise PrepareFailed(
                f"{url} has no branch `{wanted}`: correct spec.repository.baseBranch of the "
                "Blueprint."
            )
        raise PrepareFailed(
            f"{url} has no default branch: set spec.repository.baseBranch of the Blueprint."
        )
