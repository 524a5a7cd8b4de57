"""A request to the API server and its answer, without a network in between."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from tests.support.apiserver.kinds import Location, locate
from tests.support.apiserver.refusals import Refusal, bad_request
from tests.support.apiserver.watches import Watch

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """What a client asks."""

    method: str
    path: str
    query: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""
    content_type: str = "application/json"

    @property
    def location(self) -> Location | None:
        return locate(self.path)

    @property
    def verb(self) -> str:
        """Return Kubernetes' word: get, list, watch, create, update, patch or delete."""
        if self.method != "GET":
            return _VERBS.get(self.method, self.method.lower())
        if self.asks("watch"):
            return "watch"
        return "get" if self.location is not None and self.location.name else "list"

    @property
    def resource(self) -> str:
        """Return the resource with its subresource: `pods`, `agentruns/status`."""
        return self.location.resource if self.location is not None else ""

    def asks(self, name: str) -> bool:
        """Say whether a switch is on, in any of the ways that Go reads as true."""
        return self.query.get(name, "") in ("1", "t", "T", "true", "True", "TRUE")

    def json(self) -> Any:
        """Return the body; raise 400 where it is no JSON."""
        try:
            return json.loads(self.body or b"{}")
        except ValueError as error:
            raise bad_request(f"error decoding the body: {error}") from error


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What the API server answers: a body, or a watch that goes on."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    watch: Watch | None = None


def answer_of(refusal: Refusal) -> Answer:
    """Return a refusal as it is sent."""
    headers = {"Content-Type": "application/json"} | refusal.headers
    return Answer(refusal.status, json.dumps(refusal.body()).encode(), headers)
