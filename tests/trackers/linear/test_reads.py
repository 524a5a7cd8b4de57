"""How seldom Linear is asked for teams and issues, whoever wants them and how often."""

import asyncio
import dataclasses
from collections.abc import Sequence

import pytest

from deputy.trackers.linear.budget import Allowance, Budget
from deputy.trackers.linear.errors import (
    EntityNotFound,
    LinearError,
    LinearUnavailable,
    RateLimited,
)
from deputy.trackers.linear.issues import IssueReader
from deputy.trackers.linear.parsing import TeamsPage
from deputy.trackers.linear.teams import TeamReader
from deputy.trackers.models import Issue, Organization, Team, TeamDirectory
from tests.trackers.linear.simulated import Linear

ACME = Organization("org-1", "Acme", "acme")
ENG = Team("team-1", "ENG", "Engineering")


@dataclasses.dataclass
class Source:
    """A Linear that counts what it is asked."""

    error: LinearError | None = None
    asked: int = 0
    now: float = 0.0
    budget: Budget = dataclasses.field(default_factory=Budget)

    async def teams_page(self, _after: str | None = None) -> TeamsPage:
        self.asked += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return TeamsPage(ACME, (ENG,), None)

    async def issue(self, issue_id: str) -> Issue:
        raise EntityNotFound("NOT_FOUND", issue_id)

    async def issues(self, ids: Sequence[str]) -> tuple[Issue, ...]:
        self.asked += 1
        return tuple(Issue(one, "ENG-1", "Fix it", "", ENG) for one in ids)

    def clock(self) -> float:
        return self.now


async def test_who_asks_at_once_shares_one_answer() -> None:
    source = Source()
    reader = TeamReader(source, clock=source.clock)

    answers = await asyncio.gather(*(reader.read(0.0) for _ in range(50)))

    assert answers == [TeamDirectory(ACME, (ENG,))] * 50
    assert source.asked == 1


async def test_what_is_asked_for_while_linear_answers_is_asked_again_once_for_all() -> None:
    """That answer may be older than the question."""
    source = Source()

    def ticking() -> float:
        source.now += 0.001
        return source.now

    reader = TeamReader(source, clock=ticking)
    await asyncio.gather(*(reader.read(0.0, budgeted=False) for _ in range(50)))

    assert source.asked in {2, 3}


async def test_teams_that_are_young_enough_are_not_asked_for() -> None:
    source = Source()
    reader = TeamReader(source, clock=source.clock)
    asked = []
    for source.now in (0.0, 599.0, 601.0):
        await reader.read(600.0)
        asked.append(source.asked)

    assert asked == [1, 1, 2]


async def test_whoever_wants_the_newest_all_the_time_gets_what_the_budget_allows() -> None:
    source = Source()
    reader = TeamReader(source, clock=source.clock)
    for source.now in range(3600):
        await reader.read(0.5)

    assert source.asked < 100


async def test_a_linear_that_does_not_answer_is_asked_in_growing_pauses() -> None:
    source = Source(error=LinearUnavailable("no answer"))
    reader = TeamReader(source, clock=source.clock)
    waits = []
    for _ in range(7):
        with pytest.raises(LinearUnavailable) as caught:
            await reader.read(0.0)
        waits.append(caught.value.retry_after)
        with pytest.raises(LinearUnavailable):
            await reader.read(0.0)
        source.now += caught.value.retry_after or 0.0

    assert waits == [3.0, 6.0, 12.0, 24.0, 48.0, 60.0, 60.0]
    assert source.asked == 7


async def test_a_spent_budget_is_waited_for_as_long_as_linear_says() -> None:
    source = Source(error=RateLimited("spent", 900.0))
    reader = TeamReader(source, clock=source.clock)
    waits = []
    for source.now in (0.0, 10.0, 890.0):
        with pytest.raises(RateLimited) as caught:
            await reader.read(0.0)
        waits.append(caught.value.retry_after)
    source.error, source.now = None, 900.0

    assert waits == [900.0, 890.0, 10.0]
    assert await reader.read(0.0) == TeamDirectory(ACME, (ENG,))
    assert source.asked == 2


async def test_issues_that_are_wanted_at_once_travel_in_one_request(linear: Linear) -> None:
    ids = [linear.issue(f"ENG-{number}").id for number in (1, 2, 3)]
    reader = IssueReader(linear.client())

    issues = await asyncio.gather(*(reader.read(one) for one in (*ids, ids[0])))

    assert [issue.identifier for issue in issues] == ["ENG-1", "ENG-2", "ENG-3", "ENG-1"]
    assert linear.requests() == [("issues",)]
    assert issues[0] == await linear.client().issue("ENG-1")


async def test_an_issue_that_is_not_there_is_nobody_elses_trouble(linear: Linear) -> None:
    nowhere = "a1b2c3d4-0000-4000-8000-0000000000aa"
    reader = IssueReader(linear.client())

    known, missing, named = await asyncio.gather(
        reader.read(linear.issue().id),
        reader.read(nowhere),
        reader.read("ENG-1"),
        return_exceptions=True,
    )

    assert known == named
    assert isinstance(missing, EntityNotFound)


async def test_a_thousand_issues_are_twenty_requests() -> None:
    source = Source()
    reader = IssueReader(source)
    ids = [f"a1b2c3d4-0000-4000-8000-{number:012}" for number in range(1000)]

    issues = await asyncio.gather(*(reader.read(one) for one in ids))

    assert [issue.id for issue in issues] == ids
    assert source.asked == 20


async def test_no_issue_is_asked_for_while_the_budget_is_spent() -> None:
    source = Source(budget=Budget(Allowance(5000, 0, 3600.0, 0.0)))
    spent = dataclasses.replace(source.budget.requests, remaining=-50)  # type: ignore[type-var]
    source.budget = Budget(spent)
    reader = IssueReader(source, clock=source.clock)

    with pytest.raises(RateLimited):
        await reader.read("a1b2c3d4-0000-4000-8000-0000000000aa")
    assert source.asked == 0
