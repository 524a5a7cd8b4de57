"""The sidecar's process: brings the world up to what the conversation wants.

Whatever happens is recorded first, then folded into the conversation, then acted upon. After a
restart the records are folded again and the same things are wanted; who does them knows them by
their numbers.
"""

import asyncio
import functools
import signal
from typing import Any

from deputy.wire import Message, Workspace
from deputy_sidecar import log
from deputy_sidecar.agent.adapters.acp import AcpAdapter
from deputy_sidecar.agent.adapters.exec import ExecAdapter
from deputy_sidecar.agent.adapters.model import Adapter
from deputy_sidecar.agent.conversation import Conversation
from deputy_sidecar.agent.link import AgentLink
from deputy_sidecar.agent.listener import AgentListener
from deputy_sidecar.agent.profiles import profile_named
from deputy_sidecar.agent.reconciler import ProcessReconciler
from deputy_sidecar.agent.recorder import Recorder
from deputy_sidecar.agent.shim import ShimState
from deputy_sidecar.agent.spliced_file import SplicedFile
from deputy_sidecar.agent.timers import Timers
from deputy_sidecar.git.repository import OutboxRepository
from deputy_sidecar.git.save import SaveRunner
from deputy_sidecar.journal import Input, Received, SidecarStarted
from deputy_sidecar.paths import Paths
from deputy_sidecar.relay.client import RelayClient, address_of
from deputy_sidecar.relay.outbox import Outbox
from deputy_sidecar.relay.sync import EventSender, poll_inbox
from deputy_sidecar.shutdown import Shutdown


def adapter_of(workspace: Workspace) -> Adapter:
    """Return the adapter for the agent's protocol; raise `ValueError` for one we do not speak."""
    match workspace.protocol:
        case "ACP":
            return AcpAdapter(profile_named(workspace.profile))
        case "Exec":
            return ExecAdapter()
        case _:
            raise ValueError(f"protocol {workspace.protocol} is not spoken by this sidecar")


class Sidecar:
    """One life of the sidecar's process."""

    def __init__(self, workspace: Workspace, paths: Paths) -> None:
        connect = functools.partial(
            RelayClient, address_of(workspace.relay_url, workspace.relay_ca, paths.token_file)
        )
        # What is on the disk, and what it is folded into.
        self._outbox = Outbox(paths.outbox)
        self._output = SplicedFile(paths.agent_output)
        self._events = SplicedFile(paths.shim_events)
        self._conversation = Conversation(workspace, adapter_of(workspace))
        # The relay.
        self._inbox = connect()
        self._sender = EventSender(connect(), self._outbox)
        self._recorder = Recorder(
            self._conversation, self._output, self._outbox.record, self._sender.add
        )
        # The agent: what is heard of it, and what it is told.
        shim = ShimState()
        self._link = AgentLink(paths.link)
        self._listener = AgentListener(
            self._link, self._events, shim, self._recorder, self._reconcile
        )
        self._process = ProcessReconciler(self._conversation.process, shim, self._link)
        # What else the conversation wants.
        self._timers = Timers(self._take)
        self._saves = SaveRunner(workspace, OutboxRepository(workspace, paths), connect, self._take)
        self._shutdown = Shutdown(self._conversation, self._sender, self._take)

    async def run(self) -> None:
        """Serve until the run is over and told, or the pod is taken away."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._shutdown.request)
        self._replay()
        async with asyncio.TaskGroup() as tasks:
            serving = [
                tasks.create_task(_raise_from_callbacks(loop)),
                tasks.create_task(self._sender.run()),
            ]
            await self._begin()
            serving.append(tasks.create_task(self._poll()))
            await self._shutdown.wait()
            for task in serving:
                task.cancel()
            self._close()

    def _replay(self) -> None:
        """Fold what earlier lives have recorded, and begin another."""
        self._recorder.replay(self._outbox.entries())
        if not self._conversation.is_over:
            self._recorder.take(SidecarStarted())

    async def _begin(self) -> None:
        self._listener.catch_up()
        self._listener.listen()
        self._reconcile()
        # The agent begins when it is known where it begins.
        await self._saves.remember_start()
        self._process.allow_start()
        self._reconcile()

    async def _poll(self) -> None:
        await poll_inbox(self._inbox, self._last_message_id, self._received)

    def _last_message_id(self) -> str:
        return self._conversation.last_message_id

    def _received(self, message: Message) -> None:
        log.info("message", id=message.id, kind=message.kind)
        self._link.bound_stderr()
        self._take(Received(message.id, message.kind, message.text))

    def _take(self, item: Input) -> None:
        self._recorder.take(item)
        self._reconcile()

    def _reconcile(self) -> None:
        """Bring the world up to what the conversation wants now."""
        conversation = self._conversation
        self._process.reconcile()
        self._timers.reconcile(conversation.timers.values())
        self._saves.reconcile(conversation.job)
        if conversation.is_over:
            self._process.end(conversation.exit_code)
        self._shutdown.reconcile()

    def _close(self) -> None:
        self._timers.cancel()
        self._saves.cancel()
        for file in (self._link, self._output, self._events, self._outbox):
            file.close()


async def _raise_from_callbacks(loop: asyncio.AbstractEventLoop) -> None:
    """Raise what a callback raised: a sidecar that is wrong must not go on half."""
    failed: asyncio.Future[None] = loop.create_future()

    def notice(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not failed.done():
            failed.set_exception(context.get("exception") or RuntimeError(context["message"]))

    loop.set_exception_handler(notice)
    await failed
