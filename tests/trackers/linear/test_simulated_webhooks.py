"""What the simulated Linear delivers, signed and over HTTP, read into events."""

import datetime as dt
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from deputy.trackers.events import (
    AppRevoked,
    Ignored,
    IssueChanged,
    SessionCreated,
    SessionPrompted,
    TeamAccessChanged,
    TrackerEvent,
    Unassigned,
)
from deputy.trackers.linear.webhooks import from_http
from deputy_simulator.linear import people, webhook_events
from deputy_simulator.linear.issues import NewComment, archive_issue
from tests.trackers.linear.simulated import Linear, eventually

SECRET = "lin_wh_of_a_test"


class Received(list[TrackerEvent]):
    """Every event that was delivered, in the order of arrival."""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        now = dt.datetime.now(dt.UTC)
        self.append(from_http(request.headers, body, [b"another", SECRET.encode()], now))
        return web.Response(text="OK")

    async def first(self, kind: type[TrackerEvent]) -> TrackerEvent:
        await eventually(lambda: any(isinstance(event, kind) for event in self))
        return next(event for event in self if isinstance(event, kind))


@pytest.fixture
async def received(linear: Linear) -> AsyncIterator[Received]:
    received = Received()
    app = web.Application()
    app.router.add_post("/webhooks/linear", received.take)
    async with TestServer(app) as server:
        sender = linear.simulator.sender
        sender.url, sender.secret = str(server.make_url("/webhooks/linear")), SECRET
        yield received


async def test_a_delegation_is_a_session_without_words(linear: Linear, received: Received) -> None:
    session = linear.session()

    event = await received.first(SessionCreated)

    jane = linear.simulator.workspace.store.user("jane")
    assert isinstance(event, SessionCreated)
    assert event.delegator is not None
    assert (event.session_id, event.text) == (session, "")
    assert (event.delegator.id, event.delegator.email) == (jane.id, jane.email)
    assert (event.issue.id, event.issue.team.key) == (linear.issue().id, "ENG")
    assert event.app_user_id == linear.simulator.workspace.app_user_id
    assert event.guidance == ("Keep pull requests small, with a test.",)


@pytest.mark.parametrize("nested", [False, True])
async def test_a_mention_is_a_session_with_its_words(
    linear: Linear, received: Received, *, nested: bool
) -> None:
    world, issue = linear.simulator.workspace, linear.issue()
    jane, sam = world.store.user("jane"), world.store.user("sam")
    root = people.comment(world, NewComment(issue_id=issue.id, body="It is red."), sam)
    parent = root.id if nested else None
    words = NewComment(issue_id=issue.id, body="@deputy make it blue", parent_id=parent)
    people.comment(world, words, jane)

    event = await received.first(SessionCreated)

    assert isinstance(event, SessionCreated)
    assert event.text == "@deputy make it blue"


async def test_a_reply_and_a_stop_are_prompts(linear: Linear, received: Received) -> None:
    world = linear.simulator.workspace
    session = world.store.any(linear.session())
    jane = world.store.user("jane")
    said = people.reply(world, session, jane, "Please also log it.")  # type: ignore[arg-type]
    stopped = people.stop(world, session, jane)  # type: ignore[arg-type]
    await eventually(lambda: sum(isinstance(e, SessionPrompted) for e in received) == 2)

    told = {
        event.activity_id: (event.text, event.is_stop, event.author.id)
        for event in received
        if isinstance(event, SessionPrompted)
    }

    assert told == {
        said.id: ("Please also log it.", False, jane.id),
        stopped.id: ("Stop", True, jane.id),
    }


async def test_taking_the_issue_away_is_told_twice(linear: Linear, received: Received) -> None:
    world = linear.simulator.workspace
    linear.session()
    people.change_issue(world, linear.issue(), {"delegate_id": None}, world.store.user("jane"))

    changed, unassigned = [await received.first(kind) for kind in (IssueChanged, Unassigned)]

    assert isinstance(changed, IssueChanged)
    assert isinstance(unassigned, Unassigned)
    assert changed.undelegated_from == world.app_user_id
    assert not changed.is_canceled
    assert changed.issue_id == unassigned.issue_id == linear.issue().id


async def test_canceling_an_issue_is_a_change(linear: Linear, received: Received) -> None:
    world, issue = linear.simulator.workspace, linear.issue()
    canceled = world.store.state(issue.team_id, "Canceled")
    people.change_issue(world, issue, {"state_id": canceled.id}, world.store.user("jane"))

    event = await received.first(IssueChanged)

    assert isinstance(event, IssueChanged)
    assert (event.is_canceled, event.is_removed, event.undelegated_from) == (True, False, None)


@pytest.mark.parametrize("trash", [False, True])
async def test_putting_an_issue_away_is_its_removal(
    linear: Linear, received: Received, *, trash: bool
) -> None:
    world = linear.simulator.workspace
    archive_issue(world, linear.issue(), world.store.user("jane"), trash=trash)

    event = await received.first(IssueChanged)

    assert isinstance(event, IssueChanged)
    assert (event.is_canceled, event.is_removed) == (False, True)


async def test_a_change_that_takes_nothing_away_is_ignored(
    linear: Linear, received: Received
) -> None:
    world = linear.simulator.workspace
    people.change_issue(world, linear.issue(), {"priority": 1}, world.store.user("jane"))

    assert await received.first(Ignored) == Ignored("Issue/update")


async def test_a_comment_need_not_be_known(linear: Linear, received: Received) -> None:
    world, issue = linear.simulator.workspace, linear.issue()
    people.comment(world, NewComment(issue_id=issue.id, body="/why"), world.store.user("sam"))

    assert await received.first(Ignored) == Ignored("Comment/create")


async def test_other_teams_and_a_revoked_app_are_told(linear: Linear, received: Received) -> None:
    world = linear.simulator.workspace
    team = world.store.team("OPS")
    people.change_team_access(world, hide=[team], show=[])
    webhook_events.app_revoked(world)

    changed, revoked = [await received.first(kind) for kind in (TeamAccessChanged, AppRevoked)]

    organization = world.store.organization().id
    assert isinstance(revoked, AppRevoked)
    assert revoked.sent is not None
    assert (changed, revoked) == (
        TeamAccessChanged(organization),
        AppRevoked(organization, revoked.sent),
    )
