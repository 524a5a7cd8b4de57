"""A workspace's two containers as processes: the sidecar, and the shim in a PID namespace."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from deputy.wire import Workspace, to_json
from deputy_sidecar.prepare import make_link

PROJECT = Path(__file__).resolve().parents[2]
FAKE_AGENT = (sys.executable, str(Path(__file__).parent / "fake_agent.py"))
SHELLS = (("dash",), ("busybox", "sh"), ("bash", "--posix"))


class Pod:
    """What runs and where; `stop` ends everything that it started."""

    def __init__(self, folder: Path, workspace: Workspace) -> None:
        self.folder = folder
        self.workspace = workspace
        self.link = folder / "link"
        self.outbox = folder / "outbox"
        self.root = folder / "workspace"
        self.repository = self.root / "repo"
        self.token_file = folder / "token"
        self.log = folder / "sidecar.log"
        self.sidecar: asyncio.subprocess.Process | None = None
        self.agent: asyncio.subprocess.Process | None = None
        for one in (self.link, self.repository):
            one.mkdir(parents=True, exist_ok=True)
        self.token_file.write_text("relay-token-of-the-pod")
        make_link(self.link)

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": f"{PROJECT / 'operator'}:{PROJECT / 'sidecar'}",
            "DEPUTY_WORKSPACE": json.dumps(to_json(self.workspace)),
            "DEPUTY_LINK": str(self.link),
            "DEPUTY_OUTBOX": str(self.outbox),
            "DEPUTY_ROOT": str(self.root),
            "DEPUTY_TOKEN_FILE": str(self.token_file),
        }

    async def start_sidecar(self) -> asyncio.subprocess.Process:
        with self.log.open("a") as log:
            self.sidecar = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "deputy_sidecar", "run",
                env=self.environment(), stdout=log, stderr=log,
            )  # fmt: skip
        return self.sidecar

    async def start_agent(
        self,
        *command: str,
        shell: Sequence[str] = ("sh",),
        environment: Mapping[str, str] | None = None,
    ) -> asyncio.subprocess.Process:
        """Start the agent's container; its shim is process 1 of a PID namespace of its own."""
        if os.geteuid() != 0:
            pytest.fail("the shim needs a PID namespace of its own; run this test as root")
        self.agent = await asyncio.create_subprocess_exec(
            "unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
            *shell, str(self.link / "shim"), *(command or FAKE_AGENT),
            cwd=self.repository,
            env={
                **os.environ,
                "DEPUTY_LINK": str(self.link),
                "DEPUTY_PROMPT_FILE": str(self.link / "prompt"),
                "FAKE_AGENT_WORK": str(self.repository),
                **(environment or {}),
            },
        )  # fmt: skip
        return self.agent

    def shim(self) -> int:
        """The process that is number 1 in the agent's container."""
        assert self.agent is not None
        children = Path(f"/proc/{self.agent.pid}/task/{self.agent.pid}/children").read_text()
        return int(children.split()[0])

    async def kill_sidecar(self) -> None:
        assert self.sidecar is not None
        self.sidecar.send_signal(signal.SIGKILL)
        await self.sidecar.wait()

    async def stop(self) -> None:
        for process in (self.sidecar, self.agent):
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()
