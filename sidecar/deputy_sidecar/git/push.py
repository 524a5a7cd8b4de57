"""Push a snapshot to the run's branch, for as long as there is hope, and say what became of it."""

import asyncio
import time
from typing import Protocol

from deputy.wire import GitToken, Workspace
from deputy_sidecar import log
from deputy_sidecar.backoff import Backoff
from deputy_sidecar.desired import SaveJob
from deputy_sidecar.errors import GitFailed, RelayError, RelayRefused
from deputy_sidecar.git.errors import GitErrorKind, kind_of
from deputy_sidecar.git.repository import OutboxRepository, Snapshot
from deputy_sidecar.journal import Saved

#: How long a forge may be out of reach before a run fails of it.
_FORGE_SECONDS = 600.0
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 15.0


class GitTokens(Protocol):
    """Where git tokens come from."""

    async def git_token(self) -> GitToken:
        """Return a credential for the run's repository; raise `RelayError`."""

    def close(self) -> None:
        """Close the connection that they come over."""


class Push:
    """The push of one job's snapshot."""

    def __init__(
        self, job: SaveJob, workspace: Workspace, repository: OutboxRepository, tokens: GitTokens
    ) -> None:
        self._job = job
        self._workspace = workspace
        self._repository = repository
        self._tokens = tokens
        self._denials = 0
        self._no_token_because = ""
        self._give_up = time.monotonic() + _FORGE_SECONDS

    async def until_done(self, snapshot: Snapshot) -> Saved:
        """Push again and again, until the forge has the snapshot or nothing will help."""
        backoff = Backoff(_FIRST_DELAY, _LONGEST_DELAY)
        while True:
            try:
                await self._repository.push(snapshot, await self._token())
            except GitFailed as error:
                log.warning("git push failed", said=error.message)
                if failure := self._failure(error.message):
                    return failure
            except (RelayError, OSError) as error:
                # The relay is the operator's: it comes back, and the token with it.
                log.warning("the relay gave no git token", error=str(error))
            else:
                return Saved(self._job.number, snapshot.commit, snapshot.commits)
            await asyncio.sleep(backoff.delay())

    async def _token(self) -> GitToken | None:
        try:
            return await self._tokens.git_token()
        except RelayRefused as error:
            if not error.has_no_token:
                raise
            self._no_token_because = error.message
            return None

    def _failure(self, message: str) -> Saved | None:
        """Return the end of it, or None where trying again may help."""
        match kind_of(message):
            case GitErrorKind.REJECTED:
                return self._rejected(message)
            case GitErrorKind.NO_ACCESS | GitErrorKind.NOT_FOUND:
                # A token may have ended between its making and its use: once more with another.
                self._denials += 1
                return self._no_access(message) if self._denials > 1 else None
            case GitErrorKind.TRANSIENT if time.monotonic() > self._give_up:
                return self._out_of_reach(message)
            case _:
                return None

    def _rejected(self, message: str) -> Saved:
        text = (
            f"The forge rejects the push to branch `{self._workspace.branch}`: {message}. If "
            "somebody else pushed to it, merge or delete the branch; if it is protected, let the "
            "token push to it. Then reply to try again."
        )
        return save_failed(self._job, "PushRejected", text)

    def _no_access(self, message: str) -> Saved:
        why = self._no_token_because or message
        text = (
            f"The forge does not let the work be pushed to branch `{self._workspace.branch}`: "
            f"{why}. Put a token that may write the repository into the Secret that "
            "spec.repository.credentialsSecretRef of the Blueprint names, then reply to try again."
        )
        return save_failed(self._job, "CredentialsMissing", text)

    def _out_of_reach(self, message: str) -> Saved:
        text = (
            f"The work could not be pushed to branch `{self._workspace.branch}` for "
            f"{_FORGE_SECONDS:.0f} seconds: {message}. See that the forge is up, then reply "
            "to try again."
        )
        return save_failed(self._job, "PushRejected", text)


def save_failed(job: SaveJob, reason: str, text: str) -> Saved:
    """Return that a job failed, and why."""
    return Saved(job.number, reason=reason, message=text)
