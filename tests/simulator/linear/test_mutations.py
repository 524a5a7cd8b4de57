from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulator.linear.conftest import Linear

UPDATE = """
mutation($id: String!, $input: AgentSessionUpdateInput!) {
  agentSessionUpdate(id: $id, input: $input) {
    agentSession { status plan summary externalLinks { label url } } } }
"""


async def updated(linear: Linear, session: str, **changes: Any) -> Any:
    told = await linear.ask(UPDATE, id=session, input=changes)
    return told["data"]["agentSessionUpdate"]["agentSession"]


async def test_every_plan_of_a_session_is_remembered(linear: Linear) -> None:
    session = await linear.delegated()
    plans = [[{"content": "a", "status": status}] for status in ("pending", "completed")]
    for plan in plans:
        await updated(linear, session, plan=plan)

    assert (await linear.see(f"sessions/{session}"))["plans"] == plans


async def test_a_plan_is_replaced_whole_and_acknowledges(linear: Linear) -> None:
    session = await linear.delegated()
    await updated(linear, session, plan=[{"content": "a", "status": "pending"}])

    seen = await updated(linear, session, plan=[{"content": "b", "status": "completed"}])

    # The scalar `JSON` is text on the wire.
    assert seen | {"plan": json.loads(seen["plan"])} == {
        "status": "active",
        "plan": [{"content": "b", "status": "completed"}],
        "summary": None,
        "externalLinks": [],
    }


async def test_a_title_alone_does_not_acknowledge(linear: Linear) -> None:
    session = await linear.delegated()

    seen = await updated(linear, session, summary="Fix the label")

    assert (seen["summary"], seen["status"]) == ("Fix the label", "pending")


async def test_links_are_added_removed_and_replaced(linear: Linear) -> None:
    session = await linear.delegated()
    one, two = ({"label": name, "url": f"https://{name}"} for name in ("one", "two"))

    added = [
        (await updated(linear, session, **change))["externalLinks"]
        for change in (
            {"addedExternalUrls": [one]},
            {"addedExternalUrls": [two]},
            {"addedExternalUrls": [one | {"label": "first"}]},
            {"removedExternalUrls": ["https://two"]},
            {"externalUrls": [two], "addedExternalUrls": [one]},
        )
    ]

    first = one | {"label": "first"}
    assert added == [[one], [one, two], [two, first], [first], [two]]


ISSUE_UPDATE = """
mutation($id: String!, $input: IssueUpdateInput!) {
  issueUpdate(id: $id, input: $input) { success issue { state { name } delegate { name }
    labels { nodes { name } } startedAt canceledAt } } }
"""


async def test_an_agent_takes_an_issue_without_opening_a_session(linear: Linear) -> None:
    me = (await linear.ask("{ viewer { id } }"))["data"]["viewer"]["id"]
    states = (await linear.see("state"))["states"]
    state = next(s["id"] for s in states if s["name"] == "In Progress")

    told = await linear.ask(ISSUE_UPDATE, id="ENG-1", input={"stateId": state, "delegateId": me})

    issue = told["data"]["issueUpdate"]["issue"]
    assert (issue["state"]["name"], issue["delegate"]["name"]) == ("In Progress", "deputy")
    assert issue["startedAt"] is not None
    assert await linear.see("sessions") == []


async def test_a_state_of_another_team_is_refused(linear: Linear) -> None:
    seen = await linear.see("state")
    operations = next(t["id"] for t in seen["teams"] if t["key"] == "OPS")
    state = next(s["id"] for s in seen["states"] if s["teamId"] == operations)

    told = await linear.ask(ISSUE_UPDATE, id="ENG-1", input={"stateId": state})

    assert told["errors"][0]["message"] == "Entity not found: WorkflowState"


async def test_null_takes_the_delegate_away_and_absence_does_not(linear: Linear) -> None:
    await linear.delegated()
    kept = await linear.ask(ISSUE_UPDATE, id="ENG-1", input={"priority": 1})
    taken = await linear.ask(ISSUE_UPDATE, id="ENG-1", input={"delegateId": None})

    assert kept["data"]["issueUpdate"]["issue"]["delegate"] == {"name": "deputy"}
    assert taken["data"]["issueUpdate"]["issue"]["delegate"] is None


async def test_labels_are_added_and_removed(linear: Linear) -> None:
    labels = {label["name"]: label["id"] for label in (await linear.see("state"))["labels"]}
    change = {"addedLabelIds": [labels["docs"]], "removedLabelIds": [labels["bug"]]}

    told = await linear.ask(ISSUE_UPDATE, id="ENG-1", input=change)

    assert told["data"]["issueUpdate"]["issue"]["labels"] == {"nodes": [{"name": "docs"}]}


async def test_a_field_that_is_not_simulated_is_refused_and_not_ignored(linear: Linear) -> None:
    told = await linear.ask(ISSUE_UPDATE, id="ENG-1", input={"projectId": "p"})

    assert told["errors"][0]["message"] == (
        "The simulator does not support issueUpdate with projectId."
    )


async def test_the_same_address_is_attached_once(linear: Linear) -> None:
    query = """mutation($title: String!) { attachmentCreate(input:
      {issueId: "ENG-1", title: $title, url: "https://a/1"}) { attachment { id title } } }"""

    first = await linear.ask(query, title="one")
    second = await linear.ask(query, title="two")

    seen = await linear.see("issues/ENG-1")
    assert [a["title"] for a in seen["attachments"]] == ["two"]
    one, two = (t["data"]["attachmentCreate"]["attachment"]["id"] for t in (first, second))
    assert one == two


ON_ISSUE = """
mutation { agentSessionCreateOnIssue(input: {issueId: "ENG-1"}) { agentSession { id status } } }
"""


async def test_an_agent_opens_a_session_by_itself(linear: Linear) -> None:
    told = await linear.ask(ON_ISSUE)

    session = told["data"]["agentSessionCreateOnIssue"]["agentSession"]
    assert session["status"] == "active"
    assert (await linear.see(f"sessions/{session['id']}"))["creator"] is None


async def test_no_session_opens_while_session_events_are_off(linear: Linear) -> None:
    await linear.do("agent-sessions", enabled=False)
    told = await linear.ask(ON_ISSUE)

    assert told["errors"][0]["message"] == "Agent sessions are not enabled for this application."
