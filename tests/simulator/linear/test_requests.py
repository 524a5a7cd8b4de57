from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.simulator.linear.conftest import Linear


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("not JSON", 400, "BAD_REQUEST"),
        ('{"query": 1}', 400, "BAD_REQUEST"),
        ('{"query": "{"}', 400, "GRAPHQL_PARSE_FAILED"),
        ('{"query": "{ nothing }"}', 400, "GRAPHQL_VALIDATION_FAILED"),
        ('{"query": "subscription { issueCreated { id } }"}', 400, "FEATURE_NOT_ACCESSIBLE"),
        ('{"query": "query($id: String!) { issue(id: $id) { id } }"}', 400, "INVALID_INPUT"),
        ('{"query": "{ webhooks { nodes { id } } }"}', 200, "FORBIDDEN"),
    ],
)
async def test_a_request_that_cannot_be_executed_is_refused(
    linear: Linear, body: str, status: int, code: str
) -> None:
    headers = {"Authorization": "Bearer lin_oauth_test"}

    answer = await linear.http.post("/graphql", data=body, headers=headers)

    told = await answer.json()
    assert (answer.status, told["errors"][0]["extensions"]["code"]) == (status, code)


async def test_a_call_without_a_token_is_answered_401(linear: Linear) -> None:
    answer = await linear.http.post("/graphql", json={"query": "{ viewer { id } }"})

    told = await answer.json()
    assert answer.status == 401
    assert told["errors"][0]["message"] == "Authentication required, not authenticated"


async def test_a_person_calls_with_a_key_and_without_bearer(linear: Linear) -> None:
    answer = await linear.http.post(
        "/graphql",
        json={"query": "{ viewer { name app } }"},
        headers={"Authorization": "lin_api_jane"},
    )

    assert await answer.json() == {"data": {"viewer": {"name": "Jane Doe", "app": False}}}


WRITE = """mutation { issueSubscribe(id: "ENG-1") { success } }"""


async def test_a_token_that_may_only_read_does_not_write(linear: Linear) -> None:
    inside = linear.inside
    inside.authority.seed("reader", inside.workspace.app_user_id, "app", "read")

    told = await linear.ask(WRITE, token="reader")

    assert told["errors"][0]["message"] == "Invalid scope: `write` required"
