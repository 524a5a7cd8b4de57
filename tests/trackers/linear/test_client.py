"""The client against the simulated Linear."""

import httpx
import pytest

from deputy.trackers.linear.client import Indeterminate, LinearClient
from deputy.trackers.linear.errors import (
    EntityNotFound,
    LinearUnavailable,
    RateLimited,
    Rejected,
    Unauthenticated,
)
from deputy.trackers.linear.teams import TeamReader
from deputy.trackers.models import (
    Issue,
    Organization,
    Team,
    TeamDirectory,
    Viewer,
    WorkflowState,
)
from deputy.trackers.updates import (
    AddLinks,
    ChangeIssue,
    PostActivity,
    PostComment,
    Refused,
    Response,
    Sent,
    SessionLink,
    SetPlan,
)
from deputy.wire import Asked, Step, StepStatus, Thought, ToolFinished, stable_id
from deputy_simulator.linear.seed import seed_team
from tests.trackers.linear.simulated import FixedToken, Linear


def thought(session: str, words: str) -> PostActivity:
    return PostActivity(session, stable_id(session, words), Thought(words))


async def test_the_viewer_is_the_app_in_its_organisation(linear: Linear) -> None:
    world = linear.simulator.workspace
    home = world.store.organization()

    seen = await linear.client().viewer()

    assert seen == Viewer(world.app_user_id, "deputy", Organization(home.id, "Acme", "acme"))


@pytest.mark.parametrize("by_id", [True, False])
async def test_an_issue_is_read_by_id_and_by_identifier(linear: Linear, by_id: bool) -> None:  # noqa: FBT001
    issue = linear.issue()
    linear.session()

    seen = await linear.client().issue(issue.id if by_id else "ENG-1")

    world = linear.simulator.workspace
    team, state = world.store.team("ENG"), world.store.state(issue.team_id, "Todo")
    assert seen == Issue(
        id=issue.id,
        identifier="ENG-1",
        title=issue.title,
        url=issue.url,
        priority=2,
        state=WorkflowState(state.id, "Todo", "unstarted", state.position),
        labels=("bug",),
        team=Team(team.id, "ENG", "Engineering"),
    )


async def test_an_issue_that_is_not_there_is_not_found(linear: Linear) -> None:
    with pytest.raises(EntityNotFound):
        await linear.client().issue("ENG-999")


async def team_of(linear: Linear, name: str) -> Team:
    team = (await TeamReader(linear.client()).read(0.0)).team(name)
    assert team is not None
    return team


@pytest.mark.parametrize("name", ["ENG", "eng", "Engineering", "engineering"])
async def test_a_team_is_found_by_key_and_name(linear: Linear, name: str) -> None:
    team = await team_of(linear, name)

    assert (team.key, team.name) == ("ENG", "Engineering")
    assert [state.name for state in team.states] == [
        "Triage", "Backlog", "Todo", "In Progress", "In Review", "Blocked", "Done", "Canceled",
    ]  # fmt: skip


async def test_a_team_is_found_by_id_with_its_states(linear: Linear) -> None:
    known = linear.simulator.workspace.store.team("OPS")

    team = await team_of(linear, known.id)

    states = {state.name: state.type for state in team.states}
    assert (team.key, states["Done"], "Doing" in states) == ("OPS", "completed", False)


async def test_a_team_that_is_not_there_is_none() -> None:
    assert TeamDirectory(Organization("o", "Acme", "acme"), ()).team("NOPE") is None


async def test_teams_come_a_page_at_a_time_until_there_are_no_more(linear: Linear) -> None:
    world = linear.simulator.workspace
    for number in range(60):
        seed_team(world, {"key": f"T{number}", "name": f"Team {number}"})

    directory = await TeamReader(linear.client()).read(0.0)

    assert directory.organization == Organization(world.store.organization().id, "Acme", "acme")
    assert len(directory.teams) == 62
    assert linear.requests() == [("organization", "teams")] * 2


async def test_every_kind_of_update_travels_in_one_request(linear: Linear) -> None:
    session, issue = linear.session(), linear.issue()
    state = linear.simulator.workspace.store.state(issue.team_id, "In Progress")
    comment = stable_id("test", "comment")
    before = len(linear.requests())

    outcomes = await linear.client().apply(
        [
            thought(session, "Looking."),
            PostActivity(session, stable_id("test", "tool"), ToolFinished("Ran", "make", "ok")),
            SetPlan(session, (Step("Read", StepStatus.IN_PROGRESS),)),
            AddLinks(session, (SessionLink("Pull request", "https://example.com/1"),)),
            ChangeIssue(issue.id, state_id=state.id),
            PostComment(issue.id, comment, "Run `x`: done."),
            PostActivity(session, stable_id("test", "ask"), Asked("Which?", ("a", "b"))),
        ]
    )

    assert outcomes == [Sent()] * 7
    assert len(linear.requests()) == before + 1
    shown = linear.shown(session)
    assert linear.said(session) == [
        ("thought", "Looking."), ("action", "make"), ("elicitation", "Which?"),
    ]  # fmt: skip
    assert shown["plan"] == [{"content": "Read", "status": "inProgress"}]
    assert shown["externalUrls"] == [{"label": "Pull request", "url": "https://example.com/1"}]
    assert shown["status"] == "awaitingInput"
    assert linear.issue().state_id == state.id
    assert linear.simulator.workspace.store.any(comment) is not None


async def test_an_activity_that_is_there_already_counts_as_sent(linear: Linear) -> None:
    session = linear.session()
    client = linear.client()

    outcomes = [await client.apply([thought(session, "Once.")]) for _ in range(3)]

    assert outcomes == [[Sent()]] * 3
    assert linear.said(session) == [("thought", "Once.")]


async def test_an_activity_for_a_session_that_is_not_there_is_refused(linear: Linear) -> None:
    outcome = await linear.client().apply([thought(stable_id("no", "session"), "Hello?")])

    assert outcome == [Refused("Could not find referenced AgentSession. (INPUT_ERROR)")]


async def test_in_a_batch_only_the_refused_is_settled(linear: Linear) -> None:
    session = linear.session()
    updates = [
        thought(session, "One."),
        thought(stable_id("no", "session"), "Hello?"),
        thought(session, "Two."),
    ]

    outcomes = await linear.client().apply(updates)

    assert outcomes == [
        Indeterminate(),
        Refused("Could not find referenced AgentSession. (INPUT_ERROR)"),
        Indeterminate(),
    ]


async def test_in_a_batch_the_repeated_is_settled_too(linear: Linear) -> None:
    session = linear.session()
    await linear.client().apply([thought(session, "One.")])

    outcomes = await linear.client().apply([thought(session, "One."), thought(session, "Two.")])

    assert outcomes == [Sent(), Indeterminate()]


@pytest.mark.parametrize("kind", ["status", "lost", "error"])
async def test_a_failure_of_linears_is_told_as_such(linear: Linear, kind: str) -> None:
    linear.fault(kind=kind, requests=1)

    with pytest.raises(LinearUnavailable):
        await linear.client().apply([thought(linear.session(), "Hello.")])


async def test_no_answer_in_time_is_a_failure_of_linears(linear: Linear) -> None:
    linear.fault(kind="timeout", requests=1)
    session = linear.session()

    async with httpx.AsyncClient(timeout=0.05) as http:
        client = LinearClient(http, linear.url, FixedToken())
        with pytest.raises(LinearUnavailable, match="ReadTimeout"):
            await client.apply([thought(session, "Hello.")])


async def test_nobody_at_the_address_is_a_failure_of_linears(linear: Linear) -> None:
    client = LinearClient(linear.http, "http://127.0.0.1:9", FixedToken())

    with pytest.raises(LinearUnavailable, match="ConnectError"):
        await client.viewer()


async def test_a_spent_budget_is_told_with_the_time_to_come_back(linear: Linear) -> None:
    linear.fault(kind="ratelimited", delay=7, requests=1)

    with pytest.raises(RateLimited) as raised:
        await linear.client().viewer()

    assert raised.value.retry_after == 7.0


async def test_the_budget_is_what_the_newest_answer_says(linear: Linear) -> None:
    client = linear.client()
    await client.viewer()
    await client.viewer()

    requests, complexity = client.budget.requests, client.budget.complexity

    assert requests is not None
    assert complexity is not None
    assert (requests.limit, requests.remaining) == (5_000, 4_998)
    assert complexity.limit == 2_000_000


async def test_a_token_that_linear_does_not_know_is_told(linear: Linear) -> None:
    with pytest.raises(Unauthenticated):
        await linear.client("lin_oauth_unknown").viewer()


async def test_a_session_of_another_app_is_refused(linear: Linear) -> None:
    session = linear.session()

    (outcome,) = await linear.client("lin_oauth_otherbot").apply(
        [PostActivity(session, stable_id("x", "y"), Response("Mine now."))]
    )

    assert isinstance(outcome, Refused)
    assert linear.said(session) == []


async def test_a_document_that_linear_does_not_understand_is_rejected(linear: Linear) -> None:
    with pytest.raises(Rejected):
        await linear.client().execute("query { nothingOfThatName }", {})
