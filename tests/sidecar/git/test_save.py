"""What becomes of a save job is told, whatever goes wrong."""

import asyncio
import dataclasses
from pathlib import Path

from deputy.wire import GitToken, Workspace
from deputy_sidecar.desired import SaveJob
from deputy_sidecar.git.repository import OutboxRepository, Snapshot
from deputy_sidecar.git.save import save
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

    async def remember_start(self) -> None:
        """Do nothing."""

    async def snapshot(self, job: int, subject: str) -> Snapshot:
        raise OSError(28, f"No space left on device ({job}, {subject})")


def test_a_volume_that_is_full_is_told_and_not_waited_for(tmp_path: Path) -> None:
    repository = FullVolume(WORKSPACE, Paths(root=tmp_path, outbox=tmp_path))

    saved = asyncio.run(save(SaveJob(3, "Save it"), WORKSPACE, repository, NoGitTokens()))

    said = "The work cannot be taken out of the workspace: No space left on device (3, Save it)."
    assert dataclasses.astuple(saved) == dataclasses.astuple(
        Saved(3, reason="AgentFailed", message=said)
    )
