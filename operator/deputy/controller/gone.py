"""A run whose AgentRun was deleted before it was over: its sessions still get their last word."""

import asyncio
from typing import Any

import structlog

from deputy.api.agentrun import AgentRun
from deputy.controller.cluster import sessions_of
from deputy.controller.memory import Memories
from deputy.controller.status import ending_of
from deputy.controller.tracker import Tracker
from deputy.core import telling, words
from deputy.core.phase import TERMINAL

_log = structlog.get_logger()


class Gone:
    """Follows up deletions; the pod goes with its owner, by Kubernetes' own garbage collector."""

    def __init__(self, memories: Memories, tracker: Tracker) -> None:
        self._memories = memories
        self._tracker = tracker
        self._tasks: set[asyncio.Task[None]] = set()

    def run_gone(self, body: dict[str, Any]) -> None:
        """Follow up the last word that a watch has of a run."""
        self.follow_up(AgentRun.model_validate(body, extra="ignore"))

    def follow_up(self, run: AgentRun) -> None:
        """Tell the sessions of a deleted run, unless they were told."""
        self._memories.forget(run.metadata.uid)
        if run.status.phase in TERMINAL or run.spec.linear is None:
            return
        _log.info("a live run was deleted", run=run.metadata.name)
        audience = telling.Audience(
            run_uid=run.metadata.uid,
            run_name=run.metadata.name,
            issue_id=run.spec.linear.issue_id,
            session=run.spec.linear.session_id,
            sessions=sessions_of(run),
        )
        for session in audience.sessions:
            self._tracker.close_session(session)
        # An end that is recorded is the one that is told, be it for the second time.
        ending = ending_of(run) or words.deleted(run.metadata.name)
        updates = telling.closing(audience, ending)
        task = asyncio.get_running_loop().create_task(self._tracker.submit_all(updates))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
