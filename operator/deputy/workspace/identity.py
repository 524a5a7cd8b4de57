"""Who the processes of a workspace are: uids and a gid, from the namespace where it gives them.

Pure. OpenShift gives every namespace a range of uids and refuses pods with others (the SCC
`restricted-v2`); other clusters take ours.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

#: What OpenShift writes on a namespace: `first/size` or `first-last`, the first of several counts.
UID_RANGE = "openshift.io/sa.scc.uid-range"
GROUP_RANGES = "openshift.io/sa.scc.supplemental-groups"

_RANGE = re.compile(r"([0-9]{1,10})(?:([/-])([0-9]{1,10}))?")
#: The largest uid that Kubernetes takes.
_LAST_ID = 2**31 - 1


@dataclasses.dataclass(frozen=True, slots=True)
class Identity:
    """The agent and our sidecar are two users, who share files by one group."""

    agent_uid: int = 1000
    sidecar_uid: int = 1001
    gid: int = 1500


#: Where the namespace leaves the choice to us.
OURS = Identity()


def identity_in(namespace: Mapping[str, Any]) -> Identity:
    """Return who works in `namespace`; an annotation that makes no sense counts as absent."""
    annotations = (namespace.get("metadata") or {}).get("annotations") or {}
    uids = _range(annotations.get(UID_RANGE, ""))
    if uids is None:
        return OURS
    groups = _range(annotations.get(GROUP_RANGES, "").partition(",")[0]) or uids
    # A range of one uid leaves no choice: then both are the same user, in containers of their own.
    return Identity(agent_uid=uids[0], sidecar_uid=min(uids[0] + 1, uids[1]), gid=groups[0])


def restricted(uid: int, gid: int) -> dict[str, Any]:
    """Return the security context that the restricted Pod Security Standard asks for."""
    return {
        "runAsNonRoot": True,
        "runAsUser": uid,
        "runAsGroup": gid,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _range(text: str) -> tuple[int, int] | None:
    """Return the first and the last id of a range; none where it is no range without root."""
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        return None
    first, sign, second = int(match[1]), match[2], int(match[3] or 1)
    last = second if sign == "-" else first + second - 1
    return (first, last) if 0 < first <= last <= _LAST_ID else None
