"""Why a run or a Blueprint is as it is: every `reason` that a condition may carry."""

import enum


class RunReason(enum.StrEnum):
    """Reasons of AgentRun conditions; `docs/reference.md` has a line for each."""

    # Waiting
    WAITING_FOR_SLOT = "WaitingForSlot"
    WAITING_FOR_EARLIER_RUN = "WaitingForEarlierRun"
    BLUEPRINT_NOT_READY = "BlueprintNotReady"
    BLUEPRINT_NOT_FOUND = "BlueprintNotFound"
    # Going
    ADMITTED = "Admitted"
    QUOTA_EXCEEDED = "QuotaExceeded"
    POD_FORBIDDEN = "PodForbidden"
    POD_NOT_CREATED = "PodNotCreated"
    POD_CREATED = "PodCreated"
    WORKSPACE_READY = "WorkspaceReady"
    WORKING = "Working"
    AWAITING_ANSWER = "AwaitingAnswer"
    # Over, and not everybody could be told
    CLOSING_WORDS_REFUSED = "ClosingWordsRefused"
    # Not picked up
    STATE_NOT_ALLOWED = "StateNotAllowed"
    DELEGATOR_NOT_ALLOWED = "DelegatorNotAllowed"
    TASK_MISSING = "TaskMissing"
    ISSUE_NOT_ALLOWED = "IssueNotAllowed"
    # Succeeded
    PULL_REQUEST_OPENED = "PullRequestOpened"
    NO_CHANGES = "NoChanges"
    COMPLETED = "Completed"
    # Stopped
    STOPPED_BY_USER = "StoppedByUser"
    # Timed out
    TIMED_OUT = "DeadlineExceeded"
    # Failed
    IMAGE_PULL_FAILED = "ImagePullFailed"
    UNSCHEDULABLE = "Unschedulable"
    POD_REFUSED = "PodRefused"
    POD_DISAPPEARED = "PodDisappeared"
    POD_EVICTED = "PodEvicted"
    OOM_KILLED = "OOMKilled"
    PREPARE_FAILED = "PrepareFailed"
    SETUP_FAILED = "SetupFailed"
    AGENT_FAILED = "AgentFailed"
    AGENT_KILLED = "AgentKilled"
    AGENT_NOT_STARTED = "AgentNotStarted"
    AGENT_LOST = "AgentLost"
    PUSH_REJECTED = "PushRejected"
    PULL_REQUEST_REFUSED = "PullRequestRefused"
    PULL_REQUEST_NOT_VERIFIED = "PullRequestNotVerified"
    CREDENTIALS_MISSING = "CredentialsMissing"


class BlueprintReason(enum.StrEnum):
    """Reasons of Blueprint conditions; `docs/reference.md` has a line for each."""

    READY = "Ready"
    ACCEPTED = "Accepted"
    CONFLICT = "Conflict"
    NAMESPACE_NOT_ALLOWED = "NamespaceNotAllowed"
    LINEAR_NOT_CONNECTED = "LinearNotConnected"
    ORGANIZATION_NOT_FOUND = "OrganizationNotFound"
    TEAM_NOT_FOUND = "TeamNotFound"
    STATE_NOT_FOUND = "StateNotFound"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105  a reason, not a secret
    LINEAR_UNREACHABLE = "LinearUnreachable"
