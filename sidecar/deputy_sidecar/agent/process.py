"""The agent's process as a conversation wants it: what to run, to feed and to signal."""

from deputy_sidecar.desired import InputLine, ProcessRun, ProcessSignal


class AgentProcess:
    """The process that is wanted, run after run. Numbers only grow, across all runs."""

    def __init__(self) -> None:
        self.run: ProcessRun | None = None
        """The run that is wanted, or was wanted last."""
        self.is_wanted = False
        """Whether the run is to be, or is, and has not ended."""
        self.lines: list[InputLine] = []
        """What was written for its stdin and is not known to have been fed."""
        self.signal: ProcessSignal | None = None
        """The last signal that is wanted."""
        self.command = ""
        self._last_line = 0
        self._last_signal = 0
        self._started = 0

    @property
    def has_input(self) -> bool:
        """Whether the run reads lines."""
        return self.run is not None and self.run.has_input

    def start(self, prompt: str, *, has_input: bool) -> None:
        """Want a new run; one that goes on is killed, for there is room for one only."""
        if self.is_wanted:
            self.kill("KILL")
        number = self.run.number + 1 if self.run else 1
        self.run, self.is_wanted = ProcessRun(number, prompt, has_input), True

    def send(self, text: str) -> None:
        """Want a line on the run's stdin; an empty one closes it."""
        if self.run is not None and self.is_wanted:
            self._last_line += 1
            self.lines.append(InputLine(self._last_line, self.run.number, text))

    def kill(self, name: str) -> None:
        """Want a signal to the run."""
        if self.run is not None:
            self._last_signal += 1
            self.signal = ProcessSignal(self._last_signal, self.run.number, name)

    def forget_fed(self, number: int) -> None:
        """Drop the lines up to `number`: they were fed."""
        self.lines = [line for line in self.lines if line.number > number]

    def started(self, run: int, command: str) -> bool:
        """Note that a run was started; say whether that is new, and wanted."""
        if self.run is None or run != self.run.number or run <= self._started:
            return False
        self._started, self.command = run, command
        if not self.is_wanted:
            # It was withdrawn when its order was already under way.
            self.is_wanted = True
            self.kill("KILL")
            return False
        return True

    def exited(self, run: int) -> bool:
        """Note that a run ended; say whether it was the one that is wanted."""
        if self.run is None or run != self.run.number or not self.is_wanted:
            return False
        self.is_wanted = False
        return True

    def withdraw_unstarted(self) -> bool:
        """Withdraw a run that was not started yet; say whether one is left to be ended."""
        if self.run is None or self._started < self.run.number:
            self.is_wanted = False
        return self.is_wanted
