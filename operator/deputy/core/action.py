"""What may be done for a run; the shell carries each of them out, and may do so again."""

import dataclasses
import datetime as dt
from typing import TypeAlias

from deputy.core.outcome import RunOutcome
from deputy.core.phase import Phase
from deputy.core.pod_delay import PodObstacle
from deputy.core.reason import RunReason


@dataclasses.dataclass(frozen=True, slots=True)
class Acknowledge:
    """Give every session its first word."""


@dataclasses.dataclass(frozen=True, slots=True)
class ReadIssue:
    """Ask the tracker for the issue's state, labels and priority."""


@dataclasses.dataclass(frozen=True, slots=True)
class Wait:
    """Note in the status that the run waits, and tell its place."""

    reason: RunReason
    message: str
    position: int = 0
    quiet: bool = False
    """Whether the sessions were told of it already."""


@dataclasses.dataclass(frozen=True, slots=True)
class Admit:
    """Take a slot: from here on the run counts against the cap."""


@dataclasses.dataclass(frozen=True, slots=True)
class CreatePod:
    """Create the workspace's pod, tell the tracker that work begins, note it in the status."""


@dataclasses.dataclass(frozen=True, slots=True)
class NoteDelay:
    """Note in the status, and tell, what keeps the run's pod from being created."""

    obstacle: PodObstacle


@dataclasses.dataclass(frozen=True, slots=True)
class MoveTo:
    """Note a new phase in the status."""

    phase: Phase
    reason: RunReason
    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class KeepAlive:
    """Show, for a moment, that the run lives though it has nothing to say."""


@dataclasses.dataclass(frozen=True, slots=True)
class AskToStop:
    """Have the sidecar cancel the agent and save its work."""


@dataclasses.dataclass(frozen=True, slots=True)
class OpenPullRequest:
    """Open the pull request, or find the open one, and verify branch and commit."""


@dataclasses.dataclass(frozen=True, slots=True)
class Conclude:
    """Record how the run ends; from here on it holds no slot but that of its pod."""

    outcome: RunOutcome


@dataclasses.dataclass(frozen=True, slots=True)
class SaveLog:
    """Keep the pod's log."""


@dataclasses.dataclass(frozen=True, slots=True)
class DeletePod:
    """Delete the pod, giving its sidecar `grace` to save."""

    grace: dt.timedelta


@dataclasses.dataclass(frozen=True, slots=True)
class NotifyEnd:
    """Give every session its closing activity, and the issue its state."""

    outcome: RunOutcome


@dataclasses.dataclass(frozen=True, slots=True)
class Finish:
    """Note that the run is over and everybody was told."""

    outcome: RunOutcome


@dataclasses.dataclass(frozen=True, slots=True)
class DeleteRun:
    """Delete the AgentRun, which is older than it has to be kept."""


Action: TypeAlias = (
    Acknowledge
    | ReadIssue
    | Wait
    | Admit
    | CreatePod
    | NoteDelay
    | MoveTo
    | KeepAlive
    | AskToStop
    | OpenPullRequest
    | Conclude
    | SaveLog
    | DeletePod
    | NotifyEnd
    | Finish
    | DeleteRun
)


@dataclasses.dataclass(frozen=True, slots=True)
class NextActions:
    """What to do now, in this order, and when to look again at the latest."""

    actions: tuple[Action, ...] = ()
    requeue_after: dt.timedelta | None = None
