"""How objects go: at once, after their containers' time, or once their finalizers are gone."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.apiserver import refusals
from tests.support.apiserver.kinds import NAMESPACE, Kind, Object
from tests.support.apiserver.metadata import stamp
from tests.support.apiserver.storage import Storage, Stored

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"

_FINALIZERS = {"Foreground": [FOREGROUND], "Orphan": [ORPHAN]}
_OVER = ("Failed", "Succeeded")


@dataclasses.dataclass(frozen=True, slots=True)
class Deleted:
    """What a request to delete has come to: the object is gone, or on its way."""

    stored: Stored
    gone: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Deleter:
    """Deletes objects of a storage."""

    storage: Storage
    clock: Callable[[], dt.datetime]

    def delete(self, kind: Kind, stored: Stored, options: Mapping[str, Any]) -> Deleted:
        """Delete an object; raise 409 where it is not the one that the preconditions name."""
        _check_preconditions(kind, stored, options.get("preconditions") or {})
        if kind is NAMESPACE:
            return self._namespace(stored)
        if kind.graceful and "deletionTimestamp" in stored.body["metadata"]:
            return self._again(kind, stored, options)
        metadata = _with_finalizers(stored.body["metadata"], options)
        if not kind.graceful and not metadata.get("finalizers"):
            return Deleted(self.storage.remove(kind, stored.key), gone=True)
        seconds = _grace(stored.body, options) if kind.graceful else 0
        return self._marked(kind, stored, metadata, seconds)

    def finish(self, kind: Kind, stored: Stored) -> Deleted:
        """Delete an object whose time is up, as the kubelet does; finalizers still hold it."""
        if stored.body["metadata"].get("finalizers"):
            return Deleted(stored, gone=False)
        return Deleted(self.storage.remove(kind, stored.key), gone=True)

    def _namespace(self, stored: Stored) -> Deleted:
        """Mark a namespace; its controller empties it, and only then it goes."""
        if "deletionTimestamp" in stored.body["metadata"]:
            return Deleted(stored, gone=False)
        metadata = stored.body["metadata"] | {"deletionTimestamp": stamp(self.clock())}
        body = stored.body | {"metadata": metadata, "status": {"phase": "Terminating"}}
        return Deleted(self.storage.put(NAMESPACE, stored.key, body), gone=False)

    def _again(self, kind: Kind, stored: Stored, options: Mapping[str, Any]) -> Deleted:
        """Delete what is being deleted already: its time can only be shortened."""
        metadata = stored.body["metadata"]
        left, wanted = metadata["deletionGracePeriodSeconds"], options.get("gracePeriodSeconds")
        if left == 0:
            return self.finish(kind, stored)
        if wanted is None or wanted >= left:
            return Deleted(stored, gone=False)
        now = self.clock()
        ends = dt.datetime.fromisoformat(metadata["deletionTimestamp"])
        ends += dt.timedelta(seconds=wanted - left)
        if ends < now:
            ends, wanted = now, min(wanted, 1)
        return self._timed(kind, stored, metadata, ends, wanted)

    def _marked(self, kind: Kind, stored: Stored, metadata: Object, seconds: int) -> Deleted:
        now = self.clock()
        # The object changes, so its generation does; what is marked already stays as it is.
        grown = metadata.get("generation", 0) + ("deletionTimestamp" not in metadata)
        metadata = metadata | ({"generation": grown} if "generation" in metadata else {})
        ends = now + dt.timedelta(seconds=seconds)
        if not kind.graceful and "deletionTimestamp" in metadata:
            ends = min(ends, dt.datetime.fromisoformat(metadata["deletionTimestamp"]))
        return self._timed(kind, stored, metadata, ends, seconds)

    def _timed(
        self, kind: Kind, stored: Stored, metadata: Object, ends: dt.datetime, seconds: int
    ) -> Deleted:
        times = {"deletionTimestamp": stamp(ends), "deletionGracePeriodSeconds": seconds}
        body = stored.body | {"metadata": metadata | times}
        if body != stored.body:
            stored = self.storage.put(kind, stored.key, body)
        if seconds > 0:
            return Deleted(stored, gone=False)
        return self.finish(kind, stored)


def goes_with(new: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Say whether an update takes away the last finalizer of what is being deleted."""
    if new["metadata"].get("finalizers") or "deletionTimestamp" not in before["metadata"]:
        return False
    return not before["metadata"].get("deletionGracePeriodSeconds")


def _check_preconditions(kind: Kind, stored: Stored, wanted: Mapping[str, str]) -> None:
    metadata = stored.body["metadata"]
    for field, fact in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        if field in wanted and wanted[field] != metadata[field]:
            raise refusals.precondition_failed(
                kind, stored.name, fact, wanted[field], metadata[field]
            )


def _with_finalizers(metadata: Object, options: Mapping[str, Any]) -> Object:
    """Return `metadata` with the finalizer that says how the dependents go."""
    others = [one for one in metadata.get("finalizers", ()) if one not in (FOREGROUND, ORPHAN)]
    policy = options.get("propagationPolicy")
    kept = [one for one in metadata.get("finalizers", ()) if one in (FOREGROUND, ORPHAN)]
    finalizers = others + (kept if policy is None else _FINALIZERS.get(policy, []))
    if not finalizers:
        return {name: value for name, value in metadata.items() if name != "finalizers"}
    return metadata | {"finalizers": finalizers}


def _grace(body: Mapping[str, Any], options: Mapping[str, Any]) -> int:
    """Return the seconds that the containers of a pod have: none where none run."""
    if not body["spec"].get("nodeName") or body["status"].get("phase") in _OVER:
        return 0
    wanted = options.get("gracePeriodSeconds")
    seconds: int = body["spec"]["terminationGracePeriodSeconds"] if wanted is None else wanted
    return max(seconds, 1) if seconds < 0 else seconds
