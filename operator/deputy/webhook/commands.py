"""What is said in a session asks of the runs of its issue; `withdrawals` has what takes it back."""

import dataclasses
import datetime as dt
from collections.abc import Awaitable, Callable, Collection, Sequence

from deputy.api.agentrun import (
    AgentRunSpec,
    BlueprintRef,
    DesiredState,
    InboxEntry,
    InboxKind,
)
from deputy.api.names import issue_hash
from deputy.core import claim
from deputy.core.claim_facts import RunFacts
from deputy.core.prompt import compose, follow_up
from deputy.core.reason import RunReason
from deputy.core.routing import BlueprintFacts, Refusal, Routed, may_delegate
from deputy.trackers import events
from deputy.trackers.models import Issue, Team
from deputy.webhook.objects import inbox_entry, linear_issue, new_run
from deputy.webhook.runs import NewRun

BLANK = (
    "That message has no words, so there is nothing that I could do (I cannot see attachments). "
    "Say in words what is to be done."
)

Route = Callable[[Team, str], Awaitable[Routed | Refusal]]


@dataclasses.dataclass(frozen=True, slots=True)
class SessionCommand:
    """A session that was opened asks for a run, or joins the one there is."""

    event: events.SessionCreated
    route: Route
    now: dt.datetime

    @property
    def issue_hash(self) -> str:
        """Hash of the issue."""
        return issue_hash(self.event.organization_id, self.event.issue.id)

    def decide(self, runs: Sequence[RunFacts], taken: Collection[int]) -> claim.SessionDecision:
        """Decide what the session becomes."""
        event = self.event
        return claim.decide_session(
            event.session_id, runs, taken, has_text=bool(event.text), sent=event.sent
        )

    def entry(self, _run: RunFacts) -> InboxEntry:
        """Return what was said in the session, which is nothing where this is a delegation."""
        event = self.event
        return inbox_entry(
            event.session_id,
            event.session_id,
            event.delegator,
            event.text,
            now=self.now,
            sent=event.sent,
        )

    @property
    def is_stop(self) -> bool:
        """Whether it ends what is live; a session begins or joins."""
        return False

    async def namespace(self) -> str | None:
        """Return where the team's Blueprint is; None where there is none."""
        return await namespace_of(self.route, self.event.issue.team, self.event.organization_id)

    async def refusal(self) -> Refusal | None:
        """Return why this person's session shall not join; the run has its Blueprint already."""
        blueprint = await routed(self.route, self.event.issue, self.event.organization_id)
        if isinstance(blueprint, Refusal):
            return None
        return may_delegate(blueprint.pick_up, self.event.delegator)

    async def new_run(
        self, number: int, runs: Sequence[RunFacts], *, stopped: bool
    ) -> NewRun | Refusal:
        """Return the run that works on the issue."""
        event = self.event
        blueprint = await routed(self.route, event.issue, event.organization_id)
        if isinstance(blueprint, Refusal):
            return blueprint
        if refusal := may_delegate(blueprint.pick_up, event.delegator):
            return refusal
        spec = AgentRunSpec(
            blueprint_ref=BlueprintRef(name=blueprint.name),
            prompt=compose(blueprint.prompt_template, event.issue, _context(event)),
            linear=linear_issue(event, event.issue, event.delegator),
            desired_state=DesiredState.STOPPED if stopped else DesiredState.ACTIVE,
        )
        after = claim.unfinished(runs)
        return new_run(
            blueprint.namespace, self.issue_hash, number, spec, now=self.now, after=after
        )


@dataclasses.dataclass(frozen=True, slots=True)
class PromptCommand:
    """A prompt goes to the live run, or begins the next one; a stop ends the live one."""

    event: events.SessionPrompted
    issue: Issue
    route: Route
    now: dt.datetime

    @property
    def issue_hash(self) -> str:
        """Hash of the issue."""
        return issue_hash(self.event.organization_id, self.issue.id)

    def decide(
        self, runs: Sequence[RunFacts], taken: Collection[int]
    ) -> claim.PromptDecision | claim.StopDecision:
        """Decide what becomes of the message."""
        event = self.event
        if event.is_stop:
            return claim.decide_stop(event.session_id, event.activity_id, runs, taken, event.sent)
        return claim.decide_prompt(event.activity_id, runs, taken, event.sent)

    def entry(self, run: RunFacts) -> InboxEntry | None:
        """Return the message; a full inbox is stopped without one, and a blank one is none."""
        return None if run.full or self._is_blank else self._entry()

    @property
    def _is_blank(self) -> bool:
        return not self.event.is_stop and not self.event.text.strip()

    def _entry(self) -> InboxEntry:
        event = self.event
        kind = InboxKind.STOP if event.is_stop else InboxKind.PROMPT
        return inbox_entry(
            event.activity_id,
            event.session_id,
            event.author,
            event.text,
            now=self.now,
            sent=event.sent,
            kind=kind,
        )

    @property
    def is_stop(self) -> bool:
        """Whether it ends what is live."""
        return self.event.is_stop

    async def namespace(self) -> str | None:
        """Return where the team's Blueprint is; None where there is none."""
        return await namespace_of(self.route, self.issue.team, self.event.organization_id)

    async def refusal(self) -> Refusal | None:
        """Return nothing: whoever can write in a session may speak to its run."""
        return None

    async def new_run(
        self, number: int, runs: Sequence[RunFacts], *, stopped: bool
    ) -> NewRun | Refusal:
        """Return the run that follows up, or the stopped one that the stop has overtaken."""
        event = self.event
        if self._is_blank:
            return Refusal(RunReason.TASK_MISSING, BLANK)
        blueprint = await routed(self.route, self.issue, event.organization_id)
        if isinstance(blueprint, Refusal):
            return blueprint
        refusal = None if stopped else may_delegate(blueprint.pick_up, event.author)
        if refusal:
            return refusal
        spec = AgentRunSpec(
            blueprint_ref=BlueprintRef(name=blueprint.name),
            prompt="" if stopped else follow_up(blueprint.prompt_template, self.issue, event.text),
            linear=linear_issue(event, self.issue, event.author, event.activity_id),
            desired_state=DesiredState.STOPPED if stopped else DesiredState.ACTIVE,
            inbox=[self._entry()] if stopped else [],
        )
        after = claim.unfinished(runs)
        return new_run(
            blueprint.namespace, self.issue_hash, number, spec, now=self.now, after=after
        )


async def namespace_of(route: Route, team: Team, organization_id: str) -> str | None:
    """Return where the Blueprint is that takes a team's issues; None where there is none."""
    answer = await route(team, organization_id)
    return answer.blueprint.namespace if isinstance(answer, Routed) else None


async def routed(route: Route, issue: Issue, organization_id: str) -> BlueprintFacts | Refusal:
    """Return the Blueprint that takes an issue, or why none does."""
    answer = await route(issue.team, organization_id)
    return answer.blueprint if isinstance(answer, Routed) else answer


def _context(event: events.SessionCreated) -> str:
    """Return the issue with all that was said about it; put together here where it has to be."""
    if event.prompt_context:
        return event.prompt_context
    parts = (event.issue.title, event.issue.description, event.text, *event.guidance)
    return "\n\n".join(part for part in parts if part)
