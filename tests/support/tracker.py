"""The operator's tracker with nothing behind it, for tests."""

import asyncio
from typing import TYPE_CHECKING

from typing_extensions import override

from deputy.trackers.linear.tracker import Tracker
from deputy.trackers.models import Issue, Organization, Team, TeamDirectory, WorkflowState
from deputy.trackers.updates import PostActivity, Priority, Update

if TYPE_CHECKING:
    from collections.abc import Callable

    from deputy.trackers.linear.errors import LinearError

TEAM = Team("team-1", "ENG", "Engineering")
TODO = WorkflowState("state-1", "Todo", "unstarted")
TRIAGE = WorkflowState("state-0", "Triage", "triage")


class FakeTracker(Tracker):
    """Takes every update at once, unless the test holds its answers back or has it refuse them.

    It knows the ids that it has seen: one that comes again has to bring the same activity.
    """

    def __init__(self) -> None:
        self.updates: list[Update] = []
        """Every update in the order in which it came, as often as it came."""
        self.answers: list[asyncio.Future[str]] = []
        """The answer to each of `updates`."""
        self.activities: dict[str, PostActivity] = {}
        """Every activity that was not refused once, by its id."""
        self.holds_back = False
        """Whether answers are left to the test."""
        self.refuses = ""
        """Why updates are refused; empty: they are not."""
        self.refuses_only: Callable[[Update], bool] = lambda _: True
        """Which updates are refused, where any are."""
        self.closed: list[str] = []
        self.state = TODO
        """The state of every issue."""
        self.fails: LinearError | None = None
        """What becomes of questions."""

    @property
    def ids(self) -> list[str]:
        """The id of every activity, as often as it came."""
        return [update.activity_id for update in self.updates if isinstance(update, PostActivity)]

    @property
    def closing(self) -> list[PostActivity]:
        """Every closing activity, each once."""
        last = Priority.TERMINAL
        return [activity for activity in self.activities.values() if activity.priority is last]

    @override
    def submit(self, update: Update) -> asyncio.Future[str]:
        refusal = self.refuses if self.refuses_only(update) else ""
        if isinstance(update, PostActivity) and not refusal:
            known = self.activities.setdefault(update.activity_id, update)
            assert known == update, "one id was given to two activities"
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.updates.append(update)
        self.answers.append(answer)
        if not self.holds_back:
            answer.set_result(refusal)
        return answer

    @override
    def open_session(self, session: str) -> None:
        if session in self.closed:
            self.closed.remove(session)

    @override
    def close_session(self, session: str) -> None:
        self.closed.append(session)

    @override
    async def issue(self, issue_id: str) -> Issue:
        return Issue(issue_id, "ENG-42", "Fix it", "", TEAM, state=self.state)

    @override
    async def teams(self, _max_age: float, *, budgeted: bool = True) -> TeamDirectory:
        if self.fails is not None:
            raise self.fails
        return TeamDirectory(Organization("org-1", "Acme", "acme"), (TEAM,))
