"""Blueprint: how issues of one team become pull requests."""

import enum
from typing import Annotated, Any

from pydantic import Field, model_validator

from deputy.api.meta import (
    Column,
    Conditions,
    Int32,
    Kind,
    LenientModel,
    MaybeReference,
    Name,
    ObjectMeta,
    Reference,
    StrictModel,
    unique,
)

#: Kubernetes' own types are passed through: the API server checks them when the pod is made.
Opaque = Annotated[
    dict[str, Any],
    Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True, "maxProperties": 64}),
]
Arguments = Annotated[list[Annotated[str, Field(max_length=4096)]], Field(max_length=64)]
Names = Annotated[list[Reference], Field(max_length=64)]


class AgentProtocol(enum.StrEnum):
    """How Deputy talks with the agent's process."""

    ACP = "ACP"
    EXEC = "Exec"


class StateType(enum.StrEnum):
    """The types of Linear's workflow states."""

    TRIAGE = "triage"
    BACKLOG = "backlog"
    UNSTARTED = "unstarted"
    STARTED = "started"
    COMPLETED = "completed"
    CANCELED = "canceled"
    DUPLICATE = "duplicate"


DEFAULT_STATE_TYPES = (
    StateType.UNSTARTED,
    StateType.STARTED,
    StateType.COMPLETED,
    StateType.CANCELED,
)


class States(StrictModel):
    """The workflow states that Deputy moves an issue to."""

    in_progress: Reference
    """Name or id of the state of an issue that is worked on."""
    in_review: MaybeReference = ""
    """Name or id of the state of an issue whose pull request is open; without it a comment says so."""
    needs_human: MaybeReference = ""
    """Name or id of the state of an issue that Deputy could not do; without it a comment says so."""


class PickUpSpec(StrictModel):
    """Which of the team's issues are taken."""

    state_types: Annotated[
        list[StateType],
        Field(min_length=1, max_length=7, json_schema_extra={"x-kubernetes-list-type": "set"}),
    ] = list(DEFAULT_STATE_TYPES)
    """Types of workflow states that an issue may be in; absent: all but triage and backlog."""
    override_label: MaybeReference = ""
    """An issue with this label is taken whatever its state."""
    allow_delegators: Names = []
    """Linear user ids or e-mail addresses that may delegate; empty: everybody."""
    deny_delegators: Names = []
    """Linear user ids or e-mail addresses that may not delegate."""

    @model_validator(mode="after")
    def _names_each_type_once(self) -> "PickUpSpec":
        unique(self.state_types)
        return self


class LinearTeam(StrictModel):
    """The Linear team whose delegated issues this Blueprint takes."""

    organization: MaybeReference = ""
    """URL key or id of the Linear organisation; may be absent while one is connected."""
    team: Reference
    """Key, name or id of the team."""
    states: States
    """The workflow states that Deputy moves an issue to."""
    pick_up: PickUpSpec = PickUpSpec()
    """Which of the team's issues are taken."""


class SecretRef(StrictModel):
    """A Secret in the Blueprint's namespace."""

    name: Name
    """Name of the Secret."""


class RepositorySpec(StrictModel):
    """The repository that the agent works on."""

    url: Annotated[
        str,
        Field(min_length=1, max_length=2048, pattern=r"^https?://[^\s@]+$"),
    ]
    """Address to clone from, over HTTPS and without credentials."""
    base_branch: MaybeReference = ""
    """The branch that work starts from and goes to; absent: the remote's HEAD."""
    branch_prefix: Annotated[
        str, Field(max_length=64, pattern=r"^([A-Za-z0-9_][A-Za-z0-9_-]*/)+$")
    ] = "deputy/"
    """What the names of Deputy's branches begin with; it ends in a slash, and every branch that begins so is Deputy's."""
    credentials_secret_ref: SecretRef | None = None
    """Secret whose key `token` may push to the repository and open pull requests."""


class PullRequestSpec(StrictModel):
    """How pull requests are opened."""

    draft: Annotated[bool, Field(strict=True)] = False
    """Open them as drafts."""
    labels: Names = []
    """Labels to put on them."""
    reviewers: Names = []
    """Whose review to ask for."""


class Agent(StrictModel):
    """The program that does the work."""

    image: Annotated[str, Field(min_length=1, max_length=1024)]
    """Image of the agent's container; it needs /bin/sh and no credentials."""
    command: Annotated[
        list[Annotated[str, Field(max_length=4096)]], Field(min_length=1, max_length=64)
    ]
    """Program and arguments that start the agent."""
    args: Arguments = []
    """Further arguments."""
    protocol: AgentProtocol = AgentProtocol.ACP
    """How Deputy talks with it: ACP (Agent Client Protocol) or Exec (any program: its output is progress, its exit code decides)."""
    profile: MaybeReference = ""
    """What is special about this agent (claude, codex, gemini, opencode); absent: guessed, else cautious."""
    env: Annotated[list[Opaque], Field(max_length=128)] = []
    """Environment of the agent's container, as in a pod."""
    env_from: Annotated[list[Opaque], Field(max_length=32)] = []
    """ConfigMaps and Secrets for the agent's environment, as in a pod."""
    prompt_template: Annotated[str, Field(max_length=32768)] = ""
    """Text given to the agent; $title, $description, $context, $identifier, $url and $branch are replaced; absent: ours."""


class PodTemplate(StrictModel):
    """What is merged over the pod that Deputy builds; what security rests on cannot be overridden."""

    metadata: Opaque = {}
    """Labels and annotations to add."""
    spec: Opaque = {}
    """Fields of the pod's spec to add or replace, as a strategic merge; of the containers prepare, status-sync and setup (initContainers) the resources alone."""


class WorkspacePod(StrictModel):
    """The pod that the agent works in."""

    resources: Opaque = {}
    """Resources of the agent's container, as in a pod; absent: at most 4Gi of memory, and of ephemeral-storage what the volumes hold and 4Gi."""
    storage: Annotated[
        str, Field(max_length=32, pattern=r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$")
    ] = "10Gi"
    """How much the workspace may hold."""
    setup_command: Arguments = []
    """Runs in the agent's image, in the clone, before the agent."""
    runtime_class_name: MaybeReference = ""
    """RuntimeClass of the pod, such as gvisor."""
    pod_template: PodTemplate = PodTemplate()
    """What is merged over the pod that Deputy builds."""


class BlueprintSpec(StrictModel):
    """How issues of one team become pull requests."""

    linear: LinearTeam | None = None
    """Where issues come from; absent: runs are only created by hand."""
    repository: RepositorySpec | None = None
    """What the agent works on; absent: no clone and no pull request."""
    pull_request: PullRequestSpec = PullRequestSpec()
    """How pull requests are opened."""
    agent: Agent
    """The program that does the work."""
    workspace: WorkspacePod = WorkspacePod()
    """The pod that it works in."""
    max_concurrent_runs: Annotated[Int32, Field(ge=1, le=1000)] = 3
    """How many runs may be active at once; the others wait in order of priority, then age."""
    timeout_seconds: Annotated[Int32, Field(ge=10, le=604800)] = 3600
    """How long a run may work before it is stopped, its work saved and the issue handed back."""
    ttl_seconds_after_finished: Annotated[Int32, Field(ge=0, le=31536000)] = 86400
    """How long a finished run is kept; at least seven hours, as long as Linear may repeat its webhooks."""


class BlueprintLinearStatus(LenientModel):
    """What the names in `spec.linear` stand for."""

    organization_id: MaybeReference = ""
    """Id of the organisation."""
    team_id: MaybeReference = ""
    """Id of the team."""
    in_progress_state_id: MaybeReference = ""
    """Id of the in-progress state."""
    in_review_state_id: MaybeReference = ""
    """Id of the in-review state."""
    needs_human_state_id: MaybeReference = ""
    """Id of the needs-human state."""


class BlueprintStatus(LenientModel):
    """What Deputy knows of the Blueprint."""

    observed_generation: Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})] = 0
    """The generation of the spec that the rest was said of."""
    conditions: Conditions = []
    """Ready: issues are taken. Accepted: no other Blueprint takes the same team's issues."""
    active_runs: Annotated[Int32, Field(ge=0)] = 0
    """Runs that hold a slot."""
    queued_runs: Annotated[Int32, Field(ge=0)] = 0
    """Runs that wait for one."""
    linear: BlueprintLinearStatus = BlueprintLinearStatus()
    """What the names in `spec.linear` stand for."""


class Blueprint(LenientModel):
    """How issues of one team become pull requests: where from, which agent, which limits."""

    metadata: ObjectMeta
    """Standard object metadata."""
    spec: BlueprintSpec
    """What is wanted."""
    status: BlueprintStatus = BlueprintStatus()
    """What is."""


BLUEPRINT = Kind(
    kind="Blueprint",
    plural="blueprints",
    short_names=("bp",),
    selectable=(),
    columns=(
        Column("Team", ".spec.linear.team"),
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        Column("Active", ".status.activeRuns", "integer"),
        Column("Queued", ".status.queuedRuns", "integer"),
        Column("Max", ".spec.maxConcurrentRuns", "integer"),
        Column("Reason", '.status.conditions[?(@.type=="Ready")].reason', priority=1),
        Column("Age", ".metadata.creationTimestamp", "date"),
    ),
)
