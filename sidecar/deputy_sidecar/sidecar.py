"""The sidecar's process: brings the world up to what the conversation wishes.

Whatever happens is recorded first, then folded into the conversation, then acted upon. After a
restart the records are folded again and the same wishes stand; who fulfils them knows them by
their numbers.
"""

import asyncio
import contextlib
import signal
from typing import Any

from deputy.wire import Message, Workspace
from deputy_sidecar import log
from deputy_sidecar.agent.adapters.acp import AcpAdapter
from deputy_sidecar.agent.adapters.exec import ExecAdapter
from deputy_sidecar.agent.adapters.model import Adapter
from deputy_sidecar.agent.conversation import MAX_OUTPUT, Conversation
from deputy_sidecar.agent.frames import LineCutter
from deputy_sidecar.agent.link import Link
from deputy_sidecar.agent.profiles import profile_named
from deputy_sidecar.desired import Job
from deputy_sidecar.git.command import GitFailed
from deputy_sidecar.git.repository import Delivery
from deputy_sidecar.git.save import save
from deputy_sidecar.journal import (
    Elapsed,
    Entry,
    Input,
    ProcessExited,
    ProcessStarted,
    Received,
    Saved,
    SidecarStarted,
    Terminating,
)
from deputy_sidecar.paths import Places
from deputy_sidecar.relay.client import Channel, address_of
from deputy_sidecar.relay.outbox import Outbox
from deputy_sidecar.relay.sync import Sender, poll

#: The kubelet kills us 20 seconds after it has asked us to go.
_SAVE_SECONDS = 14.0
_LAST_WORDS_SECONDS = 3.0

#: Where even an agent that writes no lines is not listened to any more.
_MAX_KEPT = MAX_OUTPUT + 64 * 1024 * 1024

#: How long to wait to be asked to go once the agent's container may end.
_LINGER_SECONDS = 60.0


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

    def __init__(self, workspace: Workspace, places: Places) -> None:
        self._workspace = workspace
        self._address = address_of(workspace.relay_url, workspace.relay_ca, places.token_file)
        self._outbox = Outbox(places.outbox)
        self._conversation = Conversation(workspace, adapter_of(workspace))
        self._delivery = Delivery(workspace, places.outbox, places.repository, places.token_file)
        self._sender = Sender(Channel(self._address), self._outbox)
        self._link = Link(places.link)
        self._cutter = LineCutter()
        self._ready = self._base_known = False
        self._ordered = self._started = self._exited = self._fed = self._sent = 0
        self._signalled = 0
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._job: tuple[int, asyncio.Task[None]] | None = None
        self._sigterm = asyncio.Event()
        self._leave = asyncio.Event()
        self._settled = asyncio.Event()
        self._ended = False

    async def run(self) -> None:
        """Serve until the run is over and told, or the pod is taken away."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._asked_to_go)
        self._remember()
        async with asyncio.TaskGroup() as tasks:
            broken = tasks.create_task(self._noticing_failure(loop))
            serving = [broken, tasks.create_task(self._sender.run())]
            await self._begin()
            serving.append(tasks.create_task(self._poll()))
            await self._until_the_end()
            for task in serving:
                task.cancel()
            self._stop_everything()

    def _remember(self) -> None:
        """Fold what earlier lives have recorded."""
        talk = self._conversation
        for entry in self._outbox.entries():
            for data in self._outbox.frames.until(entry.at):
                talk.read(data)
            talk.take(entry.input)
            self._sender.add(talk.fetch())
        self._read()
        if not talk.over:
            self._record(SidecarStarted())

    async def _begin(self) -> None:
        self._happened()
        code = self._link.exit_code(self._started) if self._started > self._exited else None
        if code is not None:
            self._process_exited(self._started, code)
        self._link.listen(self._output, self._happened)
        self._reconcile()
        if self._workspace.repository_url:
            try:
                await self._delivery.remember_start()
            except GitFailed as error:
                # It is tried again, and told, when there is something to save.
                log.warning("the clone cannot be read", error=str(error))
        self._base_known = True
        self._reconcile()

    def _asked_to_go(self) -> None:
        self._sigterm.set()
        self._leave.set()

    async def _poll(self) -> None:
        await poll(Channel(self._address), lambda: self._conversation.last_message, self._received)

    async def _until_the_end(self) -> None:
        """Return when there is nothing left to do in this pod, or no time to do it."""
        await self._leave.wait()
        if self._conversation.over:
            await _within(_LINGER_SECONDS, self._sender.drained())
            # Who leaves before the agent's container has ended is started again.
            await _within(_LINGER_SECONDS, self._sigterm.wait())
            return
        log.info("the pod is being ended")
        self._take(Terminating(gone=True))
        await _within(_SAVE_SECONDS, self._settled.wait())
        if (job := self._conversation.job) is not None:
            text = "The work could not be saved before the workspace was taken away."
            self._take(Saved(job.number, reason="PushRejected", message=text))
        await _within(_LAST_WORDS_SECONDS, self._sender.drained())

    async def _noticing_failure(self, loop: asyncio.AbstractEventLoop) -> None:
        """Raise what a callback raised: a sidecar that is wrong must not go on half."""
        failed: asyncio.Future[None] = loop.create_future()

        def notice(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            if not failed.done():
                failed.set_exception(context.get("exception") or RuntimeError(context["message"]))

        loop.set_exception_handler(notice)
        await failed

    def _record(self, happened: Input) -> None:
        self._outbox.record(Entry(self._conversation.consumed, happened))
        self._conversation.take(happened)

    def _take(self, happened: Input) -> None:
        self._record(happened)
        self._reconcile()

    def _received(self, message: Message) -> None:
        log.info("message", id=message.id, kind=message.kind)
        self._link.bound_stderr()
        self._take(Received(message.id, message.kind, message.text))

    def _output(self) -> None:
        """The agent wrote something."""
        if self._conversation.consumed > _MAX_KEPT:
            # It was told to end long before; what it still writes stays where it is.
            asyncio.get_running_loop().remove_reader(self._link.out)
            return
        self._outbox.frames.move(self._link.out)
        self._read()
        self._reconcile()

    def _read(self) -> None:
        for data in self._outbox.frames.fresh():
            self._conversation.read(data)

    def _happened(self) -> None:
        """The shim said something."""
        while self._outbox.happened.move(self._link.events):
            pass
        for data in self._outbox.happened.fresh():
            for line in self._cutter.cut(data):
                self._heard(line.decode(errors="replace").split())
        self._reconcile()

    def _heard(self, words: list[str]) -> None:
        try:
            self._note(words)
        except ValueError:
            # The agent can write there too.
            log.warning("the shim says what it should not")

    def _note(self, words: list[str]) -> None:
        match words:
            case ["ready"]:
                self._ready = True
            case ["started", run, *command]:
                self._started = max(self._started, int(run))
                self._record(ProcessStarted(int(run), " ".join(command)[:200]))
            case ["fed", number]:
                self._fed = max(self._fed, int(number))
            case ["exited", run, code]:
                self._process_exited(int(run), int(code))
            case ["terminating"]:
                self._record(Terminating(gone=False))
            case _:
                raise ValueError(words)

    def _process_exited(self, run: int, code: int) -> None:
        # All that it wrote comes before its end.
        while self._outbox.frames.move(self._link.out):
            pass
        self._read()
        log.info("the agent's process ended", run=run, code=code)
        self._exited = max(self._exited, run)
        self._link.bound_stderr()
        self._record(ProcessExited(run, code, self._link.stderr()))

    def _reconcile(self) -> None:
        """Bring the world up to the conversation's wishes."""
        talk = self._conversation
        self._sender.add(talk.fetch())
        self._order_run()
        self._send_lines()
        self._send_signal()
        self._set_timers()
        self._set_job(talk.job)
        if talk.over and not self._ended:
            self._ended = True
            self._link.end(talk.exit_code)
            self._leave.set()
        if talk.terminated:
            self._settled.set()
        else:
            self._settled.clear()

    def _order_run(self) -> None:
        run = self._conversation.process.run
        wanted = self._conversation.process.is_wanted and self._ready and self._base_known
        if run is not None and wanted and run.number > max(self._ordered, self._started):
            self._ordered = run.number
            self._link.start(run.number, run.prompt, has_input=run.has_input)

    def _send_lines(self) -> None:
        process = self._conversation.process
        process.forget_fed(self._fed)
        self._sent = max(self._sent, self._fed)
        for line in process.lines:
            if line.number > self._sent and line.run == self._started:
                self._sent = line.number
                self._link.send(line.run, line.number, line.text)

    def _send_signal(self) -> None:
        wanted = self._conversation.process.signal
        if wanted is None or wanted.number <= self._signalled or wanted.run != self._started:
            return
        self._signalled = wanted.number
        if self._started > self._exited:
            self._link.signal(wanted.name)

    def _set_timers(self) -> None:
        wanted = {timer.number: timer.seconds for timer in self._conversation.timers.values()}
        for number in [number for number in self._timers if number not in wanted]:
            self._timers.pop(number).cancel()
        loop = asyncio.get_running_loop()
        for number, seconds in wanted.items():
            if number not in self._timers:
                self._timers[number] = loop.call_later(seconds, self._take, Elapsed(number))

    def _set_job(self, job: Job | None) -> None:
        if self._job is not None and (job is None or job.number != self._job[0]):
            self._job[1].cancel()
            self._job = None
        if job is not None and self._job is None:
            task = asyncio.create_task(self._work_off(job))
            task.add_done_callback(_notice)
            self._job = (job.number, task)

    async def _work_off(self, job: Job) -> None:
        channel = Channel(self._address)
        try:
            saved = await save(job, self._workspace, self._delivery, channel)
        finally:
            channel.close()
        self._job = None
        self._take(saved)

    def _stop_everything(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        if self._job is not None:
            self._job[1].cancel()
        self._link.close()
        self._outbox.close()


def _notice(task: asyncio.Task[None]) -> None:
    """Let a task that nobody waits for end the process with its error, not in silence."""
    if not task.cancelled() and (error := task.exception()) is not None:
        context = {"message": "a job failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)


async def _within(seconds: float, what: Any) -> None:
    """Wait for `what`, but not longer than `seconds`."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(what, seconds)
