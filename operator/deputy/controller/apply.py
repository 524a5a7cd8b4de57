"""Carry out what was decided, one action at a time; every one may be carried out again."""

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Any, assert_never

import structlog

from deputy.api.agentrun import AgentRun, InboxKind
from deputy.controller import metrics, status
from deputy.controller.audience import audience_of
from deputy.controller.cluster import (
    Cluster,
    Key,
    contender,
    hash_of,
    key_of,
    sessions_of,
    spec_in_force,
)
from deputy.controller.delivery import Delivery
from deputy.controller.logs import save_log
from deputy.controller.memory import Memory
from deputy.controller.pods import create_pod, delete_pod
from deputy.controller.tracker import Tracker
from deputy.core import telling
from deputy.core.acknowledge import owed
from deputy.core.action import (
    Acknowledge,
    Action,
    Admit,
    AskToStop,
    Conclude,
    DeletePod,
    DeleteRun,
    Finish,
    KeepAlive,
    Launch,
    MoveTo,
    OpenPullRequest,
    ReadIssue,
    SaveLog,
    TellEnd,
    Wait,
)
from deputy.core.admission import in_line
from deputy.core.ending import Ending
from deputy.core.phase import Phase
from deputy.core.pull_request import branch_name
from deputy.core.reason import RunReason
from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.errors import (
    NotFound,
    Unavailable,
)
from deputy.kube.workspace import WorkspaceSettings, pod_name
from deputy.trackers.updates import PostActivity, Priority, Thought, Update

_log = structlog.get_logger()


class Stale(Exception):
    """What was decided no longer fits; look again."""


class Actor:
    """Carries out the actions of `core.action`."""

    def __init__(
        self,
        *,
        kube: Kube,
        cluster: Cluster,
        tracker: Tracker,
        delivery: Delivery,
        workspace: WorkspaceSettings,
        assumed: set[str],
        look_at: Callable[[Key], None],
    ) -> None:
        self._kube = kube
        self._cluster = cluster
        self._tracker = tracker
        self._delivery = delivery
        self._workspace = workspace
        self._assumed = assumed
        self._look_at = look_at
        self._background: set[asyncio.Task[None]] = set()

    async def act(self, run: AgentRun, memory: Memory, action: Action, now: dt.datetime) -> None:
        """Carry out `action`; raise `KubeError` or `Stale` where it has to be repeated."""
        match action:
            case Acknowledge():
                self._acknowledge(run, memory)
            case ReadIssue():
                await self._read_issue(run, memory)
            case Wait(reason, message, position):
                await self._wait(run, memory, Wait(reason, message, position), now)
            case Admit():
                await self._admit(run, memory, now)
            case Launch():
                await self._launch(run, memory, now)
            case MoveTo(phase, reason, message):
                await self._move(run, memory, MoveTo(phase, reason, message), now)
            case KeepAlive():
                self._keep_alive(run, memory, now)
            case AskToStop():
                memory.talk.stop_asked = now
                memory.talk.wake()
            case OpenPullRequest():
                await self._open_pull_request(run, memory)
            case Conclude(ending):
                await self._conclude(run, memory, ending, now)
            case SaveLog():
                await save_log(self._kube, run)
                memory.log_saved = True
            case DeletePod(grace):
                await delete_pod(self._kube, self._cluster, run, grace)
            case TellEnd(ending):
                self._tell_end(run, memory, ending)
            case Finish(ending):
                await self._finish(run, ending, now)
            case DeleteRun():
                await self._delete_run(run)
            case _:
                assert_never(action)

    def _acknowledge(self, run: AgentRun, memory: Memory) -> None:
        linear = run.spec.linear
        if linear is None:
            return
        # Who stops a run has not joined it.
        said = (entry for entry in run.spec.inbox if entry.kind is InboxKind.PROMPT)
        others = [entry.session_id for entry in said if entry.session_id]
        found = owed(
            run.metadata.name, run.metadata.uid, linear.session_id, linear.activity_id, others
        )
        for session in sessions_of(run):
            self._tracker.open_session(session)
        self._submit(
            PostActivity(
                word.session_id,
                word.activity_id,
                Thought(word.body, ephemeral=False),
                Priority.ACKNOWLEDGEMENT,
            )
            for word in found
            if word.session_id not in memory.acknowledged
        )
        memory.acknowledged |= set(sessions_of(run))

    async def _read_issue(self, run: AgentRun, memory: Memory) -> None:
        if run.spec.linear is not None:
            memory.issue = await self._tracker.issue(run.spec.linear.issue_id)

    async def _wait(self, run: AgentRun, memory: Memory, wait: Wait, now: dt.datetime) -> None:
        wanted = status.moved(run, Phase.QUEUED, wait.reason, wait.message, now)
        wanted |= {"queuePosition": wait.position, "sessions": list(sessions_of(run))}
        if memory.issue is not None:
            wanted["priority"] = memory.issue.priority
        await self._write(run, wanted)
        audience = audience_of(self._cluster, run)
        if audience is not None and memory.noted is None:
            self._submit(telling.waiting(audience, wait.message))
        memory.noted = (wait.reason, wait.message, wait.position)

    async def _admit(self, run: AgentRun, memory: Memory, now: dt.datetime) -> None:
        blueprint = self._cluster.blueprint_of(run)
        if blueprint is None:
            raise Stale(f"Blueprint {run.spec.blueprint_ref.name} is gone")
        # From here on the slot is counted as taken, until the store shows the run's new phase.
        self._assumed.add(run.metadata.uid)
        try:
            wanted = status.moved(run, Phase.CLAIMED, RunReason.ADMITTED, "has a slot", now)
            wanted |= {
                "queuePosition": 0,
                "priority": memory.issue.priority if memory.issue else 0,
                "attempt": run.spec.attempt,
                "podName": pod_name(run.metadata.name, run.spec.attempt),
                "branch": self._branch(run, memory) if blueprint.spec.repository else "",
                "sessions": list(sessions_of(run)),
                "blueprint": {
                    "generation": blueprint.metadata.generation,
                    "hash": hash_of(blueprint.spec),
                },
                "startTime": status.micro_stamp(now),
            }
            await self._write(run, wanted)
        except Unavailable:
            # It may be written all the same: the slot stays taken until the store tells.
            raise
        except BaseException:
            self._assumed.discard(run.metadata.uid)
            raise
        self._assumed.discard(run.metadata.uid)
        metrics.QUEUE_WAIT.observe((now - contender(run).created).total_seconds())

    def _branch(self, run: AgentRun, memory: Memory) -> str:
        linear = run.spec.linear
        if linear is None:
            return branch_name("", run.metadata.name, "")
        wished = memory.issue.branch_name if memory.issue else ""
        return branch_name(wished, linear.issue_identifier, linear.issue_title)

    async def _launch(self, run: AgentRun, memory: Memory, now: dt.datetime) -> None:
        blueprint = self._cluster.blueprint_of(run)
        if blueprint is None:
            raise Stale(f"Blueprint {run.spec.blueprint_ref.name} is gone")
        refusal = await create_pod(self._kube, self._cluster, run, blueprint.spec, self._workspace)
        if refusal is not None:
            await self._conclude(run, memory, refusal, now)
            return
        metrics.CLAIM_TO_POD.observe((now - contender(run).created).total_seconds())
        audience = audience_of(self._cluster, run)
        if audience is not None:
            self._submit(telling.start(audience))
            memory.begun = True
        name = pod_name(run.metadata.name, run.spec.attempt)
        wanted = status.moved(
            run, Phase.LAUNCHING, RunReason.POD_CREATED, f"pod {name} starts", now
        )
        await self._write(run, wanted | {"attempt": run.spec.attempt, "podName": name})

    def _keep_alive(self, run: AgentRun, memory: Memory, now: dt.datetime) -> None:
        memory.talk.shown_at = now
        audience = audience_of(self._cluster, run)
        if audience is not None:
            self._submit(telling.alive(audience, run.status.phase, int(now.timestamp())))

    async def _move(self, run: AgentRun, memory: Memory, to: MoveTo, now: dt.datetime) -> None:
        wanted = status.moved(run, to.phase, to.reason, to.message, now)
        wanted |= {
            "sessions": list(sessions_of(run)),
            "inbox": {"deliveredThrough": memory.talk.delivered_through},
        }
        first = run.status.phase in (Phase.CLAIMED, Phase.LAUNCHING)
        if first and run.status.start_time is not None:
            waited = (now - run.status.start_time).total_seconds()
            metrics.POD_TO_HELLO.observe(waited)
        await self._write(run, wanted)
        audience = audience_of(self._cluster, run)
        if audience is not None and first:
            # The leader that made the pod may have died before the tracker heard of it.
            begun = () if memory.begun else telling.start(audience)
            self._submit((*begun, *telling.progressed(audience, to.phase, memory.talk.plan)))
            memory.begun = True

    async def _open_pull_request(self, run: AgentRun, memory: Memory) -> None:
        audience, report = audience_of(self._cluster, run), memory.talk.report
        spec = spec_in_force(self._cluster.pod_of(run), self._cluster.blueprint_of(run))
        if report is None or spec is None:
            raise Stale("the report is gone")
        if audience is not None:
            phase, plan = run.status.phase, memory.talk.plan
            self._submit(telling.progressed(audience, phase, plan, delivering=True))
        found = await self._delivery.deliver(run, spec, report)
        memory.pull_request, memory.pull_request_problem = found.pull_request, found.problem

    async def _conclude(
        self, run: AgentRun, memory: Memory, ending: Ending, now: dt.datetime
    ) -> None:
        wanted = status.concluded(run, ending, now)
        wanted["sessions"] = list(sessions_of(run))
        wanted["inbox"] = {"deliveredThrough": memory.talk.delivered_through}
        if memory.pull_request is not None:
            wanted["pullRequest"] = {
                "url": memory.pull_request.url,
                "number": memory.pull_request.number,
                "headSha": memory.pull_request.head_sha,
                "state": "Open",
            }
        await self._write(run, wanted)
        if memory.talk.stop_asked is not None:
            metrics.STOP_SECONDS.observe((now - memory.talk.stop_asked).total_seconds())
        memory.talk.finish()
        self._next_in_line(run)

    def _next_in_line(self, run: AgentRun) -> None:
        """Have the runs looked at that may get the slot of `run`."""
        blueprint = self._cluster.blueprint_of(run)
        if blueprint is None:
            return
        rivals = self._cluster.runs_of(run.metadata.namespace, blueprint.metadata.name)
        # Not the whole queue: the others are looked at once a minute, for their place in it.
        for rival in in_line(map(contender, rivals))[: blueprint.spec.max_concurrent_runs]:
            self._look_at((run.metadata.namespace, rival.name))

    def _tell_end(self, run: AgentRun, memory: Memory, ending: Ending) -> None:
        audience = audience_of(self._cluster, run)
        if audience is None:
            memory.told = True
            self._look_at(key_of(run))
            return
        if memory.telling:
            return
        if ending.reason is RunReason.STOPPED_BY_USER:
            for session in audience.sessions:
                self._tracker.close_session(session)
        pull_request = run.status.pull_request.url if run.status.pull_request else ""
        updates = telling.end(audience, ending, run.status.phase, memory.talk.plan, pull_request)
        memory.telling = True
        self._in_background(self._until_told(key_of(run), memory, list(updates)))

    async def _until_told(self, key: Key, memory: Memory, updates: list[Update]) -> None:
        try:
            await self._tracker.submit_all(updates)
            memory.told = True
        finally:
            memory.telling = False
            self._look_at(key)

    async def _finish(self, run: AgentRun, ending: Ending, now: dt.datetime) -> None:
        await self._write(run, status.finished(run, ending, now))
        metrics.RUNS_ENDED.labels(ending.reason.value).inc()
        _log.info("run is over", run=run.metadata.name, reason=ending.reason.value)

    async def _delete_run(self, run: AgentRun) -> None:
        path = resources.agentruns(run.metadata.namespace, run.metadata.name)
        try:
            await self._kube.delete(path, preconditions={"uid": run.metadata.uid})
        except NotFound:
            return

    async def _write(self, run: AgentRun, wanted: dict[str, Any]) -> None:
        """Write the status of `run`, unless it has changed since it was looked at."""
        path = resources.agentruns(run.metadata.namespace, run.metadata.name)
        body = {"metadata": {"resourceVersion": run.metadata.resource_version}, "status": wanted}
        found = await self._kube.patch(f"{path}/status", body)
        self._cluster.runs.put(found)

    def _submit(self, updates: Any) -> None:
        """Hand `updates` to the writer, which keeps them until the tracker has them."""
        wanted = list(updates)
        if wanted:
            self._in_background(self._tracker.submit_all(wanted))

    def _in_background(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        """Note what became of work in the background; the next look hands it in again."""
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.info("not told yet", error=f"{type(error).__name__}: {error}")
