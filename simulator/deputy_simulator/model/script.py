"""What a scripted model says and does: scenarios made of turns. Pure."""

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any


class Act(enum.StrEnum):
    """What an agent can do with whatever tools it has; `tools` finds the words for it."""

    READ = "read"
    EDIT = "edit"
    WRITE = "write"
    SHELL = "shell"


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One use of a tool: an act with its plain arguments, or a tool by its very name.

    Arguments of acts: read `path`; edit `path`, `old`, `new`; write `path`, `text`; shell
    `command`, `why`.
    """

    name: str
    input: Mapping[str, Any]
    act: Act | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Turn:
    """One answer of the model, `delay` seconds late.

    A turn without calls ends what the agent does. `refusal` is the HTTP status of a model that
    does not answer. In texts `{prompt}` is what was asked last.
    """

    text: str = ""
    thinking: str = ""
    calls: tuple[Call, ...] = ()
    delay: float = 0.0
    refusal: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Scenario:
    """What is said to the first prompt of a conversation, and to each later one."""

    name: str
    opening: tuple[Turn, ...]
    follow_up: tuple[Turn, ...]


class ScriptWrong(ValueError):
    """A script is not of the form that a script has; the text says where."""


def read(path: str) -> Call:
    """Look at a file."""
    return Call("", {"path": path}, Act.READ)


def edit(path: str, old: str, new: str) -> Call:
    """Replace one piece of a file."""
    return Call("", {"path": path, "old": old, "new": new}, Act.EDIT)


def write(path: str, text: str) -> Call:
    """Write a whole file."""
    return Call("", {"path": path, "text": text}, Act.WRITE)


def shell(command: str, why: str) -> Call:
    """Run a command."""
    return Call("", {"command": command, "why": why}, Act.SHELL)


_ARGUMENTS = {
    Act.READ: ("path",),
    Act.EDIT: ("path", "old", "new"),
    Act.WRITE: ("path", "text"),
    Act.SHELL: ("command",),
}


def parse(given: Any, follow_up: tuple[Turn, ...]) -> dict[str, Scenario]:
    """Return the scenarios of a script file; `follow_up` is for those that have none.

    `{"scenarios": {<name>: {"opening": [<turn>…], "followUp"?: [<turn>…]}}}`, or `{"turns": …}`
    for one scenario called `default`. A turn has `text`, `thinking`, `delay`, `refusal` and
    `calls`; a call is `{"act": "shell", "command": …}` or `{"name": …, "input": …}`.

    Raises:
        ScriptWrong: it is no script.
    """
    if not isinstance(given, dict):
        raise ScriptWrong("a script is a JSON object")
    named = given.get("scenarios", {"default": {"opening": given.get("turns")}})
    if not isinstance(named, dict) or not named:
        raise ScriptWrong("`scenarios` is an object with at least one scenario")
    return {name: _scenario(name, body, follow_up) for name, body in named.items()}


def _scenario(name: str, given: Any, follow_up: tuple[Turn, ...]) -> Scenario:
    if not isinstance(given, dict):
        raise ScriptWrong(f"scenario {name!r} is not an object")
    opening = _turns(name, given.get("opening"))
    later = _turns(name, given["followUp"]) if "followUp" in given else follow_up
    return Scenario(name, opening, later)


def _turns(name: str, given: Any) -> tuple[Turn, ...]:
    if not isinstance(given, list) or not given:
        raise ScriptWrong(f"scenario {name!r} has no list of turns")
    return tuple(_turn(f"scenario {name!r}, turn {at}", turn) for at, turn in enumerate(given, 1))


def _turn(where: str, given: Any) -> Turn:
    known = {field.name for field in dataclasses.fields(Turn)}
    if not isinstance(given, dict) or not given.keys() <= known:
        raise ScriptWrong(f"{where}: a turn is an object with {', '.join(sorted(known))}")
    calls = tuple(_call(where, call) for call in given.get("calls", ()))
    return Turn(**{**given, "calls": calls})


def _call(where: str, given: Any) -> Call:
    if isinstance(given, dict) and "name" in given:
        return Call(given["name"], given.get("input", {}))
    try:
        act = Act(given["act"])
        arguments = {name: str(given[name]) for name in _ARGUMENTS[act]}
    except (KeyError, TypeError, ValueError) as error:
        raise ScriptWrong(f"{where}: a call has a name, or an act and its arguments") from error
    return Call("", arguments | {"why": given.get("why", "")}, act)
