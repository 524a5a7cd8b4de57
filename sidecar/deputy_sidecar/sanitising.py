"""What an event has to be like before it leaves: without secrets, bounded, and not blank."""

import dataclasses
import re

from deputy.wire import (
    MAX_TEXT,
    Answered,
    Asked,
    Event,
    Finished,
    Hello,
    PlanChanged,
    Step,
    Thought,
    ToolFinished,
    TurnStarted,
)
from deputy_sidecar.redaction import redact

MAX_PARAMETER = 250
MAX_RESULT = 1_000
_MAX_ACTION = 80
_MAX_QUESTION = 4_000
_MAX_OPTION = 120
_MAX_OPTIONS = 20
_MAX_STEP = 250
_MAX_STEPS = 50

#: What a terminal obeys and nobody reads: colours, titles, and single control characters.
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def truncate(text: str, limit: int) -> str:
    """Return at most `limit` characters of `text`; what was cut is marked."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def one_line(text: str, limit: int) -> str:
    """Return `text` on one line, as a title or a noun."""
    return truncate(" ".join(text.split()), limit)


def _visible(text: str) -> str:
    """Return `text` as people may see it; what is taken out first cannot hide a credential."""
    return redact(CONTROLS.sub("", ESCAPES.sub("", text)))


def sanitise(event: Event) -> Event | None:
    """Return `event` fit to be shown; None where nothing of it is left."""
    match event:
        case Thought(body, ephemeral):
            body = _text(body)
            return Thought(body, ephemeral) if body else None
        case ToolFinished():
            return _tool(event)
        case PlanChanged(steps):
            return PlanChanged(tuple(_step(step) for step in steps[:_MAX_STEPS]))
        case Asked(question, options):
            named = tuple(one_line(_visible(one), _MAX_OPTION) for one in options[:_MAX_OPTIONS])
            return Asked(truncate(_visible(question).strip(), _MAX_QUESTION), named)
        case Finished():
            return dataclasses.replace(event, text=_text(event.text))
        case Hello() | TurnStarted() | Answered():
            return event


def _text(text: str) -> str:
    return truncate(_visible(text).strip(), MAX_TEXT)


def _tool(tool: ToolFinished) -> ToolFinished | None:
    parameter = one_line(_visible(tool.parameter), MAX_PARAMETER)
    if not parameter:
        return None
    action = one_line(_visible(tool.action), _MAX_ACTION)
    return ToolFinished(action, parameter, truncate(_visible(tool.result).strip(), MAX_RESULT))


def _step(step: Step) -> Step:
    return Step(one_line(_visible(step.content), _MAX_STEP), step.status)
