"""Carry out what was decided, one action at a time; every one may be carried out again."""

import asyncio
import contextlib
import datetime as dt
import functools
from collections.abc import Callable
from typing import Any, assert_never

import structlog

from deputy.api.agentrun import AgentRun
from deputy.api.blueprint import Blueprint
from deputy.api.facts import contender, hash_of, sessions_of
from deputy.api.meta import micro_timestamp
from deputy.api.names import pod_name
from deputy.controller import metrics, status
from deputy.controller.branches import branch_of
from deputy.controller.notifier import Notifier
from deputy.controller.pods import create_pod, delete_pod
from deputy.controller.pull_requests import PullRequests
from deputy.controller.run_state import RunState
from deputy.controller.slots import Slots
from deputy.core import messages
from deputy.core.action import (
    Acknowledge,
    Action,
    Admit,
    AskToStop,
    Conclude,
    CreatePod,
    DeletePod,
    DeleteRun,
    Finish,
    KeepAlive,
    MoveTo,
    NoteDelay,
    NotifyEnd,
    OpenPullRequest,
    ReadIssue,
    SaveLog,
    Wait,
)
from deputy.core.outcome import RunOutcome
from deputy.core.phase import Phase
from deputy.core.pod_delay import PodObstacle, delayed
from deputy.core.reason import RunReason
from deputy.errors import DeputyError
from deputy.kube import resources
from deputy.kube.cache import Cache
from deputy.kube.client import Kube
from deputy.kube.errors import Invalid, KubeError, KubeRefused, NotFound, Unavailable
from deputy.kube.store import Key
from deputy.trackers.linear.tracker import Tracker
from deputy.workspace.logs import save_log
from deputy.workspace.pod import WorkspaceSettings

_LOG = structlog.stdlib.get_logger(__name__)


#: Runs whose logs are fetched at once: what a lost node never answers holds connections.
_LOG_READS = 8


class DecisionOutdated(DeputyError):
    """What was decided no longer fits; look again."""


class Actor:
    """Carries out the actions of `core.action`."""

    def __init__(
        self,
        *,
        kube: Kube,
        cache: Cache,
        tracker: Tracker,
        notifier: Notifier,
        pull_requests: PullRequests,
        workspace: WorkspaceSettings,
        slots: Slots,
        enqueue: Callable[[Key], None],
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._tracker = tracker
        self._notifier = notifier
        self._pull_requests = pull_requests
        self._workspace = workspace
        self._slots = slots
        self._enqueue = enqueue
        self._log_reads = asyncio.Semaphore(_LOG_READS)

    async def act(self, run: AgentRun, state: RunState, action: Action, now: dt.datetime) -> bool:
        """Carry out `action`; raise `KubeError` or `DecisionOutdated` for it to be repeated.

        Returns False where it goes on in the background: whatever comes after it has to wait, and
        the run is enqueued when it is done.
        """
        match action:
            case Acknowledge():
                state.acknowledged = self._notifier.acknowledge(run, state.acknowledged)
            case ReadIssue() | OpenPullRequest() | SaveLog():
                self._begin(run, state, action)
                return False
            case Wait():
                await self._wait(run, state, action, now)
            case Admit():
                await self._admit(run, state, now)
            case CreatePod():
                await self._launch(run, state, now)
            case NoteDelay(obstacle):
                await self._note_delay(run, obstacle, now)
            case MoveTo():
                await self._move(run, state, action, now)
            case KeepAlive():
                state.conversation.shown_at = now
                self._notifier.keep_alive(run, int(now.timestamp()))
            case AskToStop():
                state.jobs.cancel(OpenPullRequest)
                state.conversation.ask_to_stop(now)
                self._notifier.stopping(run)
            case Conclude(outcome):
                await self._conclude(run, state, outcome, now)
            case DeletePod(grace):
                await delete_pod(self._kube, self._cache, run, grace)
                self._pass_slot_on(run)
            case NotifyEnd(outcome):
                self._notify_end(run, state, outcome)
            case Finish(outcome):
                await self._finish(run, state, outcome, now)
            case DeleteRun():
                await self._delete_run(run)
            case _:
                assert_never(action)
        return True

    def _begin(
        self, run: AgentRun, state: RunState, action: ReadIssue | OpenPullRequest | SaveLog
    ) -> None:
        """Begin what may take long, unless it goes on already."""
        match action:
            case ReadIssue():
                work = self._read_issue
            case OpenPullRequest():
                work = self._open_pull_request
            case SaveLog():
                work = self._save_log
            case _:
                assert_never(action)
        key = (run.metadata.namespace, run.metadata.name)
        wake = functools.partial(self._enqueue, key)
        state.jobs.start(type(action), functools.partial(work, run, state), wake)

    async def _save_log(self, run: AgentRun, state: RunState) -> None:
        conversation = state.conversation
        async with self._log_reads:
            await save_log(self._kube, run)
        # It may be another attempt's turn by now.
        if state.conversation is conversation:
            state.log_saved = True

    async def _read_issue(self, run: AgentRun, state: RunState) -> None:
        if run.spec.linear is not None:
            state.issue = await self._tracker.issue(run.spec.linear.issue_id)
            state.issue_read = True

    async def _wait(self, run: AgentRun, state: RunState, wait: Wait, now: dt.datetime) -> None:
        wanted = status.moved(run, Phase.QUEUED, wait.reason, wait.message, now)
        wanted |= {"queuePosition": wait.position, "sessions": list(sessions_of(run))}
        if state.issue_read:
            wanted["priority"] = state.issue.priority if state.issue else 0
        await self._write(run, wanted)
        if not wait.quiet and (state.noted_wait is None or state.noted_wait.quiet):
            self._notifier.waits(run, wait.message)
        state.noted_wait = wait

    async def _admit(self, run: AgentRun, state: RunState, now: dt.datetime) -> None:
        blueprint = self._blueprint(run)
        # From here on the slot is counted as taken, until the store shows the run's new phase.
        self._slots.assumed.add(run.metadata.uid)
        try:
            await self._write(run, self._admitted(run, blueprint, state, now))
        except Unavailable:
            # It may be written all the same: the slot stays taken until the store tells.
            raise
        except BaseException:
            self._slots.assumed.discard(run.metadata.uid)
            raise
        self._slots.assumed.discard(run.metadata.uid)
        metrics.QUEUE_WAIT.observe((now - contender(run).created).total_seconds())

    def _admitted(
        self, run: AgentRun, blueprint: Blueprint, state: RunState, now: dt.datetime
    ) -> dict[str, Any]:
        """Return the status of a run that has a slot, with all that is resolved for it."""
        spec = blueprint.spec
        return status.moved(run, Phase.CLAIMED, RunReason.ADMITTED, "has a slot", now) | {
            "queuePosition": 0,
            "priority": state.issue.priority if state.issue else 0,
            "attempt": run.spec.attempt,
            "podName": pod_name(run.metadata.name, run.spec.attempt),
            "branch": branch_of(run, spec.repository, self._cache),
            "sessions": list(sessions_of(run)),
            "blueprint": {
                "generation": blueprint.metadata.generation,
                "hash": hash_of(spec),
                "linear": blueprint.status.linear.model_dump(by_alias=True),
            },
            "startTime": micro_timestamp(now),
        }

    async def _launch(self, run: AgentRun, state: RunState, now: dt.datetime) -> None:
        spec = self._blueprint(run).spec
        refusal = await create_pod(self._kube, self._cache, run, spec, self._workspace)
        if isinstance(refusal, PodObstacle):
            state.pod_delay = delayed(state.pod_delay, refusal, now)
            return
        if refusal is not None:
            await self._conclude(run, state, refusal, now)
            return
        state.pod_delay = None
        metrics.CLAIM_TO_POD.observe((now - contender(run).created).total_seconds())
        state.start_notified = self._notifier.started(run) or state.start_notified
        name = pod_name(run.metadata.name, run.spec.attempt)
        wanted = status.moved(
            run, Phase.LAUNCHING, RunReason.POD_CREATED, f"pod {name} starts", now
        )
        await self._write(run, wanted | {"attempt": run.spec.attempt, "podName": name})

    async def _note_delay(self, run: AgentRun, obstacle: PodObstacle, now: dt.datetime) -> None:
        claimed = run.status.phase is Phase.CLAIMED
        # The workspace of an older attempt answers no more.
        phase = Phase.CLAIMED if claimed else Phase.LAUNCHING
        await self._write(run, status.moved(run, phase, obstacle.reason, obstacle.message, now))
        self._notifier.delayed(run, obstacle.message)

    async def _move(self, run: AgentRun, state: RunState, to: MoveTo, now: dt.datetime) -> None:
        wanted = status.moved(run, to.phase, to.reason, to.message, now)
        wanted |= {
            "sessions": list(sessions_of(run)),
            "inbox": {"deliveredThrough": state.conversation.delivered_through},
        }
        first = run.status.phase in (Phase.CLAIMED, Phase.LAUNCHING)
        if first and run.status.start_time is not None:
            waited = (now - run.status.start_time).total_seconds()
            metrics.POD_TO_HELLO.observe(waited)
        await self._write(run, wanted)
        if first:
            self._notifier.first_contact(run, state, to.phase)

    async def _open_pull_request(self, run: AgentRun, state: RunState) -> None:
        report, spec = state.conversation.report, self._cache.spec_of(run)
        if report is None or spec is None:
            raise DecisionOutdated("the report is gone")
        self._notifier.delivers(run, state.conversation.plan)
        opened = await self._pull_requests.open(run, spec, report)
        if state.conversation.report != report:
            # People have said more meanwhile, or the run began again.
            return
        state.pull_request = opened.pull_request
        state.refused_report = (report, opened.problem) if opened.problem else None

    async def _conclude(
        self, run: AgentRun, state: RunState, outcome: RunOutcome, now: dt.datetime
    ) -> None:
        state.jobs.cancel(OpenPullRequest)
        wanted = status.concluded(run, outcome, now)
        wanted["sessions"] = list(sessions_of(run))
        wanted["inbox"] = {"deliveredThrough": state.conversation.delivered_through}
        if run.status.report is not None:
            # It is long, and what counts of it is in the outcome now.
            wanted["report"] = None
        if state.pull_request is not None:
            wanted["pullRequest"] = {
                "url": state.pull_request.url,
                "number": state.pull_request.number,
                "headSha": state.pull_request.head_sha,
                "state": "Open",
            }
        await self._write(run, wanted)
        if state.conversation.stop_asked is not None:
            waited = (now - state.conversation.stop_asked).total_seconds()
            metrics.STOP_SECONDS.observe(waited)
        state.conversation.finish()
        self._pass_slot_on(run)

    def _pass_slot_on(self, run: AgentRun) -> None:
        """Enqueue the runs that may get the slot of `run`, unless its pod holds it."""
        if self._cache.pod_of(run) is None:
            for key in self._slots.next_in_line(run):
                self._enqueue(key)

    def _notify_end(self, run: AgentRun, state: RunState, outcome: RunOutcome) -> None:
        if state.notifying:
            return
        key = run.metadata.key
        updates = self._notifier.ends(run, outcome, state.conversation.plan)
        if not updates:
            state.notified = True
            self._enqueue(key)
            return

        def on_result(untold: str | None) -> None:
            state.notifying, state.notified = False, untold is not None
            state.untold = untold or ""
            self._enqueue(key)

        state.notifying = True
        self._notifier.submit_end(run, outcome, updates, on_result)

    async def _finish(
        self, run: AgentRun, state: RunState, outcome: RunOutcome, now: dt.datetime
    ) -> None:
        await self._write(run, status.finished(run, outcome, now, state.untold))
        metrics.RUNS_ENDED.labels(outcome.reason.value).inc()
        _LOG.info("run is over", run=run.metadata.name, reason=outcome.reason.value)

    async def _delete_run(self, run: AgentRun) -> None:
        path = resources.agentruns(*run.metadata.key)
        with contextlib.suppress(NotFound):
            await self._kube.delete(path, preconditions={"uid": run.metadata.uid})
        # The watch may take its time to tell; until then there is nothing left to look at.
        self._cache.runs.drop(*run.metadata.key, int(run.metadata.resource_version))

    def _blueprint(self, run: AgentRun) -> Blueprint:
        blueprint = self._cache.blueprint_of(run)
        if blueprint is None:
            raise DecisionOutdated(f"Blueprint {run.spec.blueprint_ref.name} is gone")
        return blueprint

    async def _write(self, run: AgentRun, wanted: dict[str, Any]) -> None:
        """Write the status of `run`, unless it has changed since it was looked at."""
        path = resources.agentruns(*run.metadata.key)
        body = {"metadata": {"resourceVersion": run.metadata.resource_version}, "status": wanted}
        try:
            self._cache.runs.put(await self._kube.patch(f"{path}/status", body))
        except (Invalid, KubeRefused) as error:
            self._let_others_pass(run, error)
            raise
        self._slots.unwritable.discard(run.metadata.uid)

    def _let_others_pass(self, run: AgentRun, error: KubeError) -> None:
        """Hold nobody up behind a run whose status is refused, and say what is wrong with it."""
        if run.metadata.uid not in self._slots.unwritable:
            self._slots.unwritable.add(run.metadata.uid)
            self._notifier.delayed(run, messages.not_writable(run.metadata.name, error.message))
            self._pass_slot_on(run)
