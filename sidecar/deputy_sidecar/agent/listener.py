"""Hear the agent and its shim, and have what they say recorded in the order of its causes."""

import asyncio
from collections.abc import Callable
from typing import assert_never

from deputy_sidecar import log
from deputy_sidecar.agent.frames import MAX_OUTPUT, LineSplitter
from deputy_sidecar.agent.link import AgentLink
from deputy_sidecar.agent.recorder import Recorder
from deputy_sidecar.agent.shim import (
    LineFed,
    RunExited,
    RunStarted,
    ShimEvent,
    ShimReady,
    ShimState,
    ShimTerminating,
    parse,
)
from deputy_sidecar.agent.spliced_file import SplicedFile
from deputy_sidecar.journal import ProcessExited, ProcessStarted, Terminating

#: Where even an agent that writes no lines is not listened to any more.
_MAX_KEPT = MAX_OUTPUT + 64 * 1024 * 1024


class AgentListener:
    """Listens to the agent's stdout and to the shim's events; `changed` is called after each."""

    def __init__(
        self,
        link: AgentLink,
        events: SplicedFile,
        shim: ShimState,
        recorder: Recorder,
        changed: Callable[[], None],
    ) -> None:
        self._link = link
        self._events = events
        self._shim = shim
        self._recorder = recorder
        self._changed = changed
        self._splitter = LineSplitter()

    def catch_up(self) -> None:
        """Take what the shim said to earlier lives, or while there was none."""
        self._read_events()
        code = self._link.exit_code(self._shim.started) if self._shim.is_running else None
        if code is not None:
            self._take(RunExited(self._shim.started, code))

    def listen(self) -> None:
        """Listen from now on."""
        self._link.listen(self._output_ready, self._events_ready)

    def _output_ready(self) -> None:
        if self._recorder.consumed > _MAX_KEPT:
            # It was told to end long before; what it still writes stays where it is.
            asyncio.get_running_loop().remove_reader(self._link.out)
            return
        self._recorder.read(self._link.out)
        self._changed()

    def _events_ready(self) -> None:
        self._read_events()
        self._changed()

    def _read_events(self) -> None:
        while self._events.move(self._link.events):
            pass
        for data in self._events.unread():
            for line in self._splitter.split(data):
                self._read_event(line)

    def _read_event(self, line: bytes) -> None:
        try:
            event = parse(line)
        except ValueError:
            # The agent can write there too.
            log.warning("the shim says what it should not")
        else:
            self._take(event)

    def _take(self, event: ShimEvent) -> None:
        self._shim.observe(event)
        match event:
            case RunStarted(run, command):
                self._recorder.take(ProcessStarted(run, command))
            case RunExited(run, code):
                self._exited(run, code)
            case ShimTerminating():
                self._recorder.take(Terminating(gone=False))
            case ShimReady() | LineFed():
                pass
            case _:
                assert_never(event)

    def _exited(self, run: int, code: int) -> None:
        # All that it wrote comes before its end.
        self._recorder.drain(self._link.out)
        log.info("the agent's process ended", run=run, code=code)
        self._link.bound_stderr()
        self._recorder.take(ProcessExited(run, code, self._link.stderr()))
