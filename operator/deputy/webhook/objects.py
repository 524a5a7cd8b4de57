"""The AgentRuns and inbox entries that events become."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from deputy.api.agentrun import AgentRunSpec, InboxEntry, InboxKind, LinearIssue
from deputy.api.meta import API_VERSION
from deputy.api.names import AFTER_ANNOTATION, ISSUE_LABEL, RECEIVED_ANNOTATION, labels, run_name
from deputy.core.claim_facts import RunFacts
from deputy.trackers import events
from deputy.trackers.models import Issue, Person
from deputy.webhook.runs import NewRun

#: Longest texts that the fields of an AgentRun take.
_MAX_MESSAGE = 16_384
_MAX_TITLE = 1024
_MAX_REFERENCE = 256
_MAX_ADDRESS = 2048


def new_run(
    namespace: str,
    issue: str,
    number: int,
    spec: AgentRunSpec,
    *,
    now: dt.datetime,
    after: Sequence[RunFacts] = (),
) -> NewRun:
    """Return the object that claims the issue with this hash; `after` are runs that still end."""
    name = run_name(issue, number)
    # The inbox is there from the start: a JSON patch adds to a list, it does not make one.
    always = {"desiredState": spec.desired_state, "inbox": []}
    body: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "AgentRun",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {
                ISSUE_LABEL: issue,
                **labels("run", managed_by="deputy"),
            },
            "annotations": _annotations(now, after),
        },
        "spec": always | spec.model_dump(mode="json", by_alias=True, exclude_defaults=True),
    }
    return NewRun(namespace, name, body)


def _annotations(now: dt.datetime, after: Sequence[RunFacts]) -> dict[str, str]:
    received = {RECEIVED_ANNOTATION: now.isoformat(timespec="microseconds")}
    names = ",".join(f"{run.namespace}/{run.name}" for run in after)
    return received | ({AFTER_ANNOTATION: names} if names else {})


def linear_issue(
    event: events.SessionCreated | events.SessionPrompted,
    issue: Issue,
    delegator: Person | None,
    activity_id: str = "",
) -> LinearIssue:
    """Return what a run has to know of its issue and of who asked for it."""
    return LinearIssue(
        organization_id=event.organization_id,
        issue_id=issue.id,
        issue_identifier=issue.identifier[:_MAX_REFERENCE],
        issue_title=issue.title[:_MAX_TITLE],
        issue_url=issue.url if len(issue.url) <= _MAX_ADDRESS else "",
        session_id=event.session_id,
        activity_id=activity_id,
        delegator_id=delegator.id if delegator else "",
        delegator_email=_email_of(delegator),
        app_user_id=event.app_user_id,
        sent_time=event.sent,
    )


def _email_of(person: Person | None) -> str:
    return person.email if person and len(person.email) <= _MAX_REFERENCE else ""


def inbox_entry(
    message_id: str,
    session_id: str,
    sender: Person | None,
    text: str,
    *,
    now: dt.datetime,
    sent: dt.datetime | None = None,
    kind: InboxKind = InboxKind.PROMPT,
) -> InboxEntry:
    """Return an entry for a run's inbox; a text that is too long is shortened and says so."""
    return InboxEntry(
        id=message_id,
        kind=kind,
        session_id=session_id,
        sender=(sender.name or sender.id)[:_MAX_REFERENCE] if sender else "",
        text=_truncated(text),
        received_time=now.replace(microsecond=0),
        sent_time=sent,
    )


def _truncated(text: str) -> str:
    if len(text) <= _MAX_MESSAGE:
        return text
    note = "\n[… the rest of this message is left out: it is too long]"
    return text[: _MAX_MESSAGE - len(note)] + note
