"""What the leader knows of a run beyond its object; losing it costs a repetition, no more."""

import dataclasses
import datetime as dt
import time
from collections.abc import Callable

from deputy.api.agentrun import AgentRun
from deputy.api.facts import attempt_of, is_concluded, prompts_in
from deputy.clock import utc_now
from deputy.controller.jobs import RunJobs
from deputy.core.action import Wait
from deputy.core.conversation import RelayConversation
from deputy.core.observed import PullRequestSeen
from deputy.core.outcome import Problem
from deputy.core.phase import TERMINAL
from deputy.core.pod_delay import PodDelay
from deputy.core.prompt import with_branch
from deputy.trackers.models import Issue
from deputy.wire import Finished, Message, MessageKind


@dataclasses.dataclass(slots=True)
class RunState:
    """What the leader knows of one run."""

    conversation: RelayConversation
    issue_read: bool = False
    """Whether the tracker was asked for the issue."""
    issue: Issue | None = None
    """The issue as the tracker told it; None where it could not be read."""
    acknowledged: frozenset[str] = frozenset()
    """Sessions whose first word was handed to the tracker."""
    start_notified: bool = False
    """Whether this leader has told the tracker that work begins."""
    stuck_since: dict[str, dt.datetime] = dataclasses.field(default_factory=dict)
    """Since when containers of the pod were seen to wait for what may never come."""
    pod_delay: PodDelay | None = None
    """Why the run has no pod yet though it may have one."""
    noted_wait: Wait | None = None
    """The wait that status and sessions tell."""
    pull_request: PullRequestSeen | None = None
    refused_report: tuple[Finished, Problem] | None = None
    """The report that no pull request came of, and why."""
    jobs: RunJobs = dataclasses.field(default_factory=RunJobs)
    """The slow work that is under way for it."""
    notifying: bool = False
    notified: bool = False
    untold: str = ""
    """Why the tracker has the end, but not every session its closing words."""
    log_saved: bool = False

    @property
    def pull_request_problem(self) -> Problem | None:
        """Why no pull request came of the present report; another turn may fare better."""
        if self.refused_report is None or self.refused_report[0] != self.conversation.report:
            return None
        return self.refused_report[1]


class RunStates:
    """The states of all runs, by uid."""

    def __init__(self, clock: Callable[[], dt.datetime] = utc_now) -> None:
        self._clock = clock
        self._by_uid: dict[str, RunState] = {}

    def refresh(self, run: AgentRun) -> RunState:
        """Bring the state of `run` up to what its object tells, and return it.

        A new attempt starts with a new conversation; a run whose end is recorded needs none.
        """
        state = self._state_of(run.metadata.uid, attempt_of(run))
        conversation, status = state.conversation, run.status
        conversation.take_over(status.phase, status.inbox.delivered_through, self._clock())
        if is_concluded(run) or status.phase in TERMINAL:
            conversation.finish()
        else:
            conversation.set_prompts(messages_of(run), time.monotonic())
        return state

    def conversation(self, run: AgentRun) -> RelayConversation:
        """Return the conversation with the present attempt of `run`, brought up to date."""
        return self.refresh(run).conversation

    def forget(self, uid: str) -> None:
        """Drop the state of a run that is gone, and let its sidecar's polls end."""
        state = self._by_uid.pop(uid, None)
        if state is not None:
            state.jobs.cancel_all()
            state.conversation.finish()

    def wake_all(self) -> None:
        """Let every waiting poll answer, so that the relay can end."""
        for state in self._by_uid.values():
            state.conversation.wake()

    def _state_of(self, uid: str, attempt: int) -> RunState:
        state = self._by_uid.get(uid)
        if state is None:
            state = self._by_uid[uid] = RunState(RelayConversation(uid, attempt))
        elif state.conversation.attempt != attempt:
            state.conversation = RelayConversation(uid, attempt)
            state.pull_request = state.refused_report = state.pod_delay = None
            state.log_saved = False
            state.stuck_since = {}
        return state


def messages_of(run: AgentRun) -> tuple[Message, ...]:
    """Return the task of `run` and what people said to it since, in order."""
    task = Message(
        f"task-{attempt_of(run)}",
        MessageKind.PROMPT,
        with_branch(run.spec.prompt, run.status.branch),
    )
    said = (
        Message(entry.id, MessageKind.PROMPT, entry.text, entry.sender) for entry in prompts_in(run)
    )
    return (task, *said)
