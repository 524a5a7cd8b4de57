"""What it asks of the runs of an issue that it is taken away from us, canceled or removed."""

import dataclasses
import datetime as dt
from collections.abc import Collection, Sequence

from deputy.api.agentrun import (
    AgentRunSpec,
    BlueprintRef,
    DesiredState,
    InboxEntry,
    InboxKind,
    LinearIssue,
)
from deputy.api.names import issue_hash
from deputy.core import claim
from deputy.core.claim_facts import RunFacts
from deputy.core.routing import Refusal
from deputy.trackers import events
from deputy.webhook.commands import Route, namespace_of, routed
from deputy.webhook.objects import inbox_entry, new_run
from deputy.webhook.runs import NewRun
from deputy.wire import stable_id


@dataclasses.dataclass(frozen=True, slots=True)
class WithdrawalCommand:
    """The live run of an issue that was canceled, removed or taken away from us is stopped."""

    event: events.IssueChanged | events.Unassigned
    change: str
    """What happened, in a word; it is part of the stop's id."""
    text: str
    """The same, for the person who reads the inbox."""
    former_delegate: str | None
    route: Route
    now: dt.datetime

    @property
    def issue_hash(self) -> str:
        """Hash of the issue."""
        return issue_hash(self.event.organization_id, self.event.issue_id)

    def decide(self, runs: Sequence[RunFacts], taken: Collection[int]) -> claim.WithdrawalDecision:
        """Decide whether anything has to stop."""
        # Only our own notification says for certain that the issue was ours, though no run tells.
        ours = isinstance(self.event, events.Unassigned) and self.event.issue is not None
        return claim.decide_withdrawal(
            runs, self.former_delegate, self.event.sent, taken, ours=ours
        )

    def entry(self, run: RunFacts) -> InboxEntry | None:
        """Return a stop that says why; the same withdrawal told twice has the same id."""
        if run.full and not run.finished:
            return None
        key = f"{self.change}/{self.event.sent}" if run.finished else self.change
        return self._entry(stable_id(run.uid, key))

    def _entry(self, message_id: str) -> InboxEntry:
        event = self.event
        return inbox_entry(
            message_id,
            "",
            event.actor,
            self.text,
            now=self.now,
            sent=event.sent,
            kind=InboxKind.STOP,
        )

    @property
    def is_stop(self) -> bool:
        """Whether it ends what is live, as every withdrawal does."""
        return True

    async def namespace(self) -> str | None:
        """Return where the team's Blueprint is; None where there is none, or no team is told."""
        event = self.event
        if isinstance(event, events.Unassigned):
            team = event.issue.team if event.issue is not None else None
        else:
            team = event.team
        return await namespace_of(self.route, team, event.organization_id) if team else None

    async def refusal(self) -> Refusal | None:
        """Return nothing: nobody asks."""
        return None

    async def new_run(
        self, number: int, runs: Sequence[RunFacts], *, stopped: bool
    ) -> NewRun | Refusal:
        """Return the stopped run that a delegation finds which the withdrawal has overtaken."""
        event = self.event
        if not isinstance(event, events.Unassigned) or event.issue is None or not stopped:
            raise AssertionError(f"this withdrawal creates no run {number}")
        blueprint = await routed(self.route, event.issue, event.organization_id)
        if isinstance(blueprint, Refusal):
            return blueprint
        spec = AgentRunSpec(
            blueprint_ref=BlueprintRef(name=blueprint.name),
            linear=LinearIssue(
                organization_id=event.organization_id,
                issue_id=event.issue_id,
                issue_identifier=event.issue.identifier,
                app_user_id=event.app_user_id,
                sent_time=event.sent,
            ),
            desired_state=DesiredState.STOPPED,
            inbox=[self._entry(stable_id(self.issue_hash, f"{self.change}/{event.sent}"))],
        )
        after = claim.unfinished(runs)
        return new_run(
            blueprint.namespace, self.issue_hash, number, spec, now=self.now, after=after
        )
