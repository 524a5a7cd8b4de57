"""Every label, annotation and derived name of ours, in one place.

Names derive from what they are of, so that whoever makes an object twice makes it once: the API
server refuses the second. Labels hold hashes and uids, never what people wrote.
"""

import base64
import hashlib

from deputy.api.meta import GROUP

#: Labels and annotations that begin so are set by Deputy alone; the chart's admission policy and
#: the merge of pod templates see to that.
PREFIX = f"{GROUP}/"

#: Label of a run: the `issue_hash` of its issue; every run of an issue has it.
ISSUE_LABEL = f"{PREFIX}issue"
#: Label of everything that belongs to a run: the run's uid.
RUN_LABEL = f"{PREFIX}run"
#: Label of the pod of the operator that leads; the relay's Service selects by it.
LEADER_LABEL = f"{PREFIX}leader"
#: Kubernetes' own label, by which workspaces are told from whatever else runs in a namespace.
COMPONENT_LABEL = "app.kubernetes.io/component"
WORKSPACE = "workspace"

#: Annotation of a run: when its delegation reached us. A creationTimestamp has whole seconds, and
#: five issues that are delegated within one of them still have an order.
RECEIVED_ANNOTATION = f"{PREFIX}received"
#: Annotation of a run: the earlier runs of its issue, as namespace/name separated by commas, that
#: were still ending when it was created; it starts when they are over.
AFTER_ANNOTATION = f"{PREFIX}after"
#: Annotations of the Event that reserves a run's name: where the run is, and its Blueprint there.
NAMESPACE_ANNOTATION = f"{PREFIX}namespace"
BLUEPRINT_ANNOTATION = f"{PREFIX}blueprint"
#: Annotation of a pod: the attempt that it was made for.
ATTEMPT_ANNOTATION = f"{PREFIX}attempt"
#: Annotation of a pod: the Blueprint's spec as it was when the pod was made.
BLUEPRINT_SPEC_ANNOTATION = f"{PREFIX}blueprint-spec"

#: The Lease that the leader holds, in the operator's namespace.
LEASE = "deputy-operator"
#: The Secret with the relay's certificate authority, in the operator's namespace.
RELAY_CA_SECRET = "deputy-relay-ca"  # noqa: S105  a name, not a secret
#: The service account of every workspace, which may do nothing.
WORKSPACE_SERVICE_ACCOUNT = "deputy-workspace"

_RUN_PREFIX = "linear-"


def issue_hash(organization_id: str, issue_id: str) -> str:
    """Return ten characters that stand for an issue in names and labels, always the same ones."""
    digest = hashlib.sha256(f"{organization_id}/{issue_id}".encode()).digest()
    return base64.b32encode(digest).decode().lower()[:10]


def run_name(issue: str, number: int) -> str:
    """Return the name of the run `number` of the issue with the hash `issue`."""
    return f"{_RUN_PREFIX}{issue}-{number}"


def run_number(name: str) -> int:
    """Return the number of the run `name`; 0 where it is not the run of an issue."""
    tail = name.rpartition("-")[2]
    return int(tail) if name.startswith(_RUN_PREFIX) and tail.isdecimal() else 0


def pod_name(run: str, attempt: int) -> str:
    """Return the name of the pod of one attempt; the same attempt has the same pod for ever."""
    return f"{run}-{attempt}"


def log_name(pod: str) -> str:
    """Return the name of the ConfigMap that keeps the logs of `pod`."""
    return f"{pod}-log"


def labels(component: str, *, managed_by: str, instance: str = "") -> dict[str, str]:
    """Return the labels that Kubernetes recommends for an object of ours."""
    named = {"app.kubernetes.io/instance": instance[:63].rstrip("-.")} if instance else {}
    return {
        "app.kubernetes.io/name": "deputy",
        **named,
        COMPONENT_LABEL: component,
        "app.kubernetes.io/part-of": "deputy",
        "app.kubernetes.io/managed-by": managed_by,
    }
