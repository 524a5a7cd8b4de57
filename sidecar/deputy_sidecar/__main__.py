"""`deputy-sidecar prepare` makes a workspace ready; `deputy-sidecar run` serves its agent."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from deputy.wire import Workspace, workspace_from_environment
from deputy_sidecar import log
from deputy_sidecar.errors import GitFailed, LinkBroken, PrepareFailed
from deputy_sidecar.paths import paths_from

_TERMINATION_LOG = Path("/dev/termination-log")
_TERMINATED = 128 + signal.SIGTERM
_USAGE = "usage: deputy-sidecar prepare | run"


def main() -> int:
    """Run the command that the arguments name; return the process's exit status."""
    log.configure(os.environ.get("DEPUTY_LOG_LEVEL", "info"))
    command = sys.argv[1:]
    if command not in (["prepare"], ["run"]):
        sys.stderr.write(f"{_USAGE}\n")
        return 2
    try:
        workspace = workspace_from_environment(os.environ.get("DEPUTY_WORKSPACE", "{}"))
    except ValueError as error:
        return _fail(f"DEPUTY_WORKSPACE is not what the operator writes there: {error}.")
    return _prepare(workspace) if command == ["prepare"] else _run(workspace)


# What one command needs the other does not load: the sidecar has to stay small.


def _prepare(workspace: Workspace) -> int:
    from deputy_sidecar.prepare import prepare  # noqa: PLC0415

    # The first process of a container gets no signal that it does not ask for.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(_TERMINATED))
    try:
        asyncio.run(prepare(workspace, paths_from()))
    except PrepareFailed as error:
        return _fail(str(error))
    except (GitFailed, OSError) as error:
        return _fail(
            f"The workspace of run {workspace.run_name} cannot be prepared: {error}. "
            "Look at the log of its container `prepare`."
        )
    return 0


def _run(workspace: Workspace) -> int:
    from deputy_sidecar.sidecar import Sidecar  # noqa: PLC0415

    async def serve() -> None:
        await Sidecar(workspace, paths_from()).run()

    try:
        asyncio.run(serve())
    except LinkBroken as error:
        return _fail(f"{error}.")
    return 0


def _fail(sentence: str) -> int:
    """Say what is wrong where the operator and `kubectl logs` find it."""
    sys.stderr.write(f"{sentence}\n")
    with contextlib.suppress(OSError):
        _TERMINATION_LOG.write_text(sentence)
    return 1


if __name__ == "__main__":
    sys.exit(main())
