"""What the init container does: the link to the agent, and the clone that it works in."""

import asyncio
import contextlib
import os
import time

from deputy.wire import GitToken, Workspace
from deputy_sidecar import log
from deputy_sidecar.agent.link import make_link
from deputy_sidecar.backoff import Backoff
from deputy_sidecar.errors import PrepareFailed, RelayError, RelayRefused
from deputy_sidecar.git.clone import Clone
from deputy_sidecar.paths import Paths
from deputy_sidecar.relay.client import RelayClient, address_of

#: How long the relay may be away, which is ours and comes back.
_RELAY_SECONDS = 300.0
_FIRST_DELAY, _LONGEST_DELAY = 1.0, 10.0


async def prepare(workspace: Workspace, paths: Paths) -> None:
    """Prepare the workspace; doing it again keeps what is there. Raise `PrepareFailed`."""
    os.umask(0o002)
    make_link(paths.link)
    (paths.root / "home").mkdir(exist_ok=True)
    if not workspace.repository_url:
        paths.repository.mkdir(exist_ok=True)
        return
    if (paths.repository / ".git").exists():
        log.info("the clone is there already", repository=workspace.repository_url)
        return
    token, no_token_because = await _token(workspace, paths)
    await Clone(workspace, paths, token, no_token_because).make()
    log.info("cloned", repository=workspace.repository_url, branch=workspace.branch)


async def _token(workspace: Workspace, paths: Paths) -> tuple[GitToken | None, str]:
    """Return the forge's token, or why there is none: a public repository needs none."""
    address = address_of(workspace.relay_url, workspace.relay_ca, paths.token_file)
    backoff, give_up = Backoff(_FIRST_DELAY, _LONGEST_DELAY), time.monotonic() + _RELAY_SECONDS
    while True:
        try:
            with contextlib.closing(RelayClient(address)) as client:
                return await client.git_token(), ""
        except (RelayError, OSError) as error:
            if isinstance(error, RelayRefused) and error.has_no_token:
                return None, error.message
            log.warning("the relay gave no git token", error=str(error))
            if time.monotonic() > give_up:
                raise _not_reached(workspace, error) from error
            await asyncio.sleep(backoff.delay())


def _not_reached(workspace: Workspace, error: Exception) -> PrepareFailed:
    return PrepareFailed(
        f"The workspace cannot get a credential for {workspace.repository_url}: {error}. "
        "See that the operator runs and that a NetworkPolicy lets the workspace reach its relay."
    )
