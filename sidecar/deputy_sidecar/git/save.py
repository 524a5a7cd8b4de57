"""Carry out one job: take the work out of the workspace and push it, however long it takes."""

import asyncio
import time
from typing import Protocol

from deputy.wire import GitToken, Workspace
from deputy_sidecar import log
from deputy_sidecar.backoff import Patience
from deputy_sidecar.desired import Job
from deputy_sidecar.git.command import GitFailed
from deputy_sidecar.git.errors import Trouble, trouble_of
from deputy_sidecar.git.repository import Delivery, SecretInWork, Work
from deputy_sidecar.journal import Saved
from deputy_sidecar.relay.client import Refused, RelayError

#: How long a forge may be out of reach before a run fails of it.
_FORGE_SECONDS = 600.0
_NO_TOKEN = 409


class Tokens(Protocol):
    """Where git tokens come from."""

    async def git_token(self) -> GitToken:
        """Return a credential for the run's repository; raise `RelayError`."""


async def save(job: Job, workspace: Workspace, delivery: Delivery, tokens: Tokens) -> Saved:
    """Return what became of the work; repeating a job that was broken off is harmless."""
    if not workspace.repository_url:
        return Saved(job.number)
    try:
        await delivery.remember_start()
        work = await delivery.collect(job.number, job.subject)
    except GitFailed as error:
        return _failed(job, "AgentFailed", f"The clone cannot be read: {error.said}.")
    except SecretInWork as error:
        return _failed(job, "AgentFailed", f"Nothing was pushed: {error}.")
    except OSError as error:
        # A full volume, or files that change under our hands: silence would be worse than this.
        said = error.strerror or type(error).__name__
        return _failed(
            job, "AgentFailed", f"The work cannot be taken out of the workspace: {said}."
        )
    if work.commits == 0:
        return Saved(job.number)
    if work.known:
        return Saved(job.number, work.commit, work.commits)
    log.info("pushing", branch=workspace.branch, commits=work.commits)
    return await _Push(job, workspace, delivery, tokens, work).until_done()


class _Push:
    def __init__(
        self, job: Job, workspace: Workspace, delivery: Delivery, tokens: Tokens, work: Work
    ) -> None:
        self._job = job
        self._workspace = workspace
        self._delivery = delivery
        self._tokens = tokens
        self._work = work
        self._denials = 0
        self._no_token_because = ""
        self._give_up = time.monotonic() + _FORGE_SECONDS

    async def until_done(self) -> Saved:
        patience = Patience(0.5, 15)
        while True:
            try:
                await self._delivery.push(self._work, await self._token())
            except GitFailed as error:
                log.warning("git push failed", said=error.said)
                if final := self._final(error.said):
                    return final
            except (RelayError, OSError) as error:
                # The relay is the operator's: it comes back, and the token with it.
                log.warning("the relay gave no git token", error=str(error))
            else:
                return Saved(self._job.number, self._work.commit, self._work.commits)
            await asyncio.sleep(patience.pause())

    async def _token(self) -> GitToken | None:
        try:
            return await self._tokens.git_token()
        except Refused as error:
            if error.status != _NO_TOKEN:
                raise
            self._no_token_because = error.message
            return None

    def _final(self, said: str) -> Saved | None:
        """Return the end of it, or None where trying again may help."""
        branch = self._workspace.branch
        match trouble_of(said):
            case Trouble.REJECTED:
                text = (
                    f"The forge rejects the push to branch `{branch}`: {said}. If somebody else "
                    "pushed to it, merge or delete the branch; if it is protected, let the token "
                    "push to it. Then reply to try again."
                )
                return _failed(self._job, "PushRejected", text)
            case Trouble.NO_ACCESS | Trouble.NOT_FOUND:
                # A token may have ended between its making and its use: once more with another.
                self._denials += 1
                return self._no_access(said) if self._denials > 1 else None
            case Trouble.PASSING if time.monotonic() > self._give_up:
                text = (
                    f"The work could not be pushed to branch `{branch}` for "
                    f"{_FORGE_SECONDS:.0f} seconds: {said}. See that the forge is up, then reply "
                    "to try again."
                )
                return _failed(self._job, "PushRejected", text)
            case _:
                return None

    def _no_access(self, said: str) -> Saved:
        why = self._no_token_because or said
        text = (
            f"The forge does not let the work be pushed to branch `{self._workspace.branch}`: "
            f"{why}. Put a token that may write the repository into the Secret that "
            "spec.repository.credentialsSecretRef of the Blueprint names, then reply to try again."
        )
        return _failed(self._job, "CredentialsMissing", text)


def _failed(job: Job, reason: str, text: str) -> Saved:
    return Saved(job.number, reason=reason, message=text)
