from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.simulator.linear.conftest import Linear

FACTS = """
query($id: String!) {
  issue(id: $id) {
    identifier title url branchName priority
    state { name type } labels { nodes { name } } delegate { name } team { key name }
  }
}
"""


async def test_the_application_is_the_viewer(linear: Linear) -> None:
    told = await linear.ask("{ viewer { name app supportsAgentSessions organization { urlKey } } }")

    assert told == {
        "data": {
            "viewer": {
                "name": "deputy",
                "app": True,
                "supportsAgentSessions": True,
                "organization": {"urlKey": "acme"},
            }
        }
    }


@pytest.mark.parametrize("by", ["identifier", "id"])
async def test_an_issue_is_found_by_identifier_and_by_id(linear: Linear, by: str) -> None:
    key = (await linear.see("issues/ENG-1"))[by]

    told = await linear.ask(FACTS, id=key)

    assert told == {
        "data": {
            "issue": {
                "identifier": "ENG-1",
                "title": "Fix accessibility on the checkout page",
                "url": "https://linear.app/acme/issue/ENG-1/fix-accessibility-on-the-checkout-page",
                "branchName": "eng-1-fix-accessibility-on-the-checkout-page",
                "priority": 2.0,
                "state": {"name": "Todo", "type": "unstarted"},
                "labels": {"nodes": [{"name": "bug"}]},
                "delegate": None,
                "team": {"key": "ENG", "name": "Engineering"},
            }
        }
    }


async def test_an_issue_that_is_not_there_is_told_as_linear_does(linear: Linear) -> None:
    told = await linear.ask("query($id: String!) { issue(id: $id) { id } }", id="ENG-99")

    assert told["data"] is None
    assert told["errors"][0]["message"] == "Entity not found: Issue"
    assert told["errors"][0]["extensions"] == {
        "type": "invalid input",
        "code": "INPUT_ERROR",
        "statusCode": 400,
        "userError": True,
        "userPresentableMessage": "Could not find referenced Issue.",
    }


async def test_lists_of_an_issue_are_paged_newest_first(linear: Linear) -> None:
    for body in ("one", "two", "three"):
        await linear.do("comment", issue="ENG-1", body=body)
    query = """query($after: String) { issue(id: "ENG-1") {
      comments(first: 2, after: $after) { nodes { body } pageInfo { hasNextPage endCursor } } } }"""

    first = (await linear.ask(query))["data"]["issue"]["comments"]
    cursor = first["pageInfo"]["endCursor"]
    second = (await linear.ask(query, after=cursor))["data"]["issue"]["comments"]

    assert [node["body"] for node in first["nodes"]] == ["three", "two"]
    assert [node["body"] for node in second["nodes"]] == ["one"]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"team": {"key": {"eq": "OPS"}}}, ["OPS-1"]),
        ({"state": {"type": {"in": ["backlog"]}}}, ["ENG-4"]),
        ({"labels": {"name": {"eq": "feature"}}}, ["ENG-2", "ENG-5"]),
        ({"labels": {"some": {"name": {"eqIgnoreCase": "BUG"}}}}, ["ENG-1"]),
        ({"labels": {"length": {"eq": 0}}}, ["ENG-4", "OPS-1"]),
        ({"priority": {"lte": 1}}, ["ENG-2"]),
        ({"title": {"containsIgnoreCase": "readme"}}, ["ENG-3"]),
        ({"delegate": {"null": False}}, ["ENG-5"]),
        ({"delegate": {"name": {"eq": "deputy"}}}, ["ENG-5"]),
        ({"delegate": {"null": True}, "team": {"key": {"eq": "OPS"}}}, ["OPS-1"]),
        ({"or": [{"number": {"eq": 1}}, {"number": {"eq": 4}}]}, ["ENG-1", "ENG-4", "OPS-1"]),
        ({"and": [{"number": {"eq": 1}}, {"team": {"name": {"startsWith": "Eng"}}}]}, ["ENG-1"]),
        ({"creator": {"displayName": {"neq": "jane"}}}, ["ENG-5", "OPS-1"]),
        ({"createdAt": {"gt": "-P2W"}, "priority": {"lte": 1}}, ["ENG-2"]),
        ({"createdAt": {"lt": "-P1DT12H"}}, []),
        ({"project": {"null": False}}, []),
        ({"estimate": {"null": True}, "title": {"contains": "CSV"}}, ["ENG-5"]),
        ({"comments": {"length": {"eq": 0}}, "team": {"key": {"eq": "OPS"}}}, ["OPS-1"]),
        ({"attachments": {"some": {"title": {"eq": "x"}}}}, []),
        ({"team": {"private": {"eq": False}}, "number": {"eq": 3}}, ["ENG-3"]),
    ],
)
async def test_filters_choose_issues(
    linear: Linear, wanted: dict[str, Any], found: list[str]
) -> None:
    await linear.do("delegate", issue="ENG-5")
    query = "query($f: IssueFilter) { issues(filter: $f) { nodes { identifier } } }"

    told = await linear.ask(query, f=wanted)

    assert sorted(node["identifier"] for node in told["data"]["issues"]["nodes"]) == found


async def test_a_filter_on_what_no_query_shows_is_refused(linear: Linear) -> None:
    query = "query($f: IssueFilter) { issues(filter: $f) { nodes { identifier } } }"

    told = await linear.ask(query, f={"hasBlockedByRelations": {"eq": True}})

    assert told["errors"][0]["message"] == (
        "The simulator does not support filtering or sorting by hasBlockedByRelations of Issue."
    )


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ([{"title": {"order": "Ascending"}}], ["ENG-3", "ENG-5", "ENG-1", "ENG-4", "ENG-2"]),
        (
            [{"priority": {"order": "Ascending"}}, {"title": {"order": "Descending"}}],
            ["ENG-2", "ENG-1", "ENG-4", "ENG-5", "ENG-3"],
        ),
        (
            [{"workflowState": {"order": "Ascending"}}, {"title": {"order": "Ascending"}}],
            ["ENG-4", "ENG-3", "ENG-5", "ENG-1", "ENG-2"],
        ),
        (
            [{"delegate": {"order": "Ascending", "nulls": "first"}}],
            ["ENG-4", "ENG-3", "ENG-2", "ENG-1", "ENG-5"],
        ),
        ([{"delegate": {"order": "Ascending"}}], ["ENG-5", "ENG-4", "ENG-3", "ENG-2", "ENG-1"]),
        ([{"manual": {"order": "Ascending"}}], ["ENG-5", "ENG-4", "ENG-3", "ENG-2", "ENG-1"]),
    ],
)
async def test_issues_are_sorted_as_asked_for(linear: Linear, sort: Any, order: list[str]) -> None:
    await linear.do("delegate", issue="ENG-5")
    query = """query($s: [IssueSortInput!]) {
      issues(filter: {team: {key: {eq: "ENG"}}}, sort: $s) { nodes { identifier } } }"""

    told = await linear.ask(query, s=sort)

    assert [node["identifier"] for node in told["data"]["issues"]["nodes"]] == order


async def test_a_team_is_found_by_name_with_its_states(linear: Linear) -> None:
    query = """{ teams(filter: {name: {eq: "Engineering"}}) { nodes { key
      states { nodes { name type position } } } } }"""

    [team] = (await linear.ask(query))["data"]["teams"]["nodes"]

    assert team["key"] == "ENG"
    assert sorted((s["position"], s["name"], s["type"]) for s in team["states"]["nodes"]) == [
        (0.0, "Triage", "triage"),
        (1.0, "Backlog", "backlog"),
        (2.0, "Todo", "unstarted"),
        (3.0, "In Progress", "started"),
        (4.0, "In Review", "started"),
        (5.0, "Blocked", "started"),
        (6.0, "Done", "completed"),
        (7.0, "Canceled", "canceled"),
    ]


async def test_repositories_that_an_issue_names_are_suggested_first(linear: Linear) -> None:
    candidates = [
        {"hostname": "github.com", "repositoryFullName": f"acme/{name}"}
        for name in ("api", "checkout")
    ]
    query = """query($c: [CandidateRepository!]!) {
      issueRepositorySuggestions(issueId: "ENG-1", candidateRepositories: $c) {
        suggestions { repositoryFullName } } }"""

    told = await linear.ask(query, c=candidates)

    suggested = told["data"]["issueRepositorySuggestions"]["suggestions"]
    assert [one["repositoryFullName"] for one in suggested] == ["acme/checkout", "acme/api"]
