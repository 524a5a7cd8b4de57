"""A run whose AgentRun was deleted before it was over: its sessions still get their last word."""

import structlog

from deputy.api.agentrun import AgentRun
from deputy.api.facts import outcome_of
from deputy.controller.notifier import Notifier
from deputy.controller.run_state import RunStates
from deputy.core import messages
from deputy.core.phase import TERMINAL
from deputy.core.reason import RunReason

_LOG = structlog.stdlib.get_logger(__name__)


class Deletion:
    """Follows up deletions; the pod goes with its owner, by Kubernetes' own garbage collector."""

    def __init__(self, states: RunStates, notifier: Notifier) -> None:
        self._states = states
        self._notifier = notifier

    def handle(self, run: AgentRun) -> None:
        """Tell the sessions of a deleted run, unless they were told."""
        self._states.forget(run.metadata.uid)
        if run.status.phase in TERMINAL or run.spec.linear is None:
            return
        _LOG.info("a live run was deleted", run=run.metadata.name)
        # An end that is recorded is the one that is told, be it for the second time.
        outcome = outcome_of(run) or messages.deleted(run.metadata.name)
        if outcome.reason is RunReason.ISSUE_NOT_ALLOWED:
            return  # The issue is somebody else's, and so is its session.
        self._notifier.deleted(run, outcome)
