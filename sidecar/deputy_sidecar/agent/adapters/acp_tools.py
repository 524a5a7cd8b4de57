"""One tool call of an ACP agent, gathered from its updates, and the event that it makes."""

import dataclasses
import difflib
import re
from typing import Any

from deputy.wire import ToolFinished
from deputy_sidecar.agent.adapters.model import REPOSITORY
from deputy_sidecar.sanitising import MAX_PARAMETER, MAX_RESULT, one_line, truncate

#: What a tool of a kind did, and what it failed to do.
_VERBS = {
    "edit": ("Edited", "edit"),
    "delete": ("Deleted", "delete"),
    "move": ("Moved", "move"),
    "execute": ("Ran", "run"),
    "fetch": ("Fetched", "fetch"),
    "read": ("Read", "read"),
    "search": ("Searched", "search"),
}
_USED = ("Used", "use")

#: Kinds that are told together, unless they fail.
QUIET = frozenset({"read", "search", "think", "switch_mode"})

#: Longest texts of which the lines that changed are counted, in lines.
_MAX_COMPARED = 2_000

#: How deep in a tool's raw output a text is looked for.
_MAX_DEPTH = 20

_FENCE = re.compile(r"\A```[a-z]*\n(?P<inside>.*)\n```\s*\Z", re.DOTALL)
_MCP_NAME = re.compile(r"\Amcp__(?P<server>.+?)__(?P<tool>.+)\Z")


@dataclasses.dataclass(slots=True)
class ToolCall:
    """What is known of a call so far."""

    name: str = ""
    title: str = ""
    kind: str = ""
    status: str = ""
    raw_input: dict[str, Any] = dataclasses.field(default_factory=dict)
    content: list[Any] = dataclasses.field(default_factory=list)
    locations: list[Any] = dataclasses.field(default_factory=list)
    raw_output: Any = None
    output: str = ""
    exit_code: int | None = None

    def update(self, update: dict[str, Any]) -> None:
        """Take over what an update says; what it leaves out stays."""
        for field, key in (("name", "name"), ("title", "title"), ("kind", "kind")):
            if isinstance(update.get(key), str) and update[key]:
                setattr(self, field, update[key])
        self.status = str(update.get("status") or self.status)
        if isinstance(update.get("rawInput"), dict) and update["rawInput"]:
            self.raw_input = update["rawInput"]
        if isinstance(update.get("content"), list):
            self.content = update["content"]
        if isinstance(update.get("locations"), list):
            self.locations = update["locations"]
        self.raw_output = update.get("rawOutput", self.raw_output)
        self._terminal(update.get("_meta"))

    def _terminal(self, meta: Any) -> None:
        """Take over what an agent with a terminal of its own (Codex) says beside the protocol."""
        if not isinstance(meta, dict):
            return
        delta, ended = meta.get("terminal_output_delta"), meta.get("terminal_exit")
        if isinstance(delta, dict):
            self.output = (self.output + str(delta.get("data", "")))[-4 * MAX_RESULT :]
        if isinstance(ended, dict) and isinstance(ended.get("exit_code"), int):
            self.exit_code = ended["exit_code"]

    def is_called(self, pattern: re.Pattern[str] | None) -> bool:
        """Say whether the tool's name or title is one of `pattern`'s."""
        return pattern is not None and any(map(pattern.match, (self.name, self.title)))

    @property
    def failed(self) -> bool:
        """Whether the call ended badly."""
        return self.status == "failed"

    def event(self) -> ToolFinished:
        """Return the one event that the finished call makes."""
        done, infinitive = _USED if self._mcp_name() else _VERBS.get(self.kind, _USED)
        action = f"Failed to {infinitive}" if self.failed else done
        return ToolFinished(action, self.parameter(), self.result())

    def parameter(self) -> str:
        """Return the noun: a path, a command, an address, a tool."""
        if name := self._mcp_name():
            return name
        if self.kind in ("edit", "delete", "move", "read") and (path := self._path()):
            return path
        for key in ("command", "url", "query", "pattern") if self.kind else ():
            if isinstance(self.raw_input.get(key), str):
                return one_line(self.raw_input[key], MAX_PARAMETER)
        return one_line(self.title or self.name or self.kind or "a tool", MAX_PARAMETER)

    def _mcp_name(self) -> str:
        if name := _MCP_NAME.match(self.name):
            return f"{name['server']}.{name['tool']}"
        server, tool = self.raw_input.get("server"), self.raw_input.get("tool")
        return f"{server}.{tool}" if isinstance(server, str) and isinstance(tool, str) else ""

    def _path(self) -> str:
        for item in (*self.content, *self.locations):
            if isinstance(item, dict) and isinstance(item.get("path"), str):
                return relative(item["path"])
        return ""

    def result(self) -> str:
        """Return what the call brought, bounded: what an edit changed, what a command wrote."""
        if self.kind == "edit" and not self.failed:
            return changed_lines(self.content)
        text = truncate(self.output or self._text() or _plain(self.raw_output), MAX_RESULT)
        if self.exit_code:
            return f"exit status {self.exit_code}\n{text}"
        return text

    def _text(self) -> str:
        parts = [_block_text(item.get("content")) for item in self.content if _is_content(item)]
        text = "\n".join(part for part in parts if part)
        # Before a command's output there is its description, in the same place.
        if self.kind == "execute" and not _FENCE.match(text) and self.raw_output is not None:
            return ""
        fenced = _FENCE.match(text)
        return fenced["inside"] if fenced else text


def relative(path: str) -> str:
    """Return a path of the clone as seen from its root."""
    for root in (REPOSITORY, "/workspace"):
        if path.startswith(f"{root}/"):
            return path.removeprefix(f"{root}/")
    return path


def changed_lines(content: list[Any]) -> str:
    """Return how many lines the diffs among `content` add and remove, as in `+3 -1`."""
    added = removed = 0
    for item in content:
        if not isinstance(item, dict) or item.get("type") != "diff":
            continue
        old = str(item.get("oldText") or "").splitlines()
        new = str(item.get("newText") or "").splitlines()
        if max(len(old), len(new)) > _MAX_COMPARED:
            return ""
        for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new).get_opcodes():
            if tag != "equal":
                removed, added = removed + b - a, added + d - c
    return f"+{added} -{removed}" if added or removed else ""


def _is_content(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "content"


def _block_text(block: Any) -> str:
    text = block.get("text") if isinstance(block, dict) else None
    return text if isinstance(text, str) else ""


def _plain(output: Any, depth: int = 0) -> str:
    """Return the text in a tool's raw output, of which the protocol says nothing."""
    if depth > _MAX_DEPTH:
        return ""
    match output:
        case str():
            return output
        case [*items]:
            return "\n".join(text for item in items if (text := _plain(item, depth + 1)))
        case {"text": str(text)} | {"stdout": str(text)} | {"output": str(text)}:
            return text
        case {"content": inner} | {"result": inner}:
            return _plain(inner, depth + 1)
        case _:
            return ""
