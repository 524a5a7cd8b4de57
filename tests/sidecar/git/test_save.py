"""What becomes of a save job is told, whatever goes wrong."""

import asyncio
import dataclasses
from pathlib import Path

from typing_extensions import override

from deputy.wire import GitToken, Workspace
from deputy_sidecar.desired import SaveJob
from deputy_sidecar.git.repository import OutboxRepository, Snapshot
from deputy_sidecar.git.save import SaveRunner, save
from deputy_sidecar.journal import Saved
from deputy_sidecar.paths import Paths

WORKSPACE = Workspace("linear-a-1", "u", 1, "ACP", "", "", "", "https://example.com/a/b.git")


class NoGitTokens:
    """Nobody is asked for a token where nothing can be pushed."""

    async def git_token(self) -> GitToken:
        raise AssertionError("nothing was to be pushed")

    def close(self) -> None:
        """Do nothing."""


class FullVolume(OutboxRepository):
    """A repository whose volume is full."""

    @override
    async def remember_start(self) -> None:
        """Do nothing."""

    @override
    async def snapshot(self, job: int, subject: str) -> Snapshot:
        raise OSError(28, f"No space left on device ({job}, {subject})")


def test_a_volume_that_is_full_is_told_and_not_waited_for(tmp_path: Path) -> None:
    repository = FullVolume(WORKSPACE, Paths(root=tmp_path, outbox=tmp_path))

    saved = asyncio.run(save(SaveJob(3, "Save it"), WORKSPACE, repository, NoGitTokens()))

    said = "The work cannot be taken out of the workspace: No space left on device (3, Save it)."
    assert dataclasses.astuple(saved) == dataclasses.astuple(
        Saved(3, reason="AgentFailed", message=said)
    )


class StuckRepository(OutboxRepository):
    """A repository whose first snapshot never comes."""

    @override
    async def remember_start(self) -> None:
        """Do nothing."""

    @override
    async def snapshot(self, job: int, subject: str) -> Snapshot:
        if job == 1:
            await asyncio.Event().wait()
        return Snapshot(subject, 0, is_pushed=False)


class Connection(NoGitTokens):
    """A way to tokens that says when it is closed."""

    def __init__(self, opened: "list[Connection]") -> None:
        opened.append(self)
        self.is_closed = False

    @override
    def close(self) -> None:
        self.is_closed = True


async def test_a_job_that_is_called_off_makes_room_for_the_next_and_is_not_told(
    tmp_path: Path,
) -> None:
    opened: list[Connection] = []
    told: asyncio.Queue[Saved] = asyncio.Queue()
    repository = StuckRepository(WORKSPACE, Paths(root=tmp_path, outbox=tmp_path))
    runner = SaveRunner(WORKSPACE, repository, lambda: Connection(opened), told.put_nowait)
    runner.reconcile(SaveJob(1, "first"))
    await asyncio.sleep(0)

    runner.reconcile(SaveJob(2, "second"))

    async with asyncio.timeout(5):
        assert await told.get() == Saved(2)
    assert [connection.is_closed for connection in opened] == [True, True]
    assert told.empty()


async def test_a_job_that_goes_on_is_not_begun_again(tmp_path: Path) -> None:
    opened: list[Connection] = []
    told: asyncio.Queue[Saved] = asyncio.Queue()
    repository = StuckRepository(WORKSPACE, Paths(root=tmp_path, outbox=tmp_path))
    runner = SaveRunner(WORKSPACE, repository, lambda: Connection(opened), told.put_nowait)

    for _ in range(3):
        runner.reconcile(SaveJob(1, "first"))
        await asyncio.sleep(0)

    assert len(opened) == 1
    runner.reconcile(None)
    await asyncio.sleep(0)
    assert opened[0].is_closed


async def test_a_job_that_breaks_is_an_error_of_the_loop(tmp_path: Path) -> None:
    failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: failed.set_result(context["exception"])
    )
    repository = FullVolume(WORKSPACE, Paths(root=tmp_path, outbox=tmp_path))

    def take(_saved: Saved) -> None:
        raise LookupError("a bug")

    SaveRunner(WORKSPACE, repository, NoGitTokens, take).reconcile(SaveJob(1, "first"))

    async with asyncio.timeout(5):
        assert isinstance(await failed, LookupError)
