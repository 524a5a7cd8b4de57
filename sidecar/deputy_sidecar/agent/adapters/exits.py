"""What the end of an agent's process means, in words."""

import signal

from deputy.wire import Outcome
from deputy_sidecar.agent.adapters.model import ProcessExit, TurnEnded
from deputy_sidecar.sanitising import truncate

_NOT_EXECUTABLE, _NOT_FOUND, _SIGNALLED = 126, 127, 128
_MAX_TAIL = 2_000


def failure_of(exit_: ProcessExit, *, last_words: str = "") -> TurnEnded:
    """Return the failed turn that an unwelcome exit makes; `last_words` are the agent's own."""
    if exit_.code in (_NOT_EXECUTABLE, _NOT_FOUND) and not last_words:
        return TurnEnded(Outcome.FAILED, "AgentNotStarted", _not_started(exit_))
    if _SIGNALLED < exit_.code < _SIGNALLED + 65:
        return TurnEnded(Outcome.FAILED, "AgentKilled", _killed(exit_))
    text = f"The agent `{exit_.command}` ended with exit status {exit_.code} in mid-work."
    return TurnEnded(Outcome.FAILED, "AgentFailed", text + _last_lines(last_words, exit_.stderr))


def _not_started(exit_: ProcessExit) -> str:
    fact = "was not found" if exit_.code == _NOT_FOUND else "is not executable"
    return (
        f"The agent cannot be started: `{exit_.command}` {fact} in the agent's image. "
        "Correct spec.agent.command of the Blueprint, or install the program in "
        f"spec.agent.image.{_last_lines(exit_.stderr)}"
    )


def _killed(exit_: ProcessExit) -> str:
    number = exit_.code - _SIGNALLED
    name = next((one.name for one in signal.Signals if one.value == number), "unknown")
    hint = (
        " If it was short of memory, raise spec.workspace.resources.limits.memory of the Blueprint."
        if number == signal.SIGKILL
        else ""
    )
    return f"The agent was killed by signal {number} ({name}).{hint}{_last_lines(exit_.stderr)}"


def _last_lines(*texts: str) -> str:
    """Return the last lines that were written, for those who look for the cause."""
    shown = [text.strip()[-_MAX_TAIL:] for text in texts if text.strip()]
    return "".join(f"\n\nIts last lines:\n```\n{truncate(text, _MAX_TAIL)}\n```" for text in shown)
