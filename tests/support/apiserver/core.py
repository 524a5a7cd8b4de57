"""What the API server adds to Kubernetes' own kinds, and what it refuses of them.

Only as much of it as our code can run into: there is no checking of every field of a pod.
"""

import base64
import binascii
import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.apiserver import refusals
from tests.support.apiserver.kinds import (
    CONFIG_MAP,
    LEASE,
    NAMESPACE,
    POD,
    SECRET,
    Kind,
    Object,
)
from tests.support.apiserver.refusals import Cause, required

#: Bytes of data that a Secret or a ConfigMap may hold.
_MOST_DATA = 1024 * 1024

#: What of a pod may be changed, and the spec that a pod has without being given one.
_CHANGEABLE = ("activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations")
_POD_DEFAULTS = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
}


def with_defaults(kind: Kind, body: Object) -> Object:
    """Return a new object, or a new state of one, with what the API server adds."""
    if kind is POD:
        return body | {"spec": _POD_DEFAULTS | body.get("spec", {})}
    if kind is SECRET:
        return _secret(body)
    if kind is NAMESPACE:
        labels = body["metadata"].get("labels", {})
        own = {"kubernetes.io/metadata.name": body["metadata"].get("name", "")}
        metadata = body["metadata"] | {"labels": labels | own}
        return {"spec": {"finalizers": ["kubernetes"]}} | body | {"metadata": metadata}
    return body


def first_status(kind: Kind) -> Object | None:
    """Return the status that a new object has, None where it has none."""
    return {POD: {"phase": "Pending"}, NAMESPACE: {"phase": "Active"}}.get(kind)


def _secret(body: Object) -> Object:
    plain = {
        name: base64.b64encode(text.encode()).decode()
        for name, text in (body.get("stringData") or {}).items()
    }
    rest = {name: value for name, value in body.items() if name not in ("data", "stringData")}
    data = (body.get("data") or {}) | plain
    return {"type": "Opaque"} | rest | ({"data": data} if data else {})


def causes(kind: Kind, new: Mapping[str, Any], old: Mapping[str, Any] | None) -> Iterator[Cause]:
    """Yield what is wrong with an object of one of Kubernetes' own kinds."""
    if kind is POD:
        yield from _pod(new, old)
    elif kind is LEASE:
        yield from _lease(new.get("spec") or {})
    elif kind in (SECRET, CONFIG_MAP):
        yield from _data(kind, new, old)


def _pod(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> Iterator[Cause]:
    containers = new["spec"].get("containers") or ()
    if not containers:
        yield required("spec.containers")
    for number, container in enumerate(containers):
        for field in ("name", "image"):
            if not container.get(field):
                yield required(f"spec.containers[{number}].{field}")
    if old is not None and _fixed(new["spec"]) != _fixed(old["spec"]):
        fields = "`spec.containers[*].image`,`spec.initContainers[*].image`"
        fields += "".join(f",`spec.{field}`" for field in _CHANGEABLE)
        yield Cause("spec", f"Forbidden: pod updates may not change fields other than {fields}")


def _fixed(spec: Mapping[str, Any]) -> Object:
    """Return what of a pod's spec never changes."""
    rest = {name: value for name, value in spec.items() if name not in _CHANGEABLE}
    for name in ("containers", "initContainers"):
        rest[name] = [container | {"image": ""} for container in spec.get(name) or ()]
    return rest


def _lease(spec: Mapping[str, Any]) -> Iterator[Cause]:
    duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    for field, value in (("leaseDurationSeconds", duration), ("leaseTransitions", transitions)):
        if value is not None and not isinstance(value, int):
            raise refusals.bad_request(f"json: cannot unmarshal into LeaseSpec.spec.{field}")
    if duration is not None and duration <= 0:
        field = "spec.leaseDurationSeconds"
        yield Cause(field, f"Invalid value: {duration}: must be greater than 0")
    if transitions is not None and transitions < 0:
        field = "spec.leaseTransitions"
        yield Cause(field, f"Invalid value: {transitions}: must be greater than or equal to 0")
    for field in ("renewTime", "acquireTime"):
        _check_time(spec.get(field))


def _check_time(text: str | None) -> None:
    try:
        dt.datetime.strptime(text or "1970-01-01T00:00:00.0Z", "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        raise refusals.bad_request(f'parsing time "{text}" as a time in microseconds') from None


def _data(kind: Kind, new: Mapping[str, Any], old: Mapping[str, Any] | None) -> Iterator[Cause]:
    if old is not None and new.get("type") != old.get("type"):
        yield Cause("type", f"Invalid value: {new.get('type')}: field is immutable")
    texts, packed = new.get("data", {}), new.get("binaryData", {})
    if not all(isinstance(value, str) for value in (*texts.values(), *packed.values())):
        raise refusals.bad_request(f"json: cannot unmarshal into {kind.name}.data of type string")
    values = [*map(_unpacked, packed.values())]
    values += [_unpacked(text) if kind is SECRET else text.encode() for text in texts.values()]
    if sum(map(len, values)) > _MOST_DATA:
        yield Cause("data", f"Too long: may not be more than {_MOST_DATA} bytes")


def _unpacked(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise refusals.bad_request("illegal base64 data at input byte 0") from None
