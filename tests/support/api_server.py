"""An API server in memory, for tests: it keeps what the real one promises.

`tests/kube/test_fake_keeps_promises.py` asks the same of both. What it does not do: authorise,
manage fields, apply server-side, check every field of a pod, or run anything in a pod. Nothing
happens behind a test's back: deleted pods go, garbage is collected and watches are cut when the
test says so.
"""

import datetime as dt
import json
import random
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tests.support.apiserver import refusals
from tests.support.apiserver.client import FakeKube
from tests.support.apiserver.deletion import Deleter
from tests.support.apiserver.exchange import Answer, Request, answer_of
from tests.support.apiserver.faults import Faults
from tests.support.apiserver.garbage import GarbageCollector
from tests.support.apiserver.kinds import (
    POD,
    TOKEN_REVIEW,
    Location,
    Object,
    kind_of,
)
from tests.support.apiserver.metadata import Creator
from tests.support.apiserver.reads import Reader
from tests.support.apiserver.refusals import Refusal
from tests.support.apiserver.storage import Storage
from tests.support.apiserver.verbs import Writer

if TYPE_CHECKING:
    from tests.support.apiserver.watches import Watch

_STATUS = ("get", "update", "patch")


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class ApiServer:
    """One cluster's API server, with the namespaces that it is made with and `default`.

    New pods are bound to `node` at once; without one they stay unscheduled. Names and uids that
    it makes up are the same in every run.
    """

    def __init__(
        self,
        *namespaces: str,
        clock: Callable[[], dt.datetime] = _now,
        node: str = "",
    ) -> None:
        self.storage = Storage()
        self.faults = Faults()
        """What happens to the requests of all clients."""
        self.requests: list[Request] = []
        """Every request that has reached the server, in order."""
        self.tokens: dict[str, Object] = {}
        """What reviews of tokens say, as the `status` of a TokenReview."""
        self.logs: dict[tuple[str, str, str], str] = {}
        """What containers have said, by namespace, pod and container."""
        deleter = Deleter(self.storage, clock)
        creator = Creator(clock, random.Random(0))  # noqa: S311  the same in every run
        self._writer = Writer(self.storage, creator, deleter, node)
        self._reader = Reader(self.storage, self.logs)
        self._garbage = GarbageCollector(self.storage, deleter)
        self._watches: weakref.WeakSet[Watch] = weakref.WeakSet()
        for name in ("default", *namespaces):
            self.seed({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def client(self, *, on_write: Callable[[str], None] | None = None) -> FakeKube:
        """Return a client of its own, as another process would have."""
        return FakeKube(self, (self.faults,), on_write=on_write)

    def handle(self, request: Request) -> Answer:
        """Answer a request, all of it in one moment."""
        self.requests.append(request)
        try:
            answer = self._answer(request)
        except Refusal as refusal:
            return answer_of(refusal)
        if answer.watch is not None:
            self._watches.add(answer.watch)
        return answer

    @property
    def open_watches(self) -> int:
        """How many watches clients have open."""
        return sum(watch.is_open for watch in self._watches)

    # What a test puts there and looks at, without a request of anybody

    def seed(self, body: Mapping[str, Any]) -> Object:
        """Store a new object with the status and the uid that it is given; return it as stored."""
        kind = kind_of(body)
        folder = kind.path(body["metadata"].get("namespace", "default"))
        stored = self._do("POST", folder, body)
        if uid := body["metadata"].get("uid"):
            key = (stored["metadata"].get("namespace", ""), stored["metadata"]["name"])
            metadata = stored["metadata"] | {"uid": uid}
            stored = self.storage.put(kind, key, stored | {"metadata": metadata}).body
        if "status" not in body:
            return stored
        path = f"{folder}/{stored['metadata']['name']}/status"
        return self._do("PUT", path, stored | {"status": body["status"]})

    def patch(self, path: str, patch: Mapping[str, Any]) -> Object:
        """Merge `patch` into an object, or into its status; return it as it is stored."""
        return self._do("PATCH", path, patch, "application/merge-patch+json")

    def delete(self, path: str) -> None:
        """Have an object gone at once."""
        self._do("DELETE", path, {"gracePeriodSeconds": 0})

    def read(self, path: str) -> Object:
        """Return what a GET of `path` answers."""
        answer = self._answer(Request("GET", path))
        body: Object = json.loads(answer.body)
        return body

    def names(self, path: str) -> list[str]:
        """Return the names of the objects at `path`."""
        return [item["metadata"]["name"] for item in self.read(path)["items"]]

    def admit(self, token: str, pod: Mapping[str, Any], audience: str) -> None:
        """Have reviews say that `token` was given to a pod, for an audience."""
        metadata, account = pod["metadata"], pod["spec"].get("serviceAccountName", "default")
        extra = {
            "authentication.kubernetes.io/pod-name": [metadata["name"]],
            "authentication.kubernetes.io/pod-uid": [metadata["uid"]],
        }
        name = f"system:serviceaccount:{metadata['namespace']}:{account}"
        user = {"username": name, "extra": extra}
        self.tokens[token] = {"authenticated": True, "user": user, "audiences": [audience]}

    # What happens in a cluster besides

    def bind(self, namespace: str, name: str, node: str) -> None:
        """Bind a pod to a node, as the scheduler does."""
        stored = self.storage.get(POD, (namespace, name))
        if stored is None:
            raise LookupError(f"there is no pod {namespace}/{name}")
        spec = stored.body["spec"] | {"nodeName": node}
        self.storage.put(POD, stored.key, stored.body | {"spec": spec})

    def end_deleted_pods(self) -> None:
        """Let every pod go that is being deleted, as the kubelet does once its containers end."""
        for stored in self.storage.items(POD):
            if "deletionTimestamp" in stored.body["metadata"]:
                self.delete(POD.path(stored.namespace, stored.name))

    def collect_garbage(self) -> None:
        """Delete what has lost its owners, and empty the namespaces that are being deleted."""
        self._garbage.run()

    def forget_history(self) -> None:
        """Forget all changes: who watches or pages from an older version is told 410."""
        self.storage.forget_changes()

    def send_bookmarks(self) -> None:
        """Tell every watch how far it has come."""
        for watch in list(self._watches):
            watch.bookmark()

    def end_watches(self) -> None:
        """End every watch as the server does when its time is up."""
        for watch in list(self._watches):
            watch.end()

    def cut_watches(self) -> None:
        """Break the connection of every watch."""
        for watch in list(self._watches):
            watch.cut()

    def silence_watches(self) -> None:
        """Have every watch tell nothing any more, without a word."""
        for watch in list(self._watches):
            watch.silence()

    def _do(
        self, method: str, path: str, body: Mapping[str, Any], kind: str = "application/json"
    ) -> Object:
        request = Request(method, path, body=json.dumps(body).encode(), content_type=kind)
        stored: Object = json.loads(self._answer(request).body)
        return stored

    def _answer(self, request: Request) -> Answer:
        location = request.location
        if location is None or not _is_served(location, request.verb):
            raise refusals.no_such_resource()
        match request.verb:
            case "get":
                return self._reader.get(location, request)
            case "list":
                return self._reader.list_objects(location, request)
            case "watch":
                return self._reader.watch(location, request)
            case "create" if location.kind is TOKEN_REVIEW:
                return self._review(request)
            case "create":
                return self._writer.create(location, request)
            case "update" | "patch" if location.name:
                return self._writer.update(location, request)
            case "delete" if location.name and not location.subresource:
                return self._writer.delete(location, request)
        raise refusals.method_not_allowed()

    def _review(self, request: Request) -> Answer:
        review = request.json()
        refused = {"user": {}, "error": "invalid bearer token"}
        status = self.tokens.get(review["spec"]["token"], refused)
        headers = {"Content-Type": "application/json"}
        return Answer(201, json.dumps(review | {"status": status}).encode(), headers)


def _is_served(location: Location, verb: str) -> bool:
    match location.subresource:
        case "":
            return True
        case "status":
            return location.kind.has_status and verb in _STATUS
        case "log":
            return location.kind is POD and verb == "get"
        case _:
            return False
