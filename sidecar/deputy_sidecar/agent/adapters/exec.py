"""Any program: it is started for each prompt, its lines are progress, its exit status decides."""

from deputy.wire import Outcome, Thought
from deputy_sidecar.agent.adapters.exits import failure_of
from deputy_sidecar.agent.adapters.model import (
    Output,
    ProcessExit,
    SetTimer,
    StartProcess,
    TurnEnded,
)
from deputy_sidecar.sanitising import CONTROLS, ESCAPES

#: Lines that come within so many seconds are told together.
_BURST_SECONDS = 2.0
_MAX_BURST = 4_000
_LAST_LINES = 20
_MAX_LINE = 2_000

_BURST = "burst"


class ExecAdapter:
    """The protocol of programs that have none."""

    agent = ""

    def __init__(self) -> None:
        self._unsent: list[str] = []
        self._last: list[str] = []
        self._waits = False

    def prompt(self, text: str) -> list[Output]:
        """Start the program; it finds `text` in the file that `DEPUTY_PROMPT_FILE` names."""
        self._unsent, self._last, self._waits = [], [], False
        return [StartProcess(text, has_input=False)]

    def started(self) -> list[Output]:
        """Return nothing: a program may take its time."""
        return []

    def line(self, line: bytes) -> list[Output]:
        """Keep a line until its burst is over or grows too long."""
        text = readable(line)
        if not text.strip():
            return []
        self._last = [*self._last, text][-_LAST_LINES:] if self._unsent else [text]
        self._unsent.append(text)
        if sum(map(len, self._unsent)) > _MAX_BURST:
            return self._flush()
        if self._waits:
            return []
        self._waits = True
        return [SetTimer(_BURST, _BURST_SECONDS)]

    def answer(self, text: str) -> tuple[list[Output], str]:
        """Return the text: a program asks nothing."""
        return [], text

    def cancel(self) -> list[Output]:
        """Return nothing: a program knows signals only."""
        return []

    def elapsed(self, timer: str) -> list[Output]:
        """Tell the burst that is over."""
        return self._flush() if timer == _BURST else []

    def exited(self, exit_: ProcessExit) -> list[Output]:
        """End the turn with the lines of the last burst, or with what the program failed of."""
        self._unsent = self._unsent[:-_LAST_LINES]
        last_words = "\n".join(self._last)
        if exit_.code == 0:
            return [*self._flush(), TurnEnded(Outcome.COMPLETED, "Completed", last_words)]
        return [*self._flush(), failure_of(exit_, last_words=last_words)]

    def _flush(self) -> list[Output]:
        body = "\n".join(self._unsent)
        self._unsent, self._waits = [], False
        return [SetTimer(_BURST, None), *([Thought(body)] if body else [])]


def readable(line: bytes) -> str:
    """Return a line as a person would see it on a terminal: no colours, the last overwrite."""
    text = ESCAPES.sub("", line[: 4 * _MAX_LINE].decode(errors="replace")).rstrip("\r")
    return CONTROLS.sub("", text.rsplit("\r", 1)[-1])[:_MAX_LINE]
