"""The tools of each agent for what a script wants done. Pure.

Gemini CLI has a tool for each act. For all others everything is a command of their shell: their
file tools want absolute paths, which a script cannot know.
"""

import dataclasses
import shlex
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

from deputy_simulator.model.script import Act, Call

_PYTHON_EDIT = """\
import pathlib, sys
path, old, new = sys.argv[1:]
file = pathlib.Path(path)
text = file.read_text()
sys.exit("old text not found") if old not in text else file.write_text(text.replace(old, new, 1))
"""


@dataclasses.dataclass(frozen=True, slots=True)
class ToolUse:
    """One use of a tool as it goes over the wire."""

    name: str
    input: dict[str, Any]


def tool_use(call: Call, offered: AbstractSet[str]) -> ToolUse:
    """Return the tool that does what `call` wants, among those that the agent offers."""
    if call.act is None:
        return ToolUse(call.name, dict(call.input))
    if "run_shell_command" in offered or not offered & _SHELLS.keys():
        return _of_gemini(call.act, call)
    shell = next(name for name in _SHELLS if name in offered)
    return ToolUse(shell, _SHELLS[shell](_command(call.act, call), str(call.input.get("why", ""))))


def _of_gemini(act: Act, call: Call) -> ToolUse:
    given = call.input
    match act:
        case Act.READ:
            return ToolUse("read_file", {"file_path": given["path"]})
        case Act.EDIT:
            change = {"old_string": given["old"], "new_string": given["new"]}
            what = {"file_path": given["path"], "instruction": f"Correct {given['path']}"}
            return ToolUse("replace", what | change)
        case Act.WRITE:
            return ToolUse("write_file", {"file_path": given["path"], "content": given["text"]})
        case Act.SHELL:
            what = {"command": given["command"], "description": given.get("why", "")}
            return ToolUse("run_shell_command", what)


def _command(act: Act, call: Call) -> str:
    given = {name: shlex.quote(str(value)) for name, value in call.input.items()}
    match act:
        case Act.READ:
            return f"cat {given['path']}"
        case Act.EDIT:
            script = shlex.quote(_PYTHON_EDIT)
            return f"python3 -c {script} {given['path']} {given['old']} {given['new']}"
        case Act.WRITE:
            return f"printf %s {given['text']} > {given['path']}"
        case Act.SHELL:
            return str(call.input["command"])


def _described(command: str, why: str) -> dict[str, Any]:
    return {"command": command, "description": why}


def _short(command: str, _why: str) -> dict[str, Any]:
    return {"cmd": command}


def _listed(command: str, _why: str) -> dict[str, Any]:
    return {"command": ["bash", "-lc", command]}


#: The shell of each agent, and how it wants its command.
_SHELLS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "Bash": _described,  # Claude Code
    "bash": _described,  # OpenCode
    "exec_command": _short,  # Codex
    "shell": _listed,  # older Codex
}
