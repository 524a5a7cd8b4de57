"""Carry out save jobs: take the work out of the workspace and push it, however long it takes."""

import asyncio
import contextlib
from collections.abc import Callable

from deputy.wire import Workspace
from deputy_sidecar import log
from deputy_sidecar.desired import SaveJob
from deputy_sidecar.errors import GitFailed, SecretInWork
from deputy_sidecar.git.push import GitTokens, Push, save_failed
from deputy_sidecar.git.repository import OutboxRepository
from deputy_sidecar.journal import Saved


async def save(
    job: SaveJob, workspace: Workspace, repository: OutboxRepository, tokens: GitTokens
) -> Saved:
    """Return what became of the work; repeating a job that was broken off is harmless."""
    if not workspace.repository_url:
        return Saved(job.number)
    try:
        await repository.remember_start()
        snapshot = await repository.snapshot(job.number, job.subject)
    except GitFailed as error:
        return save_failed(job, "AgentFailed", f"The clone cannot be read: {error.message}.")
    except SecretInWork as error:
        return save_failed(job, "AgentFailed", f"Nothing was pushed: {error}.")
    except OSError as error:
        # A full volume, or files that change under our hands: silence would be worse than this.
        reason = error.strerror or type(error).__name__
        text = f"The work cannot be taken out of the workspace: {reason}."
        return save_failed(job, "AgentFailed", text)
    if snapshot.commits == 0:
        return Saved(job.number)
    if snapshot.is_pushed:
        return Saved(job.number, snapshot.commit, snapshot.commits)
    log.info("pushing", branch=workspace.branch, commits=snapshot.commits)
    return await Push(job, workspace, repository, tokens).until_done(snapshot)


class SaveRunner:
    """Carries out the save job that is wanted; `take` is told what became of it.

    `connect` opens the way to git tokens, one for each job: a job that is called off may still
    be using its own.
    """

    def __init__(
        self,
        workspace: Workspace,
        repository: OutboxRepository,
        connect: Callable[[], GitTokens],
        take: Callable[[Saved], None],
    ) -> None:
        self._workspace = workspace
        self._repository = repository
        self._connect = connect
        self._take = take
        self._running: tuple[int, asyncio.Task[None]] | None = None

    async def remember_start(self) -> None:
        """Note where the agent begins, in the repository that it is given."""
        if not self._workspace.repository_url:
            return
        try:
            await self._repository.remember_start()
        except GitFailed as error:
            # It is tried again, and told, when there is something to save.
            log.warning("the clone cannot be read", error=str(error))

    def reconcile(self, job: SaveJob | None) -> None:
        """Start the job that is wanted, unless it is going on, and call off any other."""
        if self._running is not None and (job is None or job.number != self._running[0]):
            self.cancel()
        if job is not None and self._running is None:
            task = asyncio.create_task(self._run(job))
            task.add_done_callback(_raise_in_loop)
            self._running = (job.number, task)

    def cancel(self) -> None:
        """Call off the job that is going on."""
        if self._running is not None:
            self._running[1].cancel()
            self._running = None

    async def _run(self, job: SaveJob) -> None:
        with contextlib.closing(self._connect()) as tokens:
            saved = await save(job, self._workspace, self._repository, tokens)
        self._running = None
        self._take(saved)


def _raise_in_loop(task: asyncio.Task[None]) -> None:
    """Let a task that nobody waits for end the process with its error, not in silence."""
    if not task.cancelled() and (error := task.exception()) is not None:
        context = {"message": "a job failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)
