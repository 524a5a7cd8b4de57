from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from deputy_simulator.linear.app import make_app
from deputy_simulator.linear.page import PARTS, asset
from deputy_simulator.linear.settings import Settings

if TYPE_CHECKING:
    from tests.simulator.linear.conftest import ClientFactory, Linear


async def test_a_delegation_sets_delegate_and_assignee_and_opens_a_session(linear: Linear) -> None:
    made = await linear.do("delegate", issue="ENG-1", user="sam")

    session = made["session"]
    assert made["issue"]["delegate"]["name"] == "deputy"
    assert made["issue"]["assignee"]["name"] == "Sam Field"
    assert (session["status"], session["creator"]["name"]) == ("pending", "Sam Field")
    assert session["acknowledgedAt"] is None


async def test_a_team_may_be_added_and_has_the_states_of_every_team(linear: Linear) -> None:
    made = await linear.do("teams", key="NEW", name="Newcomers")
    issue = await linear.do("issues", title="First", team="NEW", state="Blocked")

    assert (made["key"], made["name"]) == ("NEW", "Newcomers")
    assert (issue["identifier"], issue["state"]["name"]) == ("NEW-1", "Blocked")


async def test_an_automation_leaves_the_assignee_alone(linear: Linear) -> None:
    made = await linear.do("delegate", issue="ENG-1", automation=True)

    assert (made["issue"]["assignee"], made["session"]["creator"]) == (None, None)


async def test_what_is_delegated_already_is_refused_and_delegated_again_on_request(
    linear: Linear,
) -> None:
    first = await linear.delegated()
    refused = await linear.http.post("/control/delegate", json={"issue": "ENG-1"})
    again = await linear.do("delegate", issue="ENG-1", again=True)

    assert (refused.status, await refused.json()) == (
        400,
        {"error": "ENG-1 is delegated to deputy already."},
    )
    assert again["sessionId"] not in (None, first)


async def test_no_session_opens_while_session_events_are_off(linear: Linear) -> None:
    await linear.do("agent-sessions", enabled=False)
    made = await linear.do("delegate", issue="ENG-1")

    assert (made["sessionId"], made["issue"]["delegate"]["name"]) == (None, "deputy")


@pytest.mark.parametrize(
    ("body", "sessions"),
    [
        ("@deputy please", 1),
        ("hey @Deputy, please", 1),
        ("mail me@deputy.dev", 0),
        ("@deputy-two please", 0),
        ("deputy please", 0),
    ],
)
async def test_a_comment_that_names_the_agent_opens_a_session(
    linear: Linear, body: str, sessions: int
) -> None:
    await linear.do("comment", issue="ENG-1", body=body)

    assert len(await linear.see("sessions", issue="ENG-1")) == sessions


async def test_a_comment_in_a_sessions_thread_prompts_it(linear: Linear) -> None:
    made = await linear.do("delegate", issue="ENG-1")
    parent = made["session"]["commentId"]
    await linear.do("comment", issue="ENG-1", body="and quickly", parent=parent)

    [prompt] = (await linear.see(f"sessions/{made['sessionId']}"))["activities"]
    assert (prompt["type"], prompt["content"]["body"]) == ("prompt", "and quickly")


async def test_a_comment_on_the_issue_does_not_reach_a_session(linear: Linear) -> None:
    session = await linear.delegated()
    await linear.do("comment", issue="ENG-1", body="by the way")

    assert (await linear.see(f"sessions/{session}"))["activities"] == []


async def test_a_stop_carries_its_signal_until_the_agent_has_ended(linear: Linear) -> None:
    session = await linear.delegated()
    await linear.say(session, {"type": "thought", "body": "x"})
    stop = await linear.do("stop", session=session)
    during = await linear.status(session)
    await linear.say(session, {"type": "response", "body": "Stopped."})

    assert (stop["type"], stop["signal"]) == ("prompt", "stop")
    assert (during, await linear.status(session)) == ("stopping", "complete")


async def test_a_prompt_reopens_a_session_that_has_ended(linear: Linear) -> None:
    session = await linear.delegated()
    await linear.say(session, {"type": "response", "body": "Done."})
    await linear.do("reply", session=session, body="not quite")

    seen = await linear.see(f"sessions/{session}")
    assert (seen["status"], seen["endedAt"]) == ("pending", None)


async def test_a_session_that_falls_silent_is_stale_until_the_agent_speaks(linear: Linear) -> None:
    session = await linear.delegated()
    await linear.say(session, {"type": "thought", "body": "x"})
    await linear.do("clock", advance=29 * 60)
    before = await linear.status(session)
    await linear.do("clock", advance=61)
    silent = await linear.status(session)
    await linear.say(session, {"type": "thought", "body": "y"})

    assert (before, silent, await linear.status(session)) == ("active", "stale", "active")


async def test_a_question_does_not_go_stale(linear: Linear) -> None:
    session = await linear.delegated()
    await linear.say(session, {"type": "elicitation", "body": "which?"})
    await linear.do("clock", advance=3600)

    assert await linear.status(session) == "awaitingInput"


async def test_a_session_says_whether_it_was_answered_in_time(linear: Linear) -> None:
    late, early = await linear.delegated("ENG-1"), await linear.delegated("ENG-2")
    await linear.say(early, {"type": "thought", "body": "x"})
    await linear.do("clock", advance=11)

    seen = [(await linear.see(f"sessions/{s}"))["answeredInTime"] for s in (late, early)]

    assert seen == [False, True]


async def test_a_dismissed_session_takes_the_delegate_away(linear: Linear) -> None:
    session = await linear.delegated()
    gone = await linear.do("dismiss", session=session)

    assert gone["dismissedAt"] is not None
    assert (await linear.see("issues/ENG-1"))["delegate"] is None


async def test_an_issue_in_a_hidden_team_is_not_there_for_the_application(linear: Linear) -> None:
    await linear.do("team-access", hide=["OPS"])
    hidden = await linear.ask('{ issue(id: "OPS-1") { id } }')
    await linear.do("team-access", show=["OPS"])
    shown = await linear.ask('{ issue(id: "OPS-1") { title } }')

    assert hidden["errors"][0]["message"] == "Entity not found: Issue"
    assert "errors" not in shown


async def test_a_revoked_application_is_not_let_in(linear: Linear) -> None:
    await linear.do("revoke-app")
    told = await linear.ask("{ viewer { id } }")

    assert told["errors"][0]["extensions"]["code"] == "AUTHENTICATION_ERROR"


async def test_a_new_issue_may_be_delegated_at_once(linear: Linear) -> None:
    told = {"title": "New", "team": "OPS", "priority": 1, "labels": ["hot"], "delegate": True}
    made = await linear.do("issues", **told)

    assert (made["identifier"], made["priorityLabel"]) == ("OPS-2", "Urgent")
    assert [label["name"] for label in made["labels"]] == ["hot"]
    assert len(made["sessions"]) == 1


async def test_a_wait_ends_when_the_session_gets_there(linear: Linear) -> None:
    session = await linear.delegated()
    waiting = asyncio.create_task(linear.see(f"sessions/{session}", status="complete", wait="10"))
    await linear.say(session, {"type": "response", "body": "Done."})

    assert (await waiting)["status"] == "complete"


async def test_a_wait_ends_with_what_is_there_when_it_is_over(linear: Linear) -> None:
    session = await linear.delegated()

    seen = await linear.see(f"sessions/{session}", activities="1", wait="0.05")

    assert seen["activities"] == []


async def test_a_reset_begins_anew_and_keeps_tokens(linear: Linear) -> None:
    before = await linear.see("state")
    await linear.delegated()
    await linear.do("reset")
    after = await linear.see("state")

    stable = ("organization", "app", "teams", "states", "labels", "users")
    assert {key: after[key] for key in stable} == {key: before[key] for key in stable}
    assert after["sessions"] == []
    assert {i["id"] for i in after["issues"]}.isdisjoint(i["id"] for i in before["issues"])
    assert "errors" not in await linear.ask("{ viewer { id } }")


@pytest.mark.parametrize(
    ("what", "told", "status", "error"),
    [
        ("delegate", {"issue": "ENG-99"}, 404, "Entity not found: Issue"),
        ("delegate", {}, 400, "The field 'issue' is missing."),
        ("delegate", {"issue": "ENG-1", "user": "nobody"}, 404, "Entity not found: User"),
        ("move", {"issue": "ENG-1", "state": "Nowhere"}, 404, "Entity not found: WorkflowState"),
        ("reply", {"session": "x", "body": "y"}, 404, "Entity not found: AgentSession"),
        ("comment", {"issue": "ENG-1", "body": ""}, 400, "The field 'body' is missing."),
        ("delegate", {"issue": "ENG-1", "copies": 9999}, 400, "copies must be 0 to 2000."),
    ],
)
async def test_a_wish_that_cannot_be_fulfilled_is_refused_with_a_reason(
    linear: Linear, what: str, told: dict[str, Any], status: int, error: str
) -> None:
    answer = await linear.http.post(f"/control/{what}", json=told)

    assert (answer.status, await answer.json()) == (status, {"error": error})


async def test_a_seed_replaces_the_built_in_issues(aiohttp_client: ClientFactory) -> None:
    seed = {"issues": [{"title": "Only this", "team": "OPS", "state": "Backlog"}]}
    client = await aiohttp_client(make_app(Settings(seed=json.dumps(seed))))

    issues = await (await client.get("/control/issues")).json()

    assert [(i["identifier"], i["title"], i["state"]["name"]) for i in issues] == [
        ("OPS-1", "Only this", "Backlog")
    ]


async def test_the_page_hears_of_every_change(linear: Linear) -> None:
    async with linear.http.get("/events") as stream:
        assert await stream.content.readline() == b"retry: 1000\n"
        await linear.delegated()
        kinds: set[str] = set()
        async with asyncio.timeout(5):
            while kinds < {"issue", "comment", "session", "delivery"}:
                line = (await stream.content.readline()).decode()
                if line.startswith("data: "):
                    kinds.add(json.loads(line.removeprefix("data: "))["kind"])

    assert kinds == {"issue", "comment", "session", "delivery"}


@pytest.mark.parametrize("path", ["/", "/acme/issue/ENG-1", "/acme/issue/ENG-1/some-title"])
async def test_the_page_is_served_with_a_policy_that_lets_nothing_else_in(
    linear: Linear, path: str
) -> None:
    answer = await linear.http.get(path)

    assert answer.content_type == "text/html"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src ")


@pytest.mark.parametrize("name", sorted(PARTS))
async def test_every_part_of_the_page_is_served(linear: Linear, name: str) -> None:
    assert (await linear.http.get(f"/assets/{name}")).status == 200


async def test_nothing_else_is_served_as_a_part_of_the_page(linear: Linear) -> None:
    assert (await linear.http.get("/assets/index.html")).status == 404


@pytest.mark.parametrize("name", sorted([*PARTS, "index.html"]))
def test_the_page_needs_nothing_from_elsewhere_and_never_makes_markup_of_text(name: str) -> None:
    text = asset(name)

    addresses = set(re.findall(r"https?://[\w.]+", text)) - {"http://www.w3.org"}
    assert addresses == set()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
