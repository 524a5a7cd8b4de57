"""What each verb does to what is stored: the API server without anything around it."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from tests.support.apiserver import core, metadata, refusals, schemas
from tests.support.apiserver.deletion import Deleter, goes_with
from tests.support.apiserver.exchange import Answer, Request
from tests.support.apiserver.kinds import NAMESPACE, POD, Kind, Location, Object
from tests.support.apiserver.metadata import Creator
from tests.support.apiserver.patches import DoesNotApply, merged, patched
from tests.support.apiserver.storage import Storage, Stored, versioned

#: What etcd takes in one request, and the API server in one body.
_MOST_STORED = 1536 * 1024
_MOST_SENT = 3 * 1024 * 1024

_JSON = {"Content-Type": "application/json"}
_MERGE_PATCH = "application/merge-patch+json"
_JSON_PATCH = "application/json-patch+json"


@dataclasses.dataclass(frozen=True, slots=True)
class Writer:
    """Creates, changes and deletes."""

    storage: Storage
    creator: Creator
    deleter: Deleter
    #: The node that a scheduler would bind new pods to at once; empty: there is no scheduler.
    node: str = ""

    def create(self, location: Location, request: Request) -> Answer:
        """Create an object; 409 where its name is taken, 404 where its namespace is not there."""
        kind = location.kind
        if (location.name and kind.schema is None) or (kind.namespaced and not location.namespace):
            raise refusals.method_not_allowed()
        given = _decoded(location, request, _body(request))
        self._check_namespace(location, given["metadata"].get("name", ""))
        body = self._new(location, given)
        _validate(kind, body, None)
        name = body["metadata"]["name"]
        self._check_free(location, name, generated=not given["metadata"].get("name"))
        if given["metadata"].get("resourceVersion"):
            message = "resourceVersion should not be set on objects to be created"
            raise refusals.Refusal(500, "", message)
        return _answer(201, self._put(location, name, body, request))

    def update(self, location: Location, request: Request) -> Answer:
        """Replace or patch an object, or its status; 409 where another state was meant."""
        kind, stored = location.kind, self.storage.get(location.kind, location.key)
        if stored is None and not (request.method == "PUT" and kind.put_creates):
            raise refusals.not_found(kind, location.name)
        if stored is None:
            return self._put_new(location, request)
        given = _decoded(location, request, _changed(stored.body, request))
        if request.method == "PUT":
            _check_identity(kind, stored, given["metadata"])
        metadata.check_update(kind, given["metadata"], stored.body["metadata"])
        body = _next(location, given, stored.body)
        _validate(kind, body, stored.body)
        if body == stored.body:
            return _answer(200, stored)
        if goes_with(body, stored.body) and not _is_dry(request):
            self.storage.remove(kind, stored.key)
            return _answer(200, versioned(body, stored.version))
        return _answer(200, self._put(location, stored.name, body, request))

    def delete(self, location: Location, request: Request) -> Answer:
        """Delete an object, or begin to."""
        kind, stored = location.kind, self.storage.get(location.kind, location.key)
        if stored is None:
            raise refusals.not_found(kind, location.name)
        if _is_dry(request):
            return _answer(200, stored)
        deleted = self.deleter.delete(kind, stored, _body(request))
        if not deleted.gone or kind.returns_deleted:
            return _answer(200, deleted.stored)
        details = {"name": stored.name, "group": kind.group, "kind": kind.plural}
        details["uid"] = stored.body["metadata"]["uid"]
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return Answer(200, json.dumps(status | {"details": details}).encode(), _JSON)

    def _new(self, location: Location, given: Object) -> Object:
        kind = location.kind
        body = given | {"metadata": self.creator.created(location, given["metadata"])}
        body = core.with_defaults(kind, body)
        if kind is POD and self.node:
            body["spec"] = {"nodeName": self.node} | body["spec"]
        if kind.has_status:
            first = core.first_status(kind)
            body = _without(body, "status") | ({"status": first} if first else {})
        return body

    def _put_new(self, location: Location, request: Request) -> Answer:
        given = _decoded(location, request, _body(request))
        if uid := given["metadata"].get("uid"):
            raise refusals.conflict(location.kind, location.name, _uids(uid, ""))
        folder = dataclasses.replace(location, name="")
        sent = given | {"metadata": _without(given["metadata"], "resourceVersion")}
        sent["metadata"]["name"] = location.name
        return self.create(folder, dataclasses.replace(request, body=json.dumps(sent).encode()))

    def _put(self, location: Location, name: str, body: Object, request: Request) -> Stored:
        stored = versioned(body, self.storage.version + 1)
        if len(stored.encoded) > _MOST_STORED:
            raise refusals.Refusal(500, "", "etcdserver: request is too large")
        if _is_dry(request):
            return stored
        return self.storage.put(location.kind, (location.namespace, name), body)

    def _check_namespace(self, location: Location, name: str) -> None:
        if not location.kind.namespaced:
            return
        namespace = self.storage.get(NAMESPACE, ("", location.namespace))
        if namespace is None:
            raise refusals.no_namespace(location.namespace)
        if "deletionTimestamp" in namespace.body["metadata"]:
            why = f"unable to create new content in namespace {namespace.name}"
            raise refusals.forbidden(location.kind, name, f"{why} because it is being terminated")

    def _check_free(self, location: Location, name: str, *, generated: bool) -> None:
        there = self.storage.get(location.kind, (location.namespace, name))
        if there is None:
            return
        if generated:
            raise refusals.no_unique_name(location.kind, name)
        if "deletionTimestamp" in there.body["metadata"]:
            raise refusals.still_deleting(location.kind, name)
        raise refusals.already_exists(location.kind, name)


def _body(request: Request) -> Object:
    if len(request.body) > _MOST_SENT:
        raise refusals.too_large(_MOST_SENT)
    body = request.json()
    if not isinstance(body, dict):
        raise refusals.bad_request("the body of the request is no object")
    return body


def _changed(before: Object, request: Request) -> Any:
    """Return what the request makes of an object."""
    if request.method == "PUT":
        return _body(request)
    if request.content_type == _MERGE_PATCH:
        return merged(before, _body(request))
    if request.content_type != _JSON_PATCH:
        raise refusals.unsupported(request.content_type)
    operations = request.json()
    if not isinstance(operations, list):
        raise refusals.bad_request("json: cannot unmarshal object into a list of operations")
    try:
        return patched(before, operations)
    except DoesNotApply as error:
        raise refusals.patch_does_not_apply() from error
    except KeyError as error:
        raise refusals.bad_request(f"an operation has no {error}") from error


def _decoded(location: Location, request: Request, body: Any) -> Object:
    """Return `body` as an object of the kind, without fields that the kind does not have."""
    kind = location.kind
    if not isinstance(body, dict) or not isinstance(body.get("metadata") or {}, dict):
        raise refusals.bad_request("the body is no object of Kubernetes")
    body = body | {"metadata": body.get("metadata") or {}}
    metadata.check_address(location, body)
    full: Object = {"apiVersion": kind.api_version, "kind": kind.name} | body
    if kind.schema is None:
        return full
    unknown: list[str] = []
    known: Object = schemas.pruned(kind.schema, _without(full, "metadata"), unknown)
    if unknown and request.query.get("fieldValidation") == "Strict":
        fields = ", ".join(f'unknown field "{field}"' for field in unknown)
        raise refusals.bad_request(f"strict decoding error: {fields}")
    return known | {"metadata": full["metadata"]}


def _next(location: Location, given: Object, before: Object) -> Object:
    """Return the state that follows `before`: the status and the rest never change together."""
    kind = location.kind
    if location.subresource == "status":
        return _without(before, "status") | _only(given, "status")
    if kind.has_status:
        given = _without(given, "status") | _only(before, "status")
    body = core.with_defaults(kind, given)
    body = body | {"metadata": metadata.updated(body["metadata"], before["metadata"])}
    if kind.has_generation and _without(body, "metadata") != _without(before, "metadata"):
        body["metadata"]["generation"] += 1
    return body


def _validate(kind: Kind, new: Object, old: Object | None) -> None:
    causes: list[refusals.Cause] = []
    if kind.schema is None:
        causes += core.causes(kind, new, old)
    else:
        inner = _without(old, "metadata") if old is not None else None
        causes += schemas.causes(kind.schema, _without(new, "metadata"), inner)
    causes += metadata.causes(new["metadata"], old["metadata"] if old is not None else None)
    if causes:
        raise refusals.invalid(kind, new["metadata"].get("name", ""), causes)


def _check_identity(kind: Kind, stored: Stored, given: Mapping[str, Any]) -> None:
    """Raise 409 where a replacement is meant for an object that was there before this one."""
    wanted, uid = given.get("uid"), stored.body["metadata"]["uid"]
    if wanted and wanted != uid:
        raise refusals.conflict(kind, stored.name, _uids(wanted, uid))


def _uids(wanted: str, uid: str) -> str:
    return f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}"


def _is_dry(request: Request) -> bool:
    return request.query.get("dryRun") == "All"


def _answer(status: int, stored: Stored) -> Answer:
    return Answer(status, stored.encoded, _JSON)


def _without(body: Mapping[str, Any], name: str) -> Object:
    return {field: value for field, value in body.items() if field != name}


def _only(body: Mapping[str, Any], name: str) -> Object:
    return {name: body[name]} if name in body else {}
