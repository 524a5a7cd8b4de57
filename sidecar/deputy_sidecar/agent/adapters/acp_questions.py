"""What an ACP agent asks of a person, and how a person's words become its answer."""

import dataclasses
from typing import Any, Protocol

from deputy_sidecar.agent.adapters.model import Question

_YES = frozenset({"yes", "y", "ok", "okay", "allow", "approve", "true", "sure"})
_NO = frozenset({"no", "n", "reject", "deny", "false"})


class PendingRequest(Protocol):
    """A request of the agent that waits for a person."""

    id: Any

    def question(self) -> Question:
        """Return what to ask next."""

    def take(self, text: str) -> str:
        """Take a person's words; return those that are no answer and belong elsewhere."""

    def answer(self) -> dict[str, Any] | None:
        """Return the result for the agent; None while there is more to ask."""

    def cancelled(self) -> dict[str, Any]:
        """Return the result that tells the agent not to wait."""


@dataclasses.dataclass(slots=True)
class PermissionRequest:
    """A `session/request_permission` that its profile does not grant by itself."""

    id: Any
    title: str
    options: list[dict[str, Any]]
    chosen: str = ""

    def question(self) -> Question:
        """Ask for the permission, with the agent's own options."""
        names = tuple(str(option.get("name") or option.get("optionId")) for option in self.options)
        return Question(f"The agent asks for permission: {self.title}", names)

    def take(self, text: str) -> str:
        """Choose the option that is named; other words are a refusal and an order."""
        word = _word(text)
        for option in self.options:
            if word in (_word(str(option.get("name"))), _word(str(option.get("optionId")))):
                self.chosen = str(option.get("optionId"))
                return ""
        self.chosen = pick(self.options, "allow" if word in _YES else "reject", once=True)
        return "" if word in _YES | _NO else text

    def answer(self) -> dict[str, Any] | None:
        """Return the choice."""
        if not self.chosen:
            return self.cancelled()
        return {"outcome": {"outcome": "selected", "optionId": self.chosen}}

    def cancelled(self) -> dict[str, Any]:
        """Return that nobody chose."""
        return {"outcome": {"outcome": "cancelled"}}


@dataclasses.dataclass(slots=True)
class FormRequest:
    """An `elicitation/create` in form mode: one question for each field, one after the other."""

    id: Any
    message: str
    fields: list[tuple[str, dict[str, Any]]]
    notes: dict[str, str] = dataclasses.field(default_factory=dict)
    """For a field, the other field that takes a free text in its stead."""
    given: dict[str, Any] = dataclasses.field(default_factory=dict)
    asked: int = 0
    refused: bool = False

    def question(self) -> Question:
        """Ask for the next field; the form's own message comes with the first one."""
        if not self.fields:
            return Question(self.message)
        _, shape = self.fields[self.asked]
        label = str(shape.get("description") or shape.get("title") or "")
        first = self.asked == 0
        text = self.message if first else label or self.message
        if first and len(self.fields) > 1 and label and label not in text:
            text = f"{text}\n\n{label}"
        return Question(text or label, tuple(title for _, title in options_of(shape)))

    def take(self, text: str) -> str:
        """Fill in the field; words that do not fit go elsewhere and the form is declined."""
        if not self.fields:
            return ""
        name, shape = self.fields[self.asked]
        self.asked += 1
        value = value_of(shape, text)
        if value is not None:
            self.given[name] = value
        elif name in self.notes:
            self.given[self.notes[name]] = text.strip()
        else:
            self.refused = True
            return text
        return ""

    def answer(self) -> dict[str, Any] | None:
        """Return the filled form once every field was asked for."""
        if self.refused:
            return {"action": "decline"}
        if self.asked < len(self.fields):
            return None
        return {"action": "accept", "content": self.given}

    def cancelled(self) -> dict[str, Any]:
        """Return that nobody answered."""
        return {"action": "cancel"}


def permission_of(key: Any, params: dict[str, Any]) -> PermissionRequest:
    """Read a request for permission."""
    call = params.get("toolCall")
    title = call.get("title") if isinstance(call, dict) else None
    return PermissionRequest(key, str(title or "a tool"), options_in(params))


def options_in(params: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the options of a request for permission."""
    options = params.get("options")
    if not isinstance(options, list):
        return []
    return [option for option in options if isinstance(option, dict)]


def pick(options: list[dict[str, Any]], verdict: str, *, once: bool = False) -> str:
    """Return the option that allows or rejects, for always rather than once unless told so."""
    kinds = [f"{verdict}_once", f"{verdict}_always"]
    for kind in kinds if once else reversed(kinds):
        for option in options:
            if option.get("kind") == kind:
                return str(option.get("optionId"))
    return ""


def form_of(key: Any, params: dict[str, Any]) -> FormRequest:
    """Read a form."""
    schema = params.get("requestedSchema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    properties = properties if isinstance(properties, dict) else {}
    shapes = {str(name): shape for name, shape in properties.items() if isinstance(shape, dict)}
    notes = {name: f"{name}_custom" for name in shapes if f"{name}_custom" in shapes}
    fields = [(name, shape) for name, shape in shapes.items() if name not in notes.values()]
    return FormRequest(key, str(params.get("message") or ""), fields, notes)


def options_of(shape: dict[str, Any]) -> list[tuple[Any, str]]:
    """Return the values that a field may have, with their titles; none where it is free."""
    if shape.get("type") == "boolean":
        return [(True, "Yes"), (False, "No")]
    if shape.get("type") == "array" and isinstance(items := shape.get("items"), dict):
        # Lists of lists are no choice that a person could be given.
        return options_of({**items, "type": "", "oneOf": items.get("anyOf")})
    named = shape.get("oneOf")
    if isinstance(named, list):
        choices = [one for one in named if isinstance(one, dict) and "const" in one]
        return [(one["const"], str(one.get("title") or one["const"])) for one in choices]
    plain = shape.get("enum")
    return [(one, str(one)) for one in plain] if isinstance(plain, list) else []


def value_of(shape: dict[str, Any], text: str) -> Any:
    """Return a person's words as a value of a field; None where they are none."""
    if shape.get("type") == "array":
        chosen = [_option(shape, part) for part in text.split(",")]
        return chosen if all(one is not None for one in chosen) else None
    if options_of(shape):
        return _option(shape, text)
    number = {"integer": int, "number": float}.get(str(shape.get("type")))
    try:
        return number(text.strip()) if number else text.strip()
    except ValueError:
        return None


def _option(shape: dict[str, Any], text: str) -> Any:
    word = _word(text)
    for value, title in options_of(shape):
        if word in (_word(title), _word(str(value))):
            return value
    if shape.get("type") == "boolean" and word in _YES | _NO:
        return word in _YES
    return None


def _word(text: str) -> str:
    return text.strip().strip(".!\"'").casefold()
