"""Facts of how acts become uses of an agent's own tools."""

import pathlib
import subprocess

import pytest

from deputy_simulator.model.script import Call, edit, read, shell, write
from deputy_simulator.model.tools import ToolUse, tool_use

GEMINI = {"run_shell_command", "read_file", "replace", "write_file"}


@pytest.mark.parametrize(
    ("call", "use"),
    [
        (read("a.py"), ToolUse("read_file", {"file_path": "a.py"})),
        (
            edit("a.py", "1", "2"),
            ToolUse(
                "replace",
                {
                    "file_path": "a.py",
                    "instruction": "Correct a.py",
                    "old_string": "1",
                    "new_string": "2",
                },
            ),
        ),
        (write("a.py", "1"), ToolUse("write_file", {"file_path": "a.py", "content": "1"})),
        (
            shell("ls", "Look"),
            ToolUse("run_shell_command", {"command": "ls", "description": "Look"}),
        ),
    ],
)
def test_gemini_cli_has_a_tool_for_each_act(call: Call, use: ToolUse) -> None:
    assert tool_use(call, GEMINI) == use


@pytest.mark.parametrize(
    ("offered", "use"),
    [
        ({"Bash", "Read"}, ToolUse("Bash", {"command": "ls", "description": "Look"})),
        ({"bash", "read"}, ToolUse("bash", {"command": "ls", "description": "Look"})),
        ({"exec_command"}, ToolUse("exec_command", {"cmd": "ls"})),
        ({"shell"}, ToolUse("shell", {"command": ["bash", "-lc", "ls"]})),
    ],
)
def test_every_other_agent_has_a_shell(offered: set[str], use: ToolUse) -> None:
    assert tool_use(shell("ls", "Look"), offered) == use


def test_tool_that_is_named_is_used_as_it_stands() -> None:
    call = Call("mcp_gateway_report_progress", {"text": "half"})

    assert tool_use(call, GEMINI) == ToolUse("mcp_gateway_report_progress", {"text": "half"})


def test_acts_by_shell_do_what_they_say_with_any_text(tmp_path: pathlib.Path) -> None:
    hostile = 'it\'s "$(touch pwned)" `x` \\ %s\n'
    acts = [write("a file", f"old {hostile}"), edit("a file", "old", "new"), read("a file")]

    printed = []
    for act in acts:
        command = tool_use(act, {"exec_command"}).input["cmd"]
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        printed.append(done.stdout)

    assert printed[-1] == f"new {hostile}"
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]
