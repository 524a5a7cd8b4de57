"""When the sidecar's process may end, and what it still does before."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from deputy_sidecar import log
from deputy_sidecar.agent.conversation import Conversation
from deputy_sidecar.journal import Saved, Terminating
from deputy_sidecar.relay.sync import EventSender

#: The kubelet kills us 20 seconds after it has asked us to go.
_SAVE_SECONDS = 14.0
_LAST_EVENTS_SECONDS = 3.0

#: How long to wait to be asked to go once the agent's container may end.
_LINGER_SECONDS = 60.0


class Shutdown:
    """Waits for the run to be over, or for the pod to be taken away before it is.

    `take` has the conversation take an input, and everything that follows done.
    """

    def __init__(
        self,
        conversation: Conversation,
        sender: EventSender,
        take: Callable[[Saved | Terminating], None],
    ) -> None:
        self._conversation = conversation
        self._sender = sender
        self._take = take
        self._requested = asyncio.Event()
        self._due = asyncio.Event()
        self._settled = asyncio.Event()

    def request(self) -> None:
        """Note that the pod is being ended: SIGTERM has come."""
        self._requested.set()
        self._due.set()

    def reconcile(self) -> None:
        """Note how far the conversation is."""
        if self._conversation.is_over:
            self._due.set()
        if self._conversation.is_settled:
            self._settled.set()
        else:
            self._settled.clear()

    async def wait(self) -> None:
        """Return when there is nothing left to do in this pod, or no time to do it."""
        await self._due.wait()
        if self._conversation.is_over:
            await _within(_LINGER_SECONDS, self._sender.drained())
            # Who leaves before the agent's container has ended is started again.
            await _within(_LINGER_SECONDS, self._requested.wait())
        else:
            await self._end_early()

    async def _end_early(self) -> None:
        log.info("the pod is being ended")
        self._take(Terminating(gone=True))
        await _within(_SAVE_SECONDS, self._settled.wait())
        if (job := self._conversation.job) is not None:
            text = "The work could not be saved before the workspace was taken away."
            self._take(Saved(job.number, reason="PushRejected", message=text))
        await _within(_LAST_EVENTS_SECONDS, self._sender.drained())


async def _within(seconds: float, awaitable: Awaitable[object]) -> None:
    """Wait for `awaitable`, but not longer than `seconds`."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(awaitable, seconds)
