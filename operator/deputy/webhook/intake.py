"""Take one event: make it durable, then say who has it."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from deputy.core import acknowledge
from deputy.core.claim import RunFacts, issue_hash
from deputy.core.routing import Refusal
from deputy.trackers import events
from deputy.trackers.updates import Response, Thought
from deputy.webhook.blueprints import Catalogue
from deputy.webhook.claiming import Claims, Outcome, Settled, Unsettled
from deputy.webhook.metrics import Metrics
from deputy.webhook.teller import Teller
from deputy.webhook.wishes import PromptWish, SessionWish, WithdrawalWish
from deputy.wire import stable_id

_LOG = structlog.stdlib.get_logger(__name__)

ELSEWHERE = (
    "I work on issues only, so I have not started. Delegate an issue to me, or mention me in one."
)
FULL = (
    "Too many messages are waiting for me in this run, so I have not taken this one. Say it again "
    "when I have answered some, or stop me and begin anew."
)
NOTHING_TO_STOP = "Nothing is running for this issue any more, so there is nothing to stop."


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes events; once `take` returns, the event is safe and may be forgotten.

    `take` may raise `KubeError`, `Unsettled` and `Untold`: then the event has to come again, and
    taking it again is always safe.
    """

    claims: Claims
    catalogue: Catalogue
    teller: Teller
    metrics: Metrics
    now: Callable[[], dt.datetime]

    async def take(self, event: events.Event) -> str:
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
                return await self._withdraw(
                    event, "undelegated", event.actor, former=event.app_user_id
                )
            case events.AppRevoked():
                _LOG.error(
                    "Linear has disconnected the application; authorise it again in Linear's "
                    "settings and update the credentials Secret",
                    organization=event.organization_id,
                )
                return "noted"
            case events.TeamAccessChanged():
                _LOG.info("access to teams changed", organization=event.organization_id)
                return "noted"
            case events.CommentCreated() | events.Ignored():
                return "ignored"

    async def _session(self, event: events.SessionCreated) -> str:
        wish = SessionWish(event, self.catalogue.route, self.now())
        session = event.session_id
        try:
            settled = await self.claims.settle(wish)
        except Unsettled as error:
            if error.ending:
                self.teller.later(acknowledge.waiting(session, error.ending.name))
            raise
        if isinstance(settled, Refusal):
            return await self._refuse(session, session, settled)
        match settled:
            case Settled(Outcome.CREATED):
                self.teller.later(acknowledge.first(session))
            case Settled(Outcome.JOINED, RunFacts() as run) if session not in run.sessions:
                self.teller.later(acknowledge.joined(session, run.uid, run.name))
            case Settled(Outcome.FULL):
                await self.teller.now(session, stable_id(session, "full"), Response(FULL))
        return self._settled(settled, event.organization_id, event.issue.id)

    async def _prompt(self, event: events.SessionPrompted, issue: events.IssueRef) -> str:
        wish = PromptWish(event, issue, self.catalogue.route, self.now())
        settled = await self.claims.settle(wish)
        session, key = event.session_id, event.activity_id
        if isinstance(settled, Refusal):
            return await self._refuse(session, key, settled)
        match settled:
            case Settled(Outcome.CREATED):
                self.teller.later(acknowledge.first(session, key))
            case Settled(Outcome.APPENDED, RunFacts() as run) if session not in run.sessions:
                self.teller.later(acknowledge.joined(session, run.uid, run.name))
            case Settled(Outcome.FULL):
                await self.teller.now(session, stable_id(key, "full"), Thought(FULL))
            case Settled(Outcome.NOTHING_TO_STOP):
                text = Response(NOTHING_TO_STOP)
                await self.teller.now(session, stable_id(key, "nothing-to-stop"), text)
        return self._settled(settled, event.organization_id, issue.id)

    async def _elsewhere(self, event: events.SessionElsewhere | events.SessionPrompted) -> str:
        key = event.activity_id if isinstance(event, events.SessionPrompted) else event.session_id
        await self.teller.now(event.session_id, stable_id(key, "elsewhere"), Response(ELSEWHERE))
        return "refused"

    async def _changed(self, event: events.IssueChanged) -> str:
        if event.is_removed:
            return await self._withdraw(event, "removed", event.actor)
        if event.is_canceled:
            return await self._withdraw(event, "canceled", event.actor)
        return await self._withdraw(
            event, "undelegated", event.actor, former=event.undelegated_from
        )

    async def _withdraw(
        self,
        event: events.IssueChanged | events.Unassigned,
        what: str,
        who: events.Person | None,
        *,
        former: str | None = None,
    ) -> str:
        wish = WithdrawalWish(
            issue=issue_hash(event.organization_id, event.issue_id),
            message_id=lambda run: stable_id(run.uid, what),
            text=f"The issue was {what}.",
            who=who,
            former_delegate=former,
            now=self.now(),
        )
        settled = await self.claims.settle(wish)
        if isinstance(settled, Refusal):
            return "refused"
        return self._settled(settled, event.organization_id, event.issue_id)

    async def _refuse(self, session_id: str, key: str, refusal: Refusal) -> str:
        await self.teller.now(session_id, stable_id(key, "refused"), Response(refusal.text))
        self.metrics.claims.labels("refused").inc()
        _LOG.info("refused", session=session_id, reason=refusal.reason)
        return "refused"

    def _settled(self, settled: Settled, organization_id: str, issue_id: str) -> str:
        self.metrics.claims.labels(settled.outcome).inc()
        _LOG.info(
            "settled",
            outcome=settled.outcome,
            organization=organization_id,
            issue=issue_id,
            run=settled.run.name if settled.run else "",
        )
        return settled.outcome
