"""Build the pod that an agent works in. Pure: facts in, a manifest out.

What security rests on cannot be overridden by a Blueprint's pod template (`template.py`): the
containers' security contexts, the service account, the token's mounts, host namespaces.
"""

import dataclasses
import json
from typing import Any

from deputy.api.agentrun import AgentRun
from deputy.api.blueprint import BlueprintSpec
from deputy.api.facts import owner_of
from deputy.api.names import (
    ATTEMPT_ANNOTATION,
    RUN_LABEL,
    WORKSPACE,
    WORKSPACE_SERVICE_ACCOUNT,
    labels,
    pod_name,
)
from deputy.wire import RELAY_AUDIENCE, Workspace, to_json
from deputy.workspace.identity import OURS, Identity, restricted
from deputy.workspace.quantity import bytes_of, mebibytes
from deputy.workspace.resources import with_default_limits
from deputy.workspace.template import added_metadata, check_depth, merged, without_private

#: Longest that the kubelet waits for the sidecar to save what is left.
TERMINATION_SECONDS = 30

#: Service meshes leave workspaces alone: their init containers ask for rights that no workspace
#: has, and what they put before `prepare` cuts it off. A template may say otherwise.
_NO_MESH_LABELS = {"sidecar.istio.io/inject": "false", "kuma.io/sidecar-injection": "disabled"}
_NO_MESH_ANNOTATIONS = {"linkerd.io/inject": "disabled"}

#: What the sidecar keeps beside the commits: a little more than an agent may ever write.
_JOURNALS = 1024**3

_TOKEN_PATH = "/var/run/deputy"  # noqa: S105  a path, not a token
_TOKEN_SECONDS = 3600


@dataclasses.dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """What the operator knows of every workspace."""

    sidecar_image: str
    relay_url: str
    relay_ca: str


def labels_of(run: AgentRun) -> dict[str, str]:
    """Return the labels of everything that belongs to `run`."""
    ours = labels(WORKSPACE, managed_by="deputy-operator", instance=run.metadata.name)
    return ours | {RUN_LABEL: run.metadata.uid}


def build_pod(
    run: AgentRun,
    blueprint: BlueprintSpec,
    branch: str,
    settings: WorkspaceSettings,
    identity: Identity = OURS,
) -> dict[str, Any]:
    """Return the manifest of the pod of the run's present attempt.

    The agent's container gets nothing of ours but the link's FIFOs and the clone; the token for
    the relay is mounted into `prepare` and `status-sync` alone. Raises `TemplateRefused` where
    the Blueprint's template is no pod template.
    """
    check_depth(blueprint)
    template = blueprint.workspace.pod_template
    built = _spec(blueprint, _workspace(run, blueprint, branch, settings), settings, identity)
    spec = merged(built, template.spec, restricted(identity.agent_uid, identity.gid))
    for kind in ("initContainers", "containers"):
        spec[kind] = with_default_limits(spec[kind], spec["volumes"])
    metadata = {
        "name": pod_name(run.metadata.name, run.spec.attempt),
        "namespace": run.metadata.namespace,
        "labels": {
            **_NO_MESH_LABELS,
            **added_metadata(template.metadata, "labels"),
            **labels_of(run),
        },
        "annotations": {
            **_NO_MESH_ANNOTATIONS,
            **added_metadata(template.metadata, "annotations"),
            ATTEMPT_ANNOTATION: str(run.spec.attempt),
        },
        "ownerReferences": [owner_of(run)],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _spec(
    blueprint: BlueprintSpec, facts: Workspace, settings: WorkspaceSettings, identity: Identity
) -> dict[str, Any]:
    workspace = json.dumps(to_json(facts))
    agent = restricted(identity.agent_uid, identity.gid)
    sidecar = restricted(identity.sidecar_uid, identity.gid)
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "serviceAccountName": WORKSPACE_SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": TERMINATION_SECONDS,
        # The kubelet's own limit, for when the operator is away: later than the operator's.
        "activeDeadlineSeconds": blueprint.timeout_seconds + 600,
        "securityContext": {
            "runAsNonRoot": True,
            "fsGroup": identity.gid,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [
            _ours("prepare", "prepare", workspace, settings, agent),
            _sidecar(workspace, settings, sidecar),
            *_setup(blueprint, agent),
        ],
        "containers": [_agent(blueprint, agent)],
        "volumes": _volumes(blueprint),
    }
    if blueprint.workspace.runtime_class_name:
        spec["runtimeClassName"] = blueprint.workspace.runtime_class_name
    return spec


def _workspace(
    run: AgentRun, blueprint: BlueprintSpec, branch: str, settings: WorkspaceSettings
) -> Workspace:
    repository = blueprint.repository
    return Workspace(
        run_name=run.metadata.name,
        run_uid=run.metadata.uid,
        attempt=run.spec.attempt,
        protocol=blueprint.agent.protocol.value,
        profile=blueprint.agent.profile or _guess(blueprint.agent.command),
        relay_url=settings.relay_url,
        relay_ca=settings.relay_ca,
        repository_url=repository.url if repository else "",
        base_branch=repository.base_branch if repository else "",
        branch=branch if repository else "",
    )


def _guess(command: list[str]) -> str:
    """Return the profile that a command's name tells; empty for one that nobody knows."""
    program = command[0].rsplit("/", 1)[-1]
    known = {"claude": "claude", "codex": "codex", "gemini": "gemini", "opencode": "opencode"}
    return next((profile for prefix, profile in known.items() if program.startswith(prefix)), "")


def _ours(
    name: str, command: str, workspace: str, settings: WorkspaceSettings, user: dict[str, Any]
) -> dict[str, Any]:
    """Return a container of our own image, which may call the relay."""
    return {
        "name": name,
        "image": settings.sidecar_image,
        "imagePullPolicy": "IfNotPresent",
        "args": [command],
        "env": [
            {"name": "DEPUTY_WORKSPACE", "value": workspace},
            {"name": "DEPUTY_LINK", "value": "/link"},
            {"name": "HOME", "value": "/tmp"},  # noqa: S108  a volume of its own
        ],
        "volumeMounts": _mounts(command),
        "resources": {
            "requests": {"cpu": "10m", "memory": "48Mi"},
            # Git's, for the most part: it takes what the clone of a large repository wants.
            "limits": {"memory": "512Mi"},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": user | {"readOnlyRootFilesystem": True},
    }


def _mounts(command: str) -> list[dict[str, Any]]:
    mounts: list[dict[str, Any]] = [
        {"name": "workspace", "mountPath": "/workspace"},
        {"name": "link", "mountPath": "/link"},
        {"name": "relay-token", "mountPath": _TOKEN_PATH, "readOnly": True},
        {"name": "sidecar-tmp", "mountPath": "/tmp"},  # noqa: S108  a volume of its own
    ]
    if command == "run":
        mounts.append({"name": "outbox", "mountPath": "/outbox"})
    return mounts


def _sidecar(workspace: str, settings: WorkspaceSettings, user: dict[str, Any]) -> dict[str, Any]:
    # A native sidecar: it restarts alone and is ended after the agent.
    container = _ours("status-sync", "run", workspace, settings, user)
    return container | {"restartPolicy": "Always"}


def _setup(blueprint: BlueprintSpec, user: dict[str, Any]) -> list[dict[str, Any]]:
    if not blueprint.workspace.setup_command:
        return []
    command = list(blueprint.workspace.setup_command)
    return [_agents("setup", blueprint, user) | {"command": command}]


def _agent(blueprint: BlueprintSpec, user: dict[str, Any]) -> dict[str, Any]:
    command = [*blueprint.agent.command, *blueprint.agent.args]
    return _agents("agent", blueprint, user) | {"command": ["/bin/sh", "/link/shim", *command]}


def _agents(name: str, blueprint: BlueprintSpec, user: dict[str, Any]) -> dict[str, Any]:
    """Return a container of the agent's image, without anything that is not the agent's."""
    container: dict[str, Any] = {
        "name": name,
        "image": blueprint.agent.image,
        "imagePullPolicy": "IfNotPresent",
        "workingDir": "/workspace/repo",
        "env": [
            {"name": "HOME", "value": "/workspace/home"},
            # The image need not know the uid: programs then take the name from here.
            {"name": "USER", "value": "agent"},
            {"name": "LOGNAME", "value": "agent"},
            {"name": "DEPUTY_LINK", "value": "/link"},
            {"name": "DEPUTY_PROMPT_FILE", "value": "/link/prompt"},
            *without_private(blueprint.agent.env),
        ],
        "volumeMounts": [
            {"name": "workspace", "mountPath": "/workspace"},
            {"name": "link", "mountPath": "/link"},
        ],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": user,
    }
    if blueprint.agent.env_from:
        container["envFrom"] = [dict(source) for source in blueprint.agent.env_from]
    if blueprint.workspace.resources:
        container["resources"] = dict(blueprint.workspace.resources)
    return container


def _volumes(blueprint: BlueprintSpec) -> list[dict[str, Any]]:
    token = {
        "serviceAccountToken": {
            "audience": RELAY_AUDIENCE,
            "expirationSeconds": _TOKEN_SECONDS,
            "path": "token",
        }
    }
    return [
        {"name": "workspace", "emptyDir": {"sizeLimit": blueprint.workspace.storage}},
        {"name": "link", "emptyDir": {"sizeLimit": "64Mi"}},
        {"name": "outbox", "emptyDir": {"sizeLimit": _outbox(blueprint.workspace.storage)}},
        {"name": "sidecar-tmp", "emptyDir": {"sizeLimit": "64Mi"}},
        {"name": "relay-token", "projected": {"sources": [token], "defaultMode": 0o440}},
    ]


def _outbox(storage: str) -> str:
    """Return the size of the sidecar's volume: every commit once more, and what was said."""
    return mebibytes(bytes_of(storage) + _JOURNALS)
