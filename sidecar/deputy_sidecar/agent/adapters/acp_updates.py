"""What an ACP agent does within a turn, as events.

Text that something follows is a thought, the last text is kept for the turn's end. Every
finished tool is told once; reads and searches are told together, before whatever comes next.
"""

from typing import Any

from deputy.wire import MAX_TEXT, PlanChanged, Step, StepStatus, Thought, ToolFinished
from deputy_sidecar.agent.adapters.acp_tools import QUIET, ToolCall
from deputy_sidecar.agent.adapters.model import Output
from deputy_sidecar.agent.profiles import Profile
from deputy_sidecar.sanitising import MAX_RESULT, truncate

_STATUSES = {
    "pending": StepStatus.PENDING,
    "in_progress": StepStatus.IN_PROGRESS,
    "completed": StepStatus.COMPLETED,
    "cancelled": StepStatus.CANCELED,
    "canceled": StepStatus.CANCELED,
}

_ENDED = ("completed", "failed", "cancelled")


class SessionUpdates:
    """The agent's side of one session, turn after turn."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._text = ""
        self._message: str | None = None
        self._interrupted = False
        self._tools: dict[str, ToolCall] = {}
        self._ended: set[str] = set()
        self._files_read: list[str] = []
        self._searches = 0
        self._plan: tuple[Step, ...] = ()

    def begin(self) -> None:
        """Forget what was left of the turn before; tools that still run may yet be told."""
        self._text, self._message, self._interrupted = "", None, False
        self._files_read, self._searches = [], 0

    def update(self, update: dict[str, Any]) -> list[Output]:
        """Take one `session/update`; kinds that are not known change nothing."""
        match update.get("sessionUpdate"):
            case "agent_message_chunk":
                return self._chunk(update)
            case "agent_thought_chunk":
                # Agents without message ids think between two messages.
                self._interrupted = True
                return []
            case "tool_call" | "tool_call_update":
                return self.tool(update)
            case "plan":
                return self._planned(update.get("entries"), "content")
            case _:
                return []

    def _chunk(self, update: dict[str, Any]) -> list[Output]:
        text, message = _text_of(update.get("content")), update.get("messageId")
        if message is None and self._is_noise(text):
            return []
        new = message != self._message if message is not None else self._interrupted
        outputs = self.interrupt() if new and self._text else []
        self._message, self._interrupted = message, False
        self._text = truncate(self._text + text, MAX_TEXT)
        return outputs

    def _is_noise(self, text: str) -> bool:
        noise = self.profile.ignored_text
        return noise is not None and noise.match(text.lstrip()) is not None

    def interrupt(self) -> list[Output]:
        """Something follows the open text: it is a thought."""
        text, self._text = self._text.strip(), ""
        return [*self._roll_up(), Thought(text)] if text else []

    def finish(self) -> tuple[list[Output], str]:
        """Return what is left to tell at a turn's end, and the last text."""
        text, self._text = self._text.strip(), ""
        return self._roll_up(), text

    def tool(self, update: dict[str, Any]) -> list[Output]:
        """Take an update of a tool call, which may be the first that is heard of it."""
        key = str(update.get("toolCallId"))
        if key in self._ended:
            return []
        call = self._tools.setdefault(key, ToolCall())
        call.update(update)
        if update.get("status") not in _ENDED:
            return self.interrupt()
        self._ended.add(key)
        return [*self.interrupt(), *self._finished(self._tools.pop(key))]

    def _finished(self, call: ToolCall) -> list[Output]:
        if call.name in self.profile.plan_tools or call.title in self.profile.plan_tools:
            return self._planned(call.raw_input.get("todos"), "content")
        if call.is_called(self.profile.hidden_tools):
            return []
        if call.kind in QUIET and not call.failed:
            self._roll_in(call)
            return []
        return [*self._roll_up(), call.event()]

    def _roll_in(self, call: ToolCall) -> None:
        if call.kind == "read":
            self._files_read.append(call.parameter())
        elif call.kind == "search":
            self._searches += 1

    def _roll_up(self) -> list[Output]:
        files, searches = self._files_read, self._searches
        self._files_read, self._searches = [], 0
        parts = [_count(len(files), "file", "files"), _count(searches, "search", "searches")]
        parameter = ", ".join(part for part in parts if part)
        if not parameter:
            return []
        names = truncate("\n".join(dict.fromkeys(files)), MAX_RESULT)
        return [ToolFinished("Looked at", parameter, names)]

    def _planned(self, entries: Any, key: str) -> list[Output]:
        entries = entries if isinstance(entries, list) else []
        steps = tuple(
            Step(entry[key], _STATUSES.get(str(entry.get("status")), StepStatus.PENDING))
            for entry in entries
            if isinstance(entry, dict) and isinstance(entry.get(key), str) and entry[key].strip()
        )
        if not steps or steps == self._plan:
            return []
        self._plan = steps
        return [PlanChanged(steps)]


def _count(number: int, singular: str, plural: str) -> str:
    return f"{number} {singular if number == 1 else plural}" if number else ""


def _text_of(content: Any) -> str:
    text = content.get("text") if isinstance(content, dict) else None
    return text if isinstance(text, str) else ""
