"""Everything that a decision about one AgentRun is made of: facts, gathered by the shell."""

import dataclasses
import datetime as dt
import enum

from deputy.core.admission import NO_SLOT, Slot
from deputy.core.outcome import Problem, RunOutcome
from deputy.core.phase import Phase
from deputy.core.pod_delay import PodDelay
from deputy.wire import Finished


class BlueprintState(enum.Enum):
    """Whether a run's Blueprint can be used."""

    READY = enum.auto()
    UNKNOWN = enum.auto()
    """Not looked at yet, or what it names cannot be reached: wait."""
    NOT_READY = enum.auto()
    """Its user has to change it."""
    MISSING = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True)
class PodSeen:
    """What is seen of a run's pod."""

    attempt: int
    deleting: bool = False
    grace: dt.timedelta | None = None
    """The time that whoever deleted it has given its containers."""
    over: bool = False
    problem: Problem | None = None
    killed: Problem | None = None
    """Why the agent's container is gone though nobody took the pod away."""
    serving_since: dt.datetime | None = None
    """Since when the sidecar's container runs; from then on it should be heard."""
    overdue: bool = False
    """Whether it was deleted, and its time is over: no quota counts it any more."""
    abandoned: bool = False
    """Whether it has been overdue for a while: no node clears it up."""

    @property
    def is_silenced(self) -> bool:
        """Whether no sidecar of it can say anything any more."""
        return self.over or self.overdue


@dataclasses.dataclass(frozen=True, slots=True)
class PullRequestSeen:
    """The pull request as the forge showed it."""

    url: str
    number: int
    head_sha: str
    complaints: tuple[str, ...] = ()
    """What the forge refused beside it, such as labels and reviewers."""


@dataclasses.dataclass(frozen=True, slots=True)
class Observed:
    """Everything that is known of one run at one moment."""

    now: dt.datetime
    phase: Phase
    created: dt.datetime
    attempt: int = 1
    """The attempt that is wanted."""
    status_attempt: int = 1
    """The attempt that the status tells of; older than the wanted one after a restart."""
    has_issue: bool = False
    has_repository: bool = False
    has_task: bool = True
    """Whether anybody has said what is to be done."""
    stop_wanted: bool = False
    timeout: dt.timedelta = dt.timedelta(hours=1)
    ttl: dt.timedelta = dt.timedelta(days=1)
    started: dt.datetime | None = None
    completed: dt.datetime | None = None
    blueprint: BlueprintState = BlueprintState.READY
    blueprint_message: str = ""
    foreign_to: str = ""
    """The Blueprint that takes no issues like the run's, though the run claims one."""
    acknowledged: bool = True
    """Whether the first word was handed to the tracker."""
    issue_read: bool = True
    """Whether the tracker was asked for the issue; true without one."""
    refusal: Problem | None = None
    """Why the issue may not be worked on, judged from what was read."""
    earlier_run: str = ""
    """A run of the same issue that has to be over, with its pod gone, before this one starts."""
    blocked: bool = False
    """Whether the status says that the run waits for an earlier one, which keeps it out of line."""
    slot: Slot = NO_SLOT
    pod: PodSeen | None = None
    pod_delay: PodDelay | None = None
    """What kept the pod from being created when that was tried last."""
    delay_noted: bool = False
    """Whether status and session tell of it."""
    last_contact: dt.datetime | None = None
    """When the sidecar was last heard; the leader's own first look where it never was."""
    connected: bool = False
    awaiting: bool = False
    stop_asked: dt.datetime | None = None
    report: Finished | None = None
    unrecorded: int = 0
    """How many messages the agent was given of which the status does not tell yet."""
    undelivered: int = 0
    """How many messages of people the agent was not given."""
    pull_request: PullRequestSeen | None = None
    pull_request_problem: Problem | None = None
    outcome: RunOutcome | None = None
    """How the run ends, as its status has it."""
    log_saved: bool = False
    notified: bool = False
    """Whether the tracker has the end."""
    queue_noted: bool = False
    """Whether status and session tell that the run waits, and why."""
    silent: dt.timedelta = dt.timedelta()
    """How long nothing was shown in the run's session."""
