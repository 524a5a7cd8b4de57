"""A workspace's two containers as processes: the sidecar, and the shim in a PID namespace."""

import asyncio
import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from deputy.wire import Workspace, to_json
from deputy_sidecar.agent.link import make_link

PROJECT = Path(__file__).resolve().parents[2]


AGENT_UID, SIDECAR_UID, SHARED_GID = 1000, 1001, 1500


@functools.cache
def python() -> str:
    """Return a Python that every user may run: the test's own may lie in somebody's home."""
    # One step more than a test would need: setpriv itself still starts what only root may.
    start = 'exec "$0" -c "import sys; sys.exit(sys.version_info < (3, 11))"'
    ids = ["setpriv", f"--reuid={SIDECAR_UID}", f"--regid={SHARED_GID}", "--clear-groups"]
    for interpreter in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError):
            command = [*ids, "sh", "-c", start, interpreter]
            done = subprocess.run(command, check=False, stderr=subprocess.DEVNULL)
            if os.geteuid() != 0 or done.returncode == 0:
                return interpreter
    pytest.fail("no Python 3.11 that uid 1001 may run; install /usr/bin/python3", pytrace=False)


FAKE_AGENT = Path(__file__).parent / "fake_agent.py"
IGNORED = shutil.ignore_patterns("__pycache__")
SHELLS = (("dash",), ("busybox", "sh"), ("bash", "--posix"))


class Pod:
    """What runs and where; `stop` ends everything that it started.

    With `users` the containers run under the uids that they have in a cluster, and share the
    volumes' group; else everything is the test's own.
    """

    def __init__(self, folder: Path, workspace: Workspace, *, users: bool = False) -> None:
        self.users = users
        self.folder = folder
        self.workspace = workspace
        self.link = folder / "link"
        self.outbox = folder / "outbox"
        self.root = folder / "workspace"
        self.repository = self.root / "repo"
        self.token_file = folder / "token"
        self.log = folder / "sidecar.log"
        self.source = folder / "source"
        self.sidecar: asyncio.subprocess.Process | None = None
        self.agent: asyncio.subprocess.Process | None = None
        for one in (self.link, self.root, self.outbox):
            one.mkdir(parents=True, exist_ok=True)
        self.token_file.write_text("relay-token-of-the-pod")
        self._copy_source()
        if users:
            self._share()
        else:
            self.repository.mkdir(exist_ok=True)
            make_link(self.link)

    def _copy_source(self) -> None:
        """Copy what is in the image: the checkout may lie in a home that is closed to others."""
        deputy = self.source / "deputy"
        deputy.mkdir(parents=True)
        for name in ("__init__.py", "wire.py"):
            shutil.copy(PROJECT / "operator" / "deputy" / name, deputy)
        sidecar = PROJECT / "sidecar" / "deputy_sidecar"
        shutil.copytree(sidecar, self.source / sidecar.name, ignore=IGNORED)
        shutil.copy(FAKE_AGENT, self.source)

    def _share(self) -> None:
        """Give the volumes to the group, as the kubelet does with an fsGroup."""
        for one in (self.link, self.root, self.outbox):
            os.chown(one, 0, SHARED_GID)
            one.chmod(0o2777)
        os.chown(self.token_file, SIDECAR_UID, SHARED_GID)
        self.token_file.chmod(0o600)

    def _as(self, uid: int) -> list[str]:
        ids = [f"--reuid={uid}", f"--regid={SHARED_GID}", "--clear-groups", "--no-new-privs"]
        return ["setpriv", *ids] if self.users else []

    async def prepare(self) -> tuple[int, str]:
        """Run the init container; return its exit status and what it wrote to stderr."""
        if self.users:
            os.chown(self.token_file, AGENT_UID, SHARED_GID)
        process = await asyncio.create_subprocess_exec(
            *self._as(AGENT_UID), python(), "-m", "deputy_sidecar", "prepare",
            env=self.environment(), stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, errors = await process.communicate()
        if self.users:
            os.chown(self.token_file, SIDECAR_UID, SHARED_GID)
        return process.returncode or 0, errors.decode()

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "HOME": str(self.folder),
            "PYTHONPATH": str(self.source),
            "DEPUTY_WORKSPACE": json.dumps(to_json(self.workspace)),
            "DEPUTY_LINK": str(self.link),
            "DEPUTY_OUTBOX": str(self.outbox),
            "DEPUTY_ROOT": str(self.root),
            "DEPUTY_TOKEN_FILE": str(self.token_file),
        }

    async def start_sidecar(self) -> asyncio.subprocess.Process:
        with self.log.open("a") as log:
            self.sidecar = await asyncio.create_subprocess_exec(
                *self._as(SIDECAR_UID), python(), "-m", "deputy_sidecar", "run",
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
        agent = (python(), str(self.source / FAKE_AGENT.name))
        self.agent = await asyncio.create_subprocess_exec(
            "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *self._as(AGENT_UID),
            *shell, str(self.link / "shim"), *(command or agent),
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
        if self.agent is not None and self.agent.returncode is None:
            # A process that changes its user does not die with its parent.
            with contextlib.suppress(IndexError, ProcessLookupError):
                os.kill(self.shim(), signal.SIGKILL)
        for process in (self.sidecar, self.agent):
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()
