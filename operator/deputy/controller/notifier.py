"""Submit to the tracker what the operator itself says of a run; what was lost is said again."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

import structlog

from deputy.api.agentrun import AgentRun, InboxKind
from deputy.api.blueprint import BlueprintLinearStatus
from deputy.api.facts import sessions_of, was_ending_before
from deputy.controller.run_state import RunState
from deputy.core import messages, notifications
from deputy.core.acknowledgements import acknowledgements_of, as_activity, first
from deputy.core.notifications import Recipients
from deputy.core.outcome import RunOutcome
from deputy.core.phase import Phase
from deputy.core.reason import RunReason
from deputy.kube.cache import Cache
from deputy.log import described
from deputy.trackers.linear.tracker import Tracker
from deputy.trackers.updates import PostActivity, Priority, Update
from deputy.wire import Step

_LOG = structlog.stdlib.get_logger(__name__)


class Notifier:
    """Posts to the sessions of runs; a run that was made by hand has none.

    Nothing here waits for the tracker: its writer keeps what it was handed until the tracker has
    it, and what dies with the writer the next leader says again under the same ids.
    """

    def __init__(self, cache: Cache, tracker: Tracker) -> None:
        self._cache = cache
        self._tracker = tracker
        self._background: set[asyncio.Task[None]] = set()
        #: The sessions of deleted runs, which were told the end.
        self.told: set[str] = set()

    def acknowledge(self, run: AgentRun, acknowledged: frozenset[str]) -> frozenset[str]:
        """Give every session its first word, unless it is among `acknowledged`; return all."""
        linear = run.spec.linear
        if linear is None:
            return acknowledged
        # Who stops a run has not joined it.
        said = (entry for entry in run.spec.inbox if entry.kind is InboxKind.PROMPT)
        joined = [entry.session_id for entry in said if entry.session_id]
        opening = first(linear.session_id, linear.activity_id, was_ending_before(run))
        owed = acknowledgements_of(run.metadata.name, run.metadata.uid, opening, joined)
        for session in sessions_of(run):
            self._tracker.open_session(session)
            self.told.discard(session)
        self._submit([as_activity(one) for one in owed if one.session_id not in acknowledged])
        return acknowledged | set(sessions_of(run))

    def waits(self, run: AgentRun, message: str) -> None:
        """Tell every session why its run waits."""
        if recipients := self._recipients(run):
            self._submit(notifications.waiting(recipients, message))

    def delayed(self, run: AgentRun, message: str) -> None:
        """Tell every session what keeps the run's pod from being created."""
        if recipients := self._recipients(run):
            self._submit(notifications.delayed(recipients, message))

    def started(self, run: AgentRun) -> bool:
        """Tell that work begins; return whether there was anybody to tell."""
        recipients = self._recipients(run)
        if recipients is None:
            return False
        self._submit(notifications.start(recipients))
        return True

    def keep_alive(self, run: AgentRun, at: int) -> None:
        """Show for a moment that the run lives; `at` tells one such moment from the next."""
        if recipients := self._recipients(run):
            self._submit(notifications.keep_alive(recipients, run.status.phase, at))

    def stopping(self, run: AgentRun) -> None:
        """Show that the run is being stopped."""
        if recipients := self._recipients(run):
            self._submit(notifications.stopping(recipients))

    def first_contact(self, run: AgentRun, state: RunState, phase: Phase) -> None:
        """Tell that the workspace answers, now that the run is in `phase`."""
        if recipients := self._recipients(run):
            # The leader that made the pod may have died before the tracker heard of it.
            start = () if state.start_notified else notifications.start(recipients)
            plan = notifications.progress(recipients, phase, state.conversation.plan)
            self._submit((*start, *plan))
            state.start_notified = True

    def delivers(self, run: AgentRun, plan: tuple[Step, ...]) -> None:
        """Tell that the pull request is being opened."""
        if recipients := self._recipients(run):
            phase = run.status.phase
            self._submit(notifications.progress(recipients, phase, plan, delivering=True))

    def ends(self, run: AgentRun, outcome: RunOutcome, plan: tuple[Step, ...]) -> list[Update]:
        """Return what tells everybody how the run ends; nothing where there is nobody to tell."""
        recipients = self._recipients(run)
        if recipients is None:
            return []
        if outcome.reason is RunReason.STOPPED_BY_USER:
            for session in recipients.sessions:
                self._tracker.close_session(session)
        pull_request = run.status.pull_request.url if run.status.pull_request else ""
        return list(notifications.end(recipients, outcome, run.status.phase, plan, pull_request))

    def submit_end(
        self,
        run: AgentRun,
        outcome: RunOutcome,
        updates: Sequence[Update],
        on_result: Callable[[str | None], None],
    ) -> None:
        """Submit `updates`, and call `on_result` once the tracker has them, or never will.

        It gets None where that is not known, an empty text where every session has its closing
        words, be they the plain ones, else why not.
        """
        if recipients := self._recipients(run):
            self._begin(self._submit_and_report(recipients, outcome, updates, on_result))

    def deleted(self, run: AgentRun, outcome: RunOutcome) -> None:
        """Give every session of a run that is gone its closing words, and nothing else."""
        linear = run.spec.linear
        if linear is None:
            return
        recipients = Recipients(
            run_uid=run.metadata.uid,
            run_name=run.metadata.name,
            issue_id=linear.issue_id,
            session=linear.session_id,
            sessions=sessions_of(run),
        )
        for session in recipients.sessions:
            self._tracker.close_session(session)
            self.told.add(session)
        closing = notifications.closing(recipients, outcome)
        self._begin(self._submit_and_report(recipients, outcome, closing, _log_untold))

    def _recipients(self, run: AgentRun) -> Recipients | None:
        linear = run.spec.linear
        if linear is None:
            return None
        ids = self._ids_for(run)
        spec = self._cache.spec_of(run)
        return Recipients(
            run_uid=run.metadata.uid,
            run_name=run.metadata.name,
            issue_id=linear.issue_id,
            session=linear.session_id,
            sessions=sessions_of(run),
            app_user_id=linear.app_user_id,
            in_progress=ids.in_progress_state_id if ids else "",
            in_review=ids.in_review_state_id if ids else "",
            needs_human=ids.needs_human_state_id if ids else "",
            has_repository=spec is not None and spec.repository is not None,
        )

    def _ids_for(self, run: AgentRun) -> BlueprintLinearStatus | None:
        """Return what the Blueprint's names stood for when `run` was admitted, else stand for."""
        if run.status.blueprint.linear is not None:
            return run.status.blueprint.linear
        blueprint = self._cache.blueprint_of(run)
        return blueprint.status.linear if blueprint is not None else None

    def _submit(self, updates: Sequence[Update]) -> None:
        if updates:
            self._begin(self._submit_all(updates))

    async def _submit_all(self, updates: Sequence[Update]) -> None:
        await self._tracker.submit_all(updates)

    async def _submit_and_report(
        self,
        recipients: Recipients,
        outcome: RunOutcome,
        updates: Sequence[Update],
        on_result: Callable[[str | None], None],
    ) -> None:
        untold: str | None = None
        try:
            untold = await self._tell_end(recipients, outcome, updates)
        finally:
            on_result(untold)

    async def _tell_end(
        self, recipients: Recipients, outcome: RunOutcome, updates: Sequence[Update]
    ) -> str:
        """Submit `updates`; what is refused of the closing words is said again plainly."""
        refusals = await self._tracker.submit_all(updates)
        again = [
            notifications.closing_plainly(recipients, outcome, update.session_id)
            for update, refusal in zip(updates, refusals, strict=True)
            if refusal and isinstance(update, PostActivity) and update.priority is Priority.TERMINAL
        ]
        refused = [refusal for refusal in await self._tracker.submit_all(again) if refusal]
        if not refused:
            return ""
        sessions = len(recipients.sessions)
        return messages.untold(len(refused), sessions, refused[0])

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        """Log what became of work in the background; the next look submits it again."""
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.info("not told yet", error=described(error))


def _log_untold(untold: str | None) -> None:
    """Log that a deleted run's closing words were refused: there is no status left to say it."""
    if untold:
        _LOG.warning("closing words were refused", reason=untold)
