"""Our objects as users write them: what tests seed the fake API server with."""

from collections.abc import Mapping
from typing import Any

from deputy.workspace.pod import WorkspaceSettings

API_VERSION = "deputy.dev/v1alpha1"
NAMESPACE = "agents"
RUN_NAME = "linear-abc-1"
LINEAR = {"organizationId": "org-1", "issueId": "issue-1", "sessionId": "session-1"}
AGENT = {"image": "localhost/agent:1", "command": ["agent"]}
#: What every workspace of a run is made with.
SETTINGS = WorkspaceSettings("localhost/sidecar:1", "https://relay.deputy:8443", "PEM")


def agent_run(
    name: str = RUN_NAME,
    status: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """Return the manifest of a run."""
    return {
        "apiVersion": API_VERSION,
        "kind": "AgentRun",
        "metadata": {"name": name, "namespace": NAMESPACE} | dict(metadata or {}),
        "spec": {"blueprintRef": {"name": "api"}, "prompt": "Fix it."} | spec,
    } | ({} if status is None else {"status": dict(status)})


def blueprint(ready: str | None = None, observed: int = 1, **spec: Any) -> dict[str, Any]:
    """Return the manifest of the Blueprint `api`, with the condition Ready where that is given."""
    condition = {
        "type": "Ready",
        "status": ready,
        "lastTransitionTime": "2026-11-21T12:00:00Z",
        "reason": "Ready" if ready == "True" else "StateNotFound",
        "message": "takes the issues of team ENG" if ready == "True" else "no such state",
    }
    conditions = [condition] if ready is not None else []
    return {
        "apiVersion": API_VERSION,
        "kind": "Blueprint",
        "metadata": {"name": "api", "namespace": NAMESPACE},
        "spec": {"agent": AGENT} | spec,
        "status": {"observedGeneration": observed, "conditions": conditions},
    }
