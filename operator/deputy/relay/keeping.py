"""What of a sidecar's events the run's status keeps, so that no change of leader loses it."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from deputy.api.agentrun import AgentRun
from deputy.api.facts import attempt_of, report_as_status, report_of
from deputy.wire import Event, Finished, TurnStarted


def kept_of(run: AgentRun, events: Sequence[Event], now: dt.datetime) -> dict[str, Any]:
    """Return the status to write for `events`; empty where it says all of it already.

    A report that another turn has overtaken is not kept. The task needs no note: who has heard
    nothing else has heard the task.
    """
    wanted: dict[str, Any] = {}
    told = {entry.id for entry in run.spec.inbox}
    for event in events:
        if isinstance(event, TurnStarted):
            wanted.pop("report", None)
            if run.status.report is not None:
                wanted["report"] = None
            if event.message_id in told:
                wanted["inbox"] = {"deliveredThrough": event.message_id}
        elif isinstance(event, Finished):
            wanted["report"] = report_as_status(event, attempt_of(run), now)
            last = event.delivered_through
            if last in told:
                wanted["inbox"] = {"deliveredThrough": last}
    return _news(run, events, wanted)


def _news(run: AgentRun, events: Sequence[Event], wanted: dict[str, Any]) -> dict[str, Any]:
    """Return `wanted` without what the status has: a sidecar repeats what is not acknowledged."""
    kept = report_of(run)
    if kept is not None and kept.report in events and wanted.get("report"):
        del wanted["report"]
    if wanted.get("inbox") == {"deliveredThrough": run.status.inbox.delivered_through}:
        del wanted["inbox"]
    return wanted
