"""Bring the agent's process up to what the conversation wants of it."""

from deputy_sidecar.agent.link import AgentLink
from deputy_sidecar.agent.process import AgentProcess
from deputy_sidecar.agent.shim import ShimState


class ProcessReconciler:
    """Orders from the shim what `process` wants and `shim` has not done.

    A later life orders again what is still wanted; the shim knows repetitions by their numbers.
    """

    def __init__(self, process: AgentProcess, shim: ShimState, link: AgentLink) -> None:
        self._process = process
        self._shim = shim
        self._link = link
        self._may_start = False
        self._ordered = self._sent = self._signalled = 0
        self._has_ended = False

    def allow_start(self) -> None:
        """Let runs be started from now on."""
        self._may_start = True

    def reconcile(self) -> None:
        """Order what is wanted now and was not ordered yet."""
        self._order_run()
        self._send_lines()
        self._send_signal()

    def end(self, exit_code: int) -> None:
        """Let the agent's container end, once."""
        if not self._has_ended:
            self._has_ended = True
            self._link.end(exit_code)

    def _order_run(self) -> None:
        run = self._process.run
        wanted = self._process.is_wanted and self._shim.is_ready and self._may_start
        if run is not None and wanted and run.number > max(self._ordered, self._shim.started):
            self._ordered = run.number
            self._link.start(run.number, run.prompt, has_input=run.has_input)

    def _send_lines(self) -> None:
        self._process.forget_fed(self._shim.fed)
        self._sent = max(self._sent, self._shim.fed)
        for line in self._process.lines:
            if line.number > self._sent and line.run == self._shim.started:
                self._sent = line.number
                self._link.send(line.run, line.number, line.text)

    def _send_signal(self) -> None:
        signal = self._process.signal
        if signal is None or signal.number <= self._signalled or signal.run != self._shim.started:
            return
        self._signalled = signal.number
        if self._shim.is_running:
            self._link.signal(signal.name)
