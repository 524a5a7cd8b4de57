"""What the API server answers where it does not do what was asked, in its own words."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import override

from tests.support.apiserver.kinds import Kind


class Refusal(Exception):
    """An answer that is a `Status` of failure."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.details = details
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return the `Status` object."""
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.status,
        }
        return status | ({"details": dict(self.details)} if self.details else {})


@dataclasses.dataclass(frozen=True, slots=True)
class Cause:
    """One field that is wrong, and why."""

    field: str
    text: str
    #: Rules are not looked at where a cause like this one stands.
    blocks_rules: bool = False

    @override
    def __str__(self) -> str:
        return f"{self.field}: {self.text}" if self.field else self.text


def required(field: str, detail: str = "") -> Cause:
    return Cause(field, f"Required value: {detail}" if detail else "Required value", True)


def wrong(field: str, value: object, detail: str) -> Cause:
    return Cause(field, f"Invalid value: {shown(value)}: {detail}")


def shown(value: object) -> str:
    """Return `value` as a message shows it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> Refusal:
    """Return 422: the object breaks its schema or a rule."""
    texts = list(dict.fromkeys(str(cause) for cause in causes))
    said = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details = {
        "name": name,
        "group": kind.group,
        "kind": kind.name,
        "causes": [{"message": cause.text, "field": cause.field} for cause in causes],
    }
    message = f'{kind.group_kind} "{name}" is invalid: {said}'
    return Refusal(422, "Invalid", message, details=details)


def patch_does_not_apply() -> Refusal:
    """Return 422: an operation of a JSON patch fails, its tests among them; which is not said."""
    message = "the server rejected our request due to an error in our request"
    return Refusal(422, "Invalid", message, details={})


def not_found(kind: Kind, name: str) -> Refusal:
    return _of("NotFound", 404, kind, name, f'{kind.resource} "{name}" not found')


def no_namespace(name: str) -> Refusal:
    message = f'namespaces "{name}" not found'
    return Refusal(404, "NotFound", message, details={"name": name, "kind": "namespaces"})


def no_such_resource() -> Refusal:
    return Refusal(404, "NotFound", "the server could not find the requested resource", details={})


def already_exists(kind: Kind, name: str) -> Refusal:
    return _of("AlreadyExists", 409, kind, name, f'{kind.resource} "{name}" already exists')


def no_unique_name(kind: Kind, name: str) -> Refusal:
    said = "the server was not able to generate a unique name for the object"
    message = f'{kind.resource} "{name}" already exists, {said}'
    return _of("AlreadyExists", 409, kind, name, message)


def still_deleting(kind: Kind, name: str) -> Refusal:
    message = f'object is being deleted: {kind.resource} "{name}" already exists'
    return _of("AlreadyExists", 409, kind, name, message)


def conflict(kind: Kind, name: str, why: str) -> Refusal:
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return _of("Conflict", 409, kind, name, message)


def modified(kind: Kind, name: str) -> Refusal:
    why = "please apply your changes to the latest version and try again"
    return conflict(kind, name, f"the object has been modified; {why}")


def precondition_failed(kind: Kind, name: str, fact: str, wanted: str, stored: str) -> Refusal:
    """Return 409 on deletion: it is not the object that was meant."""
    since = "deleted and then recreated" if fact == "UID" else "modified"
    message = (
        f'Operation cannot be fulfilled on {kind.group_kind} "{name}": the {fact} in the '
        f"precondition ({wanted}) does not match the {fact} in record ({stored}). "
        f"The object might have been {since}"
    )
    return _of("Conflict", 409, kind, name, message)


def forbidden(kind: Kind, name: str, why: str) -> Refusal:
    return _of("Forbidden", 403, kind, name, f'{kind.resource} "{name}" is forbidden: {why}')


def bad_request(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message)


def expired(message: str) -> Refusal:
    return Refusal(410, "Expired", message)


def method_not_allowed() -> Refusal:
    message = "the server does not allow this method on the requested resource"
    return Refusal(405, "MethodNotAllowed", message, details={})


def unsupported(content_type: str) -> Refusal:
    message = f"the body of the request was in an unknown format: {content_type}"
    return Refusal(415, "UnsupportedMediaType", message, details={})


def too_large(limit: int) -> Refusal:
    message = f"Request entity too large: limit is {limit}"
    return Refusal(413, "RequestEntityTooLarge", message, details={})


def _of(reason: str, status: int, kind: Kind, name: str, message: str) -> Refusal:
    details = {"name": name, "group": kind.group, "kind": kind.plural}
    return Refusal(status, reason, message, details=details)
