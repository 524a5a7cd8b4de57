"""What the API server itself writes into metadata, and what it refuses there."""

import dataclasses
import datetime as dt
import random
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.support.apiserver import refusals
from tests.support.apiserver.kinds import Kind, Location, Object
from tests.support.apiserver.refusals import Cause, required, wrong

#: What users may write; the rest is the server's, or nobody's.
_USERS = ("name", "generateName", "namespace", "labels", "annotations", "ownerReferences")
_SERVERS = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_LABEL_KEY = re.compile(
    r"([a-z0-9.-]{1,253}/)?(?=.{1,63}$)([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
)
_ANNOTATIONS = 256 * 1024

_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character"
)
_LABEL_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character"
)


def stamp(now: dt.datetime) -> str:
    """Return a time as metadata holds it, to the second."""
    return now.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclasses.dataclass(frozen=True, slots=True)
class Creator:
    """What a new object is given: an identity, a time and, if asked for, a name."""

    clock: Callable[[], dt.datetime]
    random: random.Random

    def created(self, location: Location, given: Mapping[str, Any]) -> Object:
        """Return the metadata of a new object."""
        metadata = _written_by_users(given)
        if not metadata.get("name") and metadata.get("generateName"):
            suffix = "".join(self.random.choices(_SUFFIX, k=5))
            metadata["name"] = metadata["generateName"] + suffix
        if location.kind.namespaced:
            metadata["namespace"] = location.namespace
        metadata["uid"] = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        metadata["creationTimestamp"] = stamp(self.clock())
        return metadata | ({"generation": 1} if location.kind.has_generation else {})


def updated(given: Mapping[str, Any], before: Mapping[str, Any]) -> Object:
    """Return the metadata of an update: what is the server's stays as it was."""
    kept = {name: before[name] for name in (*_SERVERS, "generation") if name in before}
    names = {name: before[name] for name in ("name", "namespace") if name in before}
    return _written_by_users(given) | names | kept | {"resourceVersion": before["resourceVersion"]}


def _written_by_users(given: Mapping[str, Any]) -> Object:
    # What is empty is not written at all.
    return {name: given[name] for name in (*_USERS, "finalizers") if given.get(name)}


def check_address(location: Location, body: Mapping[str, Any]) -> None:
    """Raise 400 where an object says that it is something else than its path."""
    kind, metadata = location.kind, body["metadata"]
    for field, served in (("apiVersion", kind.api_version), ("kind", kind.name)):
        said = body.get(field)
        if not said and kind.schema is not None:
            raise refusals.bad_request(f"Object '{field.capitalize()}' is missing")
        if said and said != served:
            message = f"{said} in the body does not match {served} of the path"
            raise refusals.bad_request(message)
    if kind.namespaced and metadata.get("namespace", location.namespace) != location.namespace:
        raise refusals.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if location.name and not metadata.get("name"):
        raise refusals.bad_request(
            f"the name of the object ({location.name} based on URL) was undeterminable: "
            "name must be provided"
        )
    if location.name and metadata["name"] != location.name:
        raise refusals.bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL "
            f"({location.name})"
        )


def check_update(kind: Kind, new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
    """Raise 409 or 422 where an update is of an older state, or of another object."""
    name, version = old["name"], new.get("resourceVersion", "")
    if not version and kind.needs_version:
        field = Cause(
            "metadata.resourceVersion", "Invalid value: 0: must be specified for an update"
        )
        raise refusals.invalid(kind, name, [field])
    if version and version != old["resourceVersion"]:
        raise refusals.modified(kind, name)
    if new.get("uid", old["uid"]) != old["uid"]:
        raise refusals.invalid(
            kind, name, [wrong("metadata.uid", new["uid"], "field is immutable")]
        )


def causes(new: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> Iterator[Cause]:
    """Yield what is wrong with the metadata of an object."""
    name = new.get("name", "")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    elif len(name) > 253 or not _NAME.fullmatch(name):
        yield wrong("metadata.name", name, _NAME_RULE)
    yield from _labels(new.get("labels") or {})
    yield from _annotations(new.get("annotations") or {})
    for owner in new.get("ownerReferences") or ():
        yield from _owner(owner)
    added = set(new.get("finalizers") or ()) - set((old or {}).get("finalizers") or ())
    if old is not None and "deletionTimestamp" in old and added:
        said = "no new finalizers can be added if the object is being deleted"
        yield Cause("metadata.finalizers", f"Forbidden: {said}, found new finalizers {added}")


def _labels(labels: Mapping[str, Any]) -> Iterator[Cause]:
    for key, value in labels.items():
        if not isinstance(value, str):
            raise refusals.bad_request(f'label "{key}" is no string')
        if not _LABEL_KEY.fullmatch(key):
            yield wrong("metadata.labels", key, "name part must consist of alphanumeric characters")
        if len(value) > 63:
            yield wrong("metadata.labels", value, "must be no more than 63 characters")
        elif not _LABEL_VALUE.fullmatch(value):
            yield wrong("metadata.labels", value, _LABEL_RULE)


def _annotations(annotations: Mapping[str, Any]) -> Iterator[Cause]:
    for key, value in annotations.items():
        if not isinstance(value, str):
            raise refusals.bad_request(f'annotation "{key}" is no string')
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > _ANNOTATIONS:
        yield Cause("metadata.annotations", f"Too long: may not be more than {_ANNOTATIONS} bytes")


def _owner(owner: Mapping[str, Any]) -> Iterator[Cause]:
    if not owner.get("apiVersion"):
        yield wrong("metadata.ownerReferences.apiVersion", "", "version must not be empty")
    for field in ("kind", "name", "uid"):
        if not owner.get(field):
            yield wrong(f"metadata.ownerReferences.{field}", "", "must not be empty")
