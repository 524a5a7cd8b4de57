"""Where a conversation stands, whatever dialect it is held in. Pure.

The model keeps nothing between requests: each brings the whole history, and what comes next
follows from that alone. Repeats are therefore harmless.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from deputy_simulator.model.scenarios import DEFAULT, built_in
from deputy_simulator.model.script import Call, Scenario, Turn

_MARK = re.compile(r"\[\[\s*script:\s*([\w-]+)(?:\s+([\w-]+))?\s*\]\]")
#: How a run that goes on with earlier work has its new message.
_MESSAGE = re.compile(r"<message mark=(\w+)>\n(.*?)\n</message mark=\1>", re.DOTALL)
#: What agents put before a prompt by themselves.
_CONTEXT = re.compile(
    r"\s*<(session_context|system-reminder|environment_context|user_instructions)\b"
)

_LONGEST_QUOTE = 200


@dataclasses.dataclass(frozen=True, slots=True)
class Prompt:
    """Somebody asked for something."""

    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """The model has answered once."""


Entry: TypeAlias = Prompt | Answer


@dataclasses.dataclass(frozen=True, slots=True)
class Conversation:
    """A request, understood.

    `offered` are the names of the tools; an agent that offers none wants a title or the like,
    in JSON where `wants_json`.
    """

    prompts: tuple[str, ...]
    answers: int
    offered: frozenset[str]
    wants_json: bool = False

    @property
    def is_aside(self) -> bool:
        """Whether this is none of the conversation with the person."""
        return not self.offered


def conversation(
    entries: Iterable[Entry], offered: Iterable[str], *, wants_json: bool = False
) -> Conversation:
    """Return where a conversation stands: its prompts, and the answers since the last one."""
    prompts: list[str] = []
    answers = 0
    for entry in entries:
        match entry:
            case Prompt(text):
                prompts.append(text)
                answers = 0
            case Answer():
                answers += 1
    return Conversation(tuple(prompts), answers, frozenset(offered), wants_json)


def prompt_of(texts: Iterable[str]) -> list[Prompt]:
    """Return the prompt that the texts of one message make, without the agent's own context."""
    words = [text for text in texts if text.strip() and not _CONTEXT.match(text)]
    return [Prompt("\n".join(words))] if words else []


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """The turn that comes next, ready to be said."""

    scenario: str
    step: int
    turn: Turn


def choose(seen: Conversation, own: Mapping[str, Scenario]) -> Choice:
    """Return what the model says next; `own` are the scenarios of a script file."""
    scenario = _scenario(seen.prompts, own)
    last = seen.prompts[-1] if seen.prompts else ""
    message = _MESSAGE.search(last)
    later = (len(seen.prompts) > 1 or message is not None) and not _is_marked(last, message)
    turns = scenario.follow_up if later else scenario.opening
    step = min(seen.answers, len(turns) - 1)
    asked = message.group(2) if message else last
    return Choice(scenario.name, step, _filled(turns[step], _quoted(asked)))


def _scenario(prompts: tuple[str, ...], own: Mapping[str, Scenario]) -> Scenario:
    """Return the scenario that the newest mark names."""
    for prompt in reversed(prompts):
        for mark in reversed(list(_MARK.finditer(prompt))):
            found = own.get(mark[1]) or built_in(mark[1], mark[2] or "")
            if found is not None:
                return found
    found = own.get(DEFAULT) or built_in(DEFAULT, "")
    if found is None:
        raise AssertionError("there is a default")
    return found


def _is_marked(last: str, message: re.Match[str] | None) -> bool:
    """Tell whether the newest words of a person choose a scenario: then it begins anew."""
    return _MARK.search(message.group(2) if message else last) is not None


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_QUOTE else line[: _LONGEST_QUOTE - 1] + "…"


def _filled(turn: Turn, prompt: str) -> Turn:
    """Return a turn with what was asked in place of `{prompt}`; never within a command."""
    calls = tuple(_filled_call(call, prompt) for call in turn.calls)
    return dataclasses.replace(turn, text=turn.text.replace("{prompt}", prompt), calls=calls)


def _filled_call(call: Call, prompt: str) -> Call:
    if "text" not in call.input:
        return call
    text = str(call.input["text"]).replace("{prompt}", prompt)
    return dataclasses.replace(call, input={**call.input, "text": text})
