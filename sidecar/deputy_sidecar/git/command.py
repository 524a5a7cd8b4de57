"""Run git so that neither the workspace's nor anybody's settings have a say in it."""

import asyncio
import base64
import contextlib
import dataclasses
import os
import signal
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

from deputy.wire import GitToken
from deputy_sidecar.errors import GitFailed
from deputy_sidecar.redaction import redact

_DEFAULT_SECONDS = 600.0
_MAX_MESSAGE = 600

#: What git would otherwise take from the environment of the process.
_KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy",
         "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")  # fmt: skip

#: What nothing but the command itself shall have a say in, and nobody be asked.
_VARIABLES = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}

#: Settings on the command's own scope, which nothing in a repository overrides.
_SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.quotePath": "false",
    "credential.helper": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.ext.allow": "never",
    "advice.detachedHead": "false",
    # A container has little memory, however many cores its node has.
    "pack.threads": "2",
    "pack.windowMemory": "64m",
    "core.deltaBaseCacheLimit": "32m",
    "core.bigFileThreshold": "32m",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Git:
    """How git is called: in which folder, with which repository and credential."""

    folder: Path
    git_dir: Path | None = None
    work_tree: Path | None = None
    index: Path | None = None
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    global_config: Path | None = None
    seconds: float = _DEFAULT_SECONDS

    async def __call__(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run a command and return its standard output, stripped; raise `GitFailed`."""
        return (await self.raw(*arguments, stdin=stdin)).decode(errors="replace").strip()

    async def raw(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run a command and return its standard output as it is; raise `GitFailed`."""
        process = await self._start(arguments)
        try:
            async with asyncio.timeout(self.seconds):
                output, errors = await process.communicate(stdin)
        except TimeoutError:
            raise GitFailed(arguments[0], f"no end after {self.seconds:.0f} seconds") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode:
            raise GitFailed(arguments[0], _message(errors, output))
        return output

    async def _start(self, arguments: tuple[str, ...]) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            "git",
            *arguments,
            cwd=self.folder,
            env=self._environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )

    async def output_or_empty(self, *arguments: str) -> str:
        """Run a command that answers by failing, too: return its output, empty where it fails."""
        try:
            return await self(*arguments)
        except GitFailed:
            return ""

    def _environment(self) -> dict[str, str]:
        settings = {**_SETTINGS, **self.settings}
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment |= _VARIABLES
        environment["GIT_CONFIG_GLOBAL"] = str(self.global_config or "/dev/null")
        environment["GIT_CONFIG_COUNT"] = str(len(settings))
        for number, (name, value) in enumerate(settings.items()):
            environment[f"GIT_CONFIG_KEY_{number}"] = name
            environment[f"GIT_CONFIG_VALUE_{number}"] = value
        for name, path in (
            ("GIT_DIR", self.git_dir),
            ("GIT_WORK_TREE", self.work_tree),
            ("GIT_INDEX_FILE", self.index),
        ):
            if path is not None:
                environment[name] = str(path)
        return environment | dict(self.variables)


def credential(url: str, token: GitToken | None) -> dict[str, str]:
    """Return the settings that give `token` to the forge of `url` and to nobody else."""
    parts = urllib.parse.urlsplit(url)
    if token is None or parts.scheme not in ("http", "https"):
        return {}
    pair = base64.b64encode(f"{token.username}:{token.password}".encode()).decode()
    scope = f"http.{parts.scheme}://{parts.netloc}/.extraHeader"
    return {scope: f"Authorization: Basic {pair}"}


def allowed_protocols(url: str) -> dict[str, str]:
    """Return the variable that keeps git to the one protocol of `url`."""
    return {"GIT_ALLOW_PROTOCOL": urllib.parse.urlsplit(url).scheme or "file"}


def _message(errors: bytes, output: bytes) -> str:
    text = (errors.strip() or output.strip()).decode(errors="replace")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("hint:")]
    return redact("; ".join(line.strip() for line in lines))[-_MAX_MESSAGE:] or "it did not say why"
