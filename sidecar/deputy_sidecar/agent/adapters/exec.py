"""Any program: it is started for each prompt, its lines are progress, its exit status decides."""

from deputy.wire import Outcome, Thought
from deputy_sidecar.agent.adapters.exits import failure_of
from deputy_sidecar.agent.adapters.model import Await, Exit, Launch, Output, TurnEnded
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
        self._untold: list[str] = []
        self._last: list[str] = []
        self._waits = False

    def prompt(self, text: str) -> list[Output]:
        """Start the program; it finds `text` in the file that `DEPUTY_PROMPT_FILE` names."""
        self._untold, self._last, self._waits = [], [], False
        return [Launch(text, has_input=False)]

    def started(self) -> list[Output]:
        """Return nothing: a program may take its time."""
        return []

    def line(self, line: bytes) -> list[Output]:
        """Keep a line until its burst is over or grows too long."""
        text = readable(line)
        if not text.strip():
            return []
        self._last = [*self._last, text][-_LAST_LINES:] if self._untold else [text]
        self._untold.append(text)
        if sum(map(len, self._untold)) > _MAX_BURST:
            return self._tell()
        if self._waits:
            return []
        self._waits = True
        return [Await(_BURST, _BURST_SECONDS)]

    def answer(self, text: str) -> tuple[list[Output], str]:
        """Return the text: a program asks nothing."""
        return [], text

    def cancel(self) -> list[Output]:
        """Return nothing: a program knows signals only."""
        return []

    def elapsed(self, timer: str) -> list[Output]:
        """Tell the burst that is over."""
        return self._tell() if timer == _BURST else []

    def exited(self, ended: Exit) -> list[Output]:
        """End the turn with the lines of the last burst, or with what the program failed of."""
        self._untold = self._untold[:-_LAST_LINES]
        said = "\n".join(self._last)
        if ended.code == 0:
            return [*self._tell(), TurnEnded(Outcome.COMPLETED, "Completed", said)]
        return [*self._tell(), failure_of(ended, said=said)]

    def _tell(self) -> list[Output]:
        body = "\n".join(self._untold)
        self._untold, self._waits = [], False
        return [Await(_BURST, None), *([Thought(body)] if body else [])]


def readable(line: bytes) -> str:
    """Return a line as a person would see it on a terminal: no colours, the last overwrite."""
    text = ESCAPES.sub("", line[: 4 * _MAX_LINE].decode(errors="replace")).rstrip("\r")
    return CONTROLS.sub("", text.rsplit("\r", 1)[-1])[:_MAX_LINE]
