"""Reading: one object, lists in pages of one state, watches, and logs."""

import base64
import binascii
import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from tests.support.apiserver import refusals
from tests.support.apiserver.exchange import Answer, Request
from tests.support.apiserver.kinds import Kind, Location
from tests.support.apiserver.selectors import Selector, selector_of
from tests.support.apiserver.storage import Key, Storage, Stored, TooOld
from tests.support.apiserver.watches import Watch, Watched

_JSON = {"Content-Type": "application/json"}
_TEXT = {"Content-Type": "text/plain"}

_CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can "
    "start a new list without the continue parameter, or use the continue token in this response "
    "to retrieve the remainder of the results."
)


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """Where a list goes on: after a key, in the state of a version."""

    version: int
    after: Key

    def token(self) -> str:
        """Return it as the client gives it back."""
        start = "/".join(self.after)
        return base64.b64encode(json.dumps({"rv": self.version, "start": start}).encode()).decode()

    @classmethod
    def of(cls, token: str) -> "Page":
        """Return what a token says; raise 400 where it says nothing."""
        try:
            known = json.loads(base64.b64decode(token, validate=True))
            namespace, _, name = known["start"].partition("/")
            return cls(known["rv"], (namespace, name))
        except (binascii.Error, ValueError, KeyError, TypeError):
            raise refusals.bad_request("continue key is not valid") from None


@dataclasses.dataclass(frozen=True, slots=True)
class Reader:
    """Reads what is stored."""

    storage: Storage
    #: What containers have said, by namespace, pod and container.
    logs: Mapping[tuple[str, str, str], str]

    def get(self, location: Location, request: Request) -> Answer:
        """Return one object, or a container's log."""
        stored = self.storage.get(location.kind, location.key)
        if stored is None:
            raise refusals.not_found(location.kind, location.name)
        if location.subresource == "log":
            return Answer(200, self._log(stored, request.query), _TEXT)
        return Answer(200, stored.encoded, _JSON)

    def list_objects(self, location: Location, request: Request) -> Answer:
        """Return the objects of a namespace or of all; with a limit, one page of one state."""
        kind, query = location.kind, request.query
        selector, limit = selector_of(kind, query), _number(query, "limit")
        page = Page.of(query["continue"]) if query.get("continue") else None
        version = page.version if page is not None else self.storage.version
        items = self._selected(location, selector, version)
        if page is not None:
            items = [stored for stored in items if stored.key > page.after]
        metadata: dict[str, Any] = {"resourceVersion": str(version)}
        if limit and len(items) > limit:
            metadata["continue"] = Page(version, items[limit - 1].key).token()
            if selector is None:
                metadata["remainingItemCount"] = len(items) - limit
            items = items[:limit]
        return Answer(200, _list(kind, metadata, items), _JSON)

    def watch(self, location: Location, request: Request) -> Answer:
        """Return the changes after a version, or from what is there on."""
        query = request.query
        lasts = query.get("timeoutSeconds")
        watched = Watched(
            location.kind,
            location.namespace,
            selector_of(location.kind, query),
            bookmarks=request.asks("allowWatchBookmarks"),
            lasts=float(lasts) if lasts else None,
        )
        start = _number(query, "resourceVersion") or None
        return Answer(200, headers=_JSON, watch=Watch(self.storage, watched, start))

    def _selected(
        self, location: Location, selector: Selector | None, version: int
    ) -> list[Stored]:
        try:
            items = self.storage.items(location.kind, version)
        except TooOld as error:
            raise refusals.expired(_CONTINUE_EXPIRED) from error
        return [
            stored
            for stored in items
            if location.namespace in ("", stored.namespace)
            and (selector is None or selector(stored.body))
        ]

    def _log(self, pod: Stored, query: Mapping[str, str]) -> bytes:
        spec = pod.body["spec"]
        names = [
            container["name"]
            for container in (*spec.get("initContainers", ()), *spec["containers"])
        ]
        name = query.get("container") or (names[0] if len(names) == 1 else "")
        if not name:
            choice = " ".join(names)
            message = f"a container name must be specified for pod {pod.name}, choose one of: "
            raise refusals.bad_request(f"{message}[{choice}]")
        if name not in names:
            raise refusals.bad_request(f"container {name} is not valid for pod {pod.name}")
        text = self.logs.get((pod.namespace, pod.name, name))
        if text is None:
            message = f'container "{name}" in pod "{pod.name}" is waiting to start'
            raise refusals.bad_request(f"{message}: PodInitializing")
        lines = text.splitlines(keepends=True)
        if tail := _number(query, "tailLines"):
            lines = lines[-tail:]
        return "".join(lines).encode()[: _number(query, "limitBytes") or None]


def _number(query: Mapping[str, str], name: str) -> int:
    try:
        return int(query.get(name) or 0)
    except ValueError:
        raise refusals.bad_request(f'{name}: Invalid value: "{query[name]}"') from None


def _list(kind: Kind, metadata: Mapping[str, Any], items: list[Stored]) -> bytes:
    head = {"kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": metadata}
    encoded = b",".join(_item(kind, stored) for stored in items)
    return json.dumps(head).encode()[:-1] + b', "items": [' + encoded + b"]}"


def _item(kind: Kind, stored: Stored) -> bytes:
    if kind.schema is not None:
        return stored.encoded
    # Lists of Kubernetes' own kinds do not say the kind once more with each object.
    rest = {
        name: value for name, value in stored.body.items() if name not in ("apiVersion", "kind")
    }
    return json.dumps(rest).encode()
