"""AgentRun: one issue, or one prompt, given to one agent."""

import datetime as dt
import enum
from typing import Annotated

from pydantic import Field, model_validator

from deputy.api.blueprint import BlueprintLinearStatus
from deputy.api.meta import (
    Address,
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
    cel,
    unique,
)
from deputy.core.claim_facts import MAX_ENTRIES
from deputy.core.phase import Phase

NO_TASK = "spec.prompt is required unless spec.linear is given"
BLANK_TASK = "spec.prompt is blank; say what is to be done"
INBOX_GROWS = "spec.inbox is only ever added to"
STAYS_STOPPED = "spec.desiredState cannot go back from Stopped; create a new run"
ATTEMPT_GROWS = "spec.attempt can only be raised"


class DesiredState(enum.StrEnum):
    """Whether a run shall go on."""

    ACTIVE = "Active"
    STOPPED = "Stopped"


class InboxKind(enum.StrEnum):
    """What somebody wants of a run."""

    PROMPT = "Prompt"
    STOP = "Stop"


class BlueprintRef(StrictModel):
    """A Blueprint in the run's namespace."""

    name: Name
    """Name of the Blueprint."""


class LinearIssue(StrictModel):
    """The Linear issue and session that a run works for."""

    organization_id: Reference
    """Id of the organisation."""
    issue_id: Reference
    """Id of the issue; it stays when the identifier changes."""
    issue_identifier: MaybeReference = ""
    """Identifier of the issue when the run began, such as ENG-42."""
    issue_title: Annotated[str, Field(max_length=1024)] = ""
    """Title of the issue when the run began."""
    issue_url: Address = ""
    """Address of the issue."""
    priority: Annotated[Int32, Field(ge=0, le=4)] = 0
    """Linear's priority: 1 urgent to 4 low, 0 none."""
    session_id: Reference = ""
    """Id of the session that the run began with; absent where the issue was withdrawn before."""
    activity_id: MaybeReference = ""
    """Id of the prompt that began the run, where it was a follow-up in an older session."""
    delegator_id: MaybeReference = ""
    """Id of the person who delegated."""
    delegator_email: MaybeReference = ""
    """E-mail address of the person who delegated."""
    app_user_id: MaybeReference = ""
    """Id of our own user in the organisation."""
    sent_time: dt.datetime | None = None
    """When that happened which the run began with, by Linear's clock."""


class InboxEntry(StrictModel):
    """Something that somebody said to a run."""

    id: Reference
    """Id of the message; the same id is taken once."""
    kind: InboxKind
    """Prompt: text for the agent. Stop: end the run."""
    session_id: MaybeReference = ""
    """Id of the Linear session that it was said in."""
    sender: Annotated[MaybeReference, Field(alias="from")] = ""
    """Who said it."""
    text: Annotated[str, Field(max_length=16384)] = ""
    """What was said."""
    received_time: dt.datetime | None = None
    """When it reached us."""
    sent_time: dt.datetime | None = None
    """When it was said, by Linear's clock."""


class AgentRunSpec(StrictModel):
    """What is to be done; nothing changes but desiredState, attempt and inbox."""

    blueprint_ref: Annotated[
        BlueprintRef,
        Field(json_schema_extra=cel(("self == oldSelf", "spec.blueprintRef cannot be changed"))),
    ]
    """The Blueprint that says how."""
    prompt: Annotated[
        str,
        Field(
            max_length=131072,
            json_schema_extra=cel(("self == oldSelf", "spec.prompt cannot be changed")),
        ),
    ] = ""
    """What the agent is asked to do."""
    linear: Annotated[
        LinearIssue | None,
        Field(json_schema_extra=cel(("self == oldSelf", "spec.linear cannot be changed"))),
    ] = None
    """The issue to work for; absent: the run was made by hand."""
    desired_state: DesiredState = DesiredState.ACTIVE
    """Stopped ends the run, whatever it is doing."""
    attempt: Annotated[
        Int32,
        Field(
            ge=1,
            le=100,
            json_schema_extra={"format": "int32"} | cel(("self >= oldSelf", ATTEMPT_GROWS)),
        ),
    ] = 1
    """Raised to start again in a fresh workspace."""
    inbox: Annotated[
        list[InboxEntry],
        Field(
            max_length=MAX_ENTRIES,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["id"],
            }
            # The sum has the old entries in place of new ones of the same ids.
            | cel(("self + oldSelf == self", INBOX_GROWS)),
        ),
    ] = []
    """What people said to the run, oldest first; only ever added to."""

    @model_validator(mode="after")
    def _has_a_task(self) -> "AgentRunSpec":
        if not self.prompt and self.linear is None:
            raise ValueError(NO_TASK)
        if self.linear is None and not self.prompt.strip():
            raise ValueError(BLANK_TASK)
        return self

    @model_validator(mode="after")
    def _takes_a_message_once(self) -> "AgentRunSpec":
        unique(entry.id for entry in self.inbox)
        return self


class PullRequestStatus(LenientModel):
    """The pull request, as the forge showed it."""

    url: Address = ""
    """Its address."""
    number: Int32 = 0
    """Its number."""
    head_sha: MaybeReference = ""
    """The commit that it proposes."""
    state: MaybeReference = ""
    """Open, Closed or Merged."""


class InboxStatus(LenientModel):
    """How much of the inbox the agent has."""

    delivered_through: MaybeReference = ""
    """Id of the last message that reached the agent."""


class ReportStatus(LenientModel):
    """What the sidecar said of the agent's work when that was over; nobody has verified it yet."""

    attempt: Annotated[Int32, Field(ge=0)] = 0
    """The attempt that it is about."""
    outcome: MaybeReference = ""
    """Completed, Failed or Stopped."""
    reason: MaybeReference = ""
    """The reason that the sidecar gave, for a failure."""
    text: Annotated[str, Field(max_length=16384)] = ""
    """The agent's last words."""
    delivered_through: MaybeReference = ""
    """Id of the last message that the agent was given."""
    branch: MaybeReference = ""
    """The branch that was pushed."""
    head_sha: MaybeReference = ""
    """The commit that was pushed; empty where nothing was."""
    commits: Annotated[Int32, Field(ge=0)] = 0
    """How many commits were made."""
    received_time: dt.datetime | None = None
    """When it arrived."""


class BlueprintUsed(LenientModel):
    """The Blueprint as it was when the run was admitted."""

    generation: Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})] = 0
    """Its generation."""
    hash: MaybeReference = ""
    """Hash of its spec."""
    linear: BlueprintLinearStatus | None = None
    """What its names stood for in Linear; a later change of the Blueprint, or of Linear, changes nothing for this run."""


class AgentRunStatus(LenientModel):
    """What became of it."""

    observed_generation: Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})] = 0
    """The generation of the spec that the rest was said of."""
    phase: Phase = Phase.QUEUED
    """Where the run is in its life; for people, derived from the conditions."""
    reason: Annotated[str, Field(max_length=256)] = ""
    """One word that says why."""
    message: Annotated[str, Field(max_length=4096)] = ""
    """A sentence that says why and what to do."""
    conditions: Conditions = []
    """Admitted: has a slot. WorkspaceReady: the pod answers. Succeeded: how it ended, Unknown while it works. Finished: over, and everybody told."""
    queue_position: Annotated[Int32, Field(ge=0)] = 0
    """Place in the Blueprint's queue, from 1; 0 once admitted."""
    priority: Annotated[Int32, Field(ge=0, le=4)] = 0
    """Linear's priority of the issue when the run was first seen."""
    attempt: Annotated[Int32, Field(ge=0)] = 0
    """The attempt that the rest was said of."""
    pod_name: MaybeReference = ""
    """Name of the workspace's pod."""
    branch: MaybeReference = ""
    """The branch that the agent works on."""
    pull_request: PullRequestStatus | None = None
    """The pull request, once it was seen on the forge."""
    sessions: Annotated[
        list[Reference],
        Field(max_length=MAX_ENTRIES + 1, json_schema_extra={"x-kubernetes-list-type": "set"}),
    ] = []
    """Every Linear session that is attached to the run."""
    inbox: InboxStatus = InboxStatus()
    """How much of the inbox the agent has."""
    report: ReportStatus | None = None
    """What the sidecar reported, from when it arrives until it is decided how the run ends."""
    blueprint: BlueprintUsed = BlueprintUsed()
    """The Blueprint as it was when the run was admitted."""
    response: Annotated[str, Field(max_length=16384)] = ""
    """The closing words, as they are posted to every session."""
    start_time: dt.datetime | None = None
    """When the run was admitted."""
    completion_time: dt.datetime | None = None
    """When it was over."""


class AgentRun(LenientModel):
    """One issue, or one prompt, given to one agent."""

    metadata: ObjectMeta
    """Standard object metadata."""
    spec: AgentRunSpec
    """What is wanted."""
    status: AgentRunStatus = AgentRunStatus()
    """What is."""


AGENT_RUN = Kind(
    kind="AgentRun",
    plural="agentruns",
    short_names=("run",),
    selectable=(".spec.blueprintRef.name", ".status.phase"),
    columns=(
        Column("Blueprint", ".spec.blueprintRef.name"),
        Column("Issue", ".spec.linear.issueIdentifier"),
        Column("Phase", ".status.phase"),
        Column("Reason", ".status.reason"),
        Column("PR", ".status.pullRequest.url"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Pod", ".status.podName", priority=1),
        Column("Branch", ".status.branch", priority=1),
        Column("Attempt", ".status.attempt", "integer", priority=1),
        Column("Position", ".status.queuePosition", "integer", priority=1),
    ),
)
