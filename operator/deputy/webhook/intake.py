"""Take one event: make it durable, then say who has it."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from deputy.core import acknowledgements
from deputy.core.claim_facts import RunFacts
from deputy.core.routing import Refusal
from deputy.trackers import events
from deputy.trackers.models import Issue
from deputy.trackers.updates import Response
from deputy.webhook import metrics
from deputy.webhook.acknowledger import Acknowledger
from deputy.webhook.blueprints import BlueprintRouter
from deputy.webhook.claiming import Claimed, Claimer, ClaimResult
from deputy.webhook.commands import BLANK, PromptCommand, SessionCommand
from deputy.webhook.runs import Runs
from deputy.webhook.withdrawals import WithdrawalCommand
from deputy.wire import Thought, stable_id

_LOG = structlog.stdlib.get_logger(__name__)

ELSEWHERE = (
    "I work on issues only, so I have not started. Delegate an issue to me, or mention me in one."
)
FULL = (
    "Too many messages are waiting for me in this run, so I have not taken this one. Say it again "
    "when I have answered some, or stop me and begin anew."
)
DISCONNECTED = "Linear has disconnected the application."
OVERTAKEN = (
    "After this was said the work on this issue was stopped, or the issue taken away from me, so I "
    "have not started. Say it again if it still counts."
)
NOTHING_TO_STOP = "Nothing is running for this issue any more, so there is nothing to stop."


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes events; once `take` returns, the event is safe and may be forgotten.

    `take` may raise `KubeError`, `ClaimUnsettled` and `NotAcknowledged`: then the event has to come
    again, and taking it again is always safe.
    """

    claimer: Claimer
    runs: Runs
    blueprints: BlueprintRouter
    acknowledger: Acknowledger
    now: Callable[[], dt.datetime]

    async def take(self, event: events.TrackerEvent) -> str:
        """Take an event; return one word for what became of it."""
        match event:
            case events.SessionCreated():
                return await self._session(event)
            case events.SessionPrompted(issue=issue) if issue is not None:
                return await self._prompt(event, issue)
            case events.SessionPrompted() | events.SessionElsewhere():
                return await self._elsewhere(event)
            case events.IssueChanged():
                return await self._changed(event)
            case events.Unassigned():
                return await self._withdraw(event, "undelegated", former=event.app_user_id)
            case events.AppRevoked():
                return await self._revoked(event)
            case events.TeamAccessChanged():
                _LOG.info("access to teams changed", organization=event.organization_id)
                return "noted"
            case events.Ignored():
                return "ignored"

    async def _session(self, event: events.SessionCreated) -> str:
        command = SessionCommand(event, self.blueprints.route, self.now())
        session = event.session_id
        claimed = await self.claimer.carry_out(command)
        if isinstance(claimed, Refusal):
            return await self._refuse(session, session, claimed)
        match claimed:
            case Claimed(ClaimResult.CREATED, _, after):
                self.acknowledger.acknowledge(acknowledgements.first(session, after=after))
            case Claimed(ClaimResult.JOINED, RunFacts() as run) if session not in run.sessions:
                self.acknowledger.acknowledge(acknowledgements.joined(session, run.uid, run.name))
            case Claimed(ClaimResult.FULL):
                await self.acknowledger.refuse(session, stable_id(session, "full"), Response(FULL))
            case Claimed(ClaimResult.OVERTAKEN):
                await self._overtaken(session, session)
            case _:
                pass  # what the session waits for is said by the operator
        return self._log_claimed(claimed, event.organization_id, event.issue.id)

    async def _prompt(self, event: events.SessionPrompted, issue: Issue) -> str:
        command = PromptCommand(event, issue, self.blueprints.route, self.now())
        claimed = await self.claimer.carry_out(command)
        session, key = event.session_id, event.activity_id
        if isinstance(claimed, Refusal):
            return await self._refuse(session, key, claimed)
        match claimed:
            case Claimed(ClaimResult.CREATED, _, after):
                self.acknowledger.acknowledge(acknowledgements.first(session, key, after))
            case Claimed(ClaimResult.APPENDED, RunFacts() as run) if session not in run.sessions:
                self.acknowledger.acknowledge(acknowledgements.joined(session, run.uid, run.name))
            case Claimed(ClaimResult.FULL):
                await self.acknowledger.refuse(session, stable_id(key, "full"), Thought(FULL))
            case Claimed(ClaimResult.OVERTAKEN):
                await self._overtaken(session, key)
            case Claimed(ClaimResult.BLANK):
                await self.acknowledger.refuse(session, stable_id(key, "blank"), Thought(BLANK))
            case Claimed(ClaimResult.NOTHING_TO_STOP):
                text = Response(NOTHING_TO_STOP)
                await self.acknowledger.refuse(session, stable_id(key, "nothing-to-stop"), text)
            case _:
                pass  # as above
        return self._log_claimed(claimed, event.organization_id, issue.id)

    async def _elsewhere(self, event: events.SessionElsewhere | events.SessionPrompted) -> str:
        key = event.activity_id if isinstance(event, events.SessionPrompted) else event.session_id
        await self.acknowledger.refuse(
            event.session_id, stable_id(key, "elsewhere"), Response(ELSEWHERE)
        )
        return "refused"

    async def _revoked(self, event: events.AppRevoked) -> str:
        """Stop every run of the organisation: nobody can be told anything of them any more."""
        _LOG.error(
            "Linear has disconnected the application; authorise it again in Linear's "
            "settings and update the credentials Secret",
            organization=event.organization_id,
        )
        for issue_id in sorted(await self.runs.issues_of(event.organization_id)):
            removed = events.IssueChanged(
                event.organization_id,
                issue_id,
                undelegated_from=None,
                is_canceled=False,
                is_removed=True,
                actor=None,
                sent=event.sent,
            )
            await self._withdraw(removed, "disconnected", text=DISCONNECTED)
        return "noted"

    async def _changed(self, event: events.IssueChanged) -> str:
        if event.is_removed:
            return await self._withdraw(event, "removed")
        if event.is_canceled:
            return await self._withdraw(event, "canceled")
        return await self._withdraw(event, "undelegated", former=event.undelegated_from)

    async def _withdraw(
        self,
        event: events.IssueChanged | events.Unassigned,
        change: str,
        *,
        former: str | None = None,
        text: str = "",
    ) -> str:
        command = WithdrawalCommand(
            event=event,
            change=change,
            text=text or f"The issue was {change}.",
            former_delegate=former,
            route=self.blueprints.route,
            now=self.now(),
        )
        claimed = await self.claimer.carry_out(command)
        if isinstance(claimed, Refusal):
            return "refused"
        return self._log_claimed(claimed, event.organization_id, event.issue_id)

    async def _overtaken(self, session_id: str, key: str) -> None:
        text = Response(OVERTAKEN)
        await self.acknowledger.refuse(session_id, stable_id(key, "overtaken"), text)

    async def _refuse(self, session_id: str, key: str, refusal: Refusal) -> str:
        content = Response(refusal.text)
        await self.acknowledger.refuse(session_id, stable_id(key, "refused"), content)
        metrics.CLAIMS.labels("refused").inc()
        _LOG.info("refused", session=session_id, reason=refusal.reason)
        return "refused"

    def _log_claimed(self, claimed: Claimed, organization_id: str, issue_id: str) -> str:
        metrics.CLAIMS.labels(claimed.result).inc()
        _LOG.info(
            "settled",
            outcome=claimed.result,
            organization=organization_id,
            issue=issue_id,
            run=claimed.run.name if claimed.run else "",
        )
        return claimed.result
