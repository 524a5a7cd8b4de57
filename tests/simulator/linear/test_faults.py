from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.simulator.linear.conftest import SAY, TOKEN, Linear

VIEWER = "{ viewer { name } }"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


async def statuses(linear: Linear, count: int, query: str = VIEWER) -> list[int]:
    answers = [
        await linear.http.post("/graphql", json={"query": query}, headers=HEADERS)
        for _ in range(count)
    ]
    return [answer.status for answer in answers]


async def test_a_status_is_answered_for_so_many_requests(linear: Linear) -> None:
    await linear.do("faults", requests=[{"kind": "status", "status": 502, "requests": 2}])

    assert await statuses(linear, 3) == [502, 502, 200]


async def test_a_status_is_answered_for_so_many_seconds(linear: Linear) -> None:
    await linear.do("faults", requests=[{"kind": "status", "seconds": 60}])
    during = await statuses(linear, 2)
    await linear.do("clock", advance=61)

    assert (during, await statuses(linear, 1)) == ([503, 503], [200])


async def test_a_fault_strikes_only_the_requests_it_names(linear: Linear) -> None:
    await linear.do("faults", requests=[{"kind": "status", "operation": "organization"}])

    assert await statuses(linear, 1) == [200]
    assert await statuses(linear, 1, "{ organization { name } }") == [503]


async def test_faults_end_when_they_are_cleared(linear: Linear) -> None:
    await linear.do("faults", requests=[{"kind": "status"}])
    before = await statuses(linear, 1)
    await linear.http.delete("/control/faults")

    assert (before, await statuses(linear, 1)) == ([503], [200])


async def test_a_lost_answer_leaves_the_work_done(linear: Linear) -> None:
    session = await linear.delegated()
    await linear.do("faults", requests=[{"kind": "lost", "status": 500, "requests": 1}])
    body = {
        "query": SAY,
        "variables": {
            "input": {"agentSessionId": session, "content": {"type": "thought", "body": "x"}}
        },
    }

    answer = await linear.http.post("/graphql", json=body, headers=HEADERS)

    assert answer.status == 500
    assert len((await linear.see(f"sessions/{session}"))["activities"]) == 1


@pytest.mark.parametrize(("kind", "done"), [("timeout", 0), ("silent", 1)])
async def test_no_answer_comes_whether_or_not_the_work_is_done(
    linear: Linear, kind: str, done: int
) -> None:
    session = await linear.delegated()
    await linear.do("faults", requests=[{"kind": kind, "requests": 1}])
    body = {
        "query": SAY,
        "variables": {
            "input": {"agentSessionId": session, "content": {"type": "thought", "body": "x"}}
        },
    }

    with pytest.raises(TimeoutError):
        await linear.http.post(
            "/graphql", json=body, headers=HEADERS, timeout=aiohttp.ClientTimeout(total=0.3)
        )

    assert len((await linear.see(f"sessions/{session}"))["activities"]) == done


async def test_a_hanging_request_is_cut_off_after_its_delay(linear: Linear) -> None:
    await linear.do("faults", requests=[{"kind": "timeout", "delay": 0.05, "requests": 1}])

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await linear.http.post("/graphql", json={"query": VIEWER}, headers=HEADERS)


async def test_a_slow_answer_is_right_in_the_end(linear: Linear) -> None:
    await linear.do("faults", requests=[{"kind": "slow", "delay": 0.1, "requests": 1}])
    loop = asyncio.get_running_loop()
    began = loop.time()

    told = await linear.ask(VIEWER)

    assert told == {"data": {"viewer": {"name": "deputy"}}}
    assert loop.time() - began >= 0.1


async def test_a_graphql_error_is_answered_with_200(linear: Linear) -> None:
    fault = {"kind": "error", "message": "Lock timeout", "type": "lock timeout", "requests": 1}
    await linear.do("faults", requests=[fault])

    told = await linear.ask(VIEWER)

    assert told == {
        "errors": [
            {
                "message": "Lock timeout",
                "extensions": {
                    "type": "lock timeout",
                    "code": "LOCK_TIMEOUT",
                    "statusCode": 503,
                    "userError": False,
                },
            }
        ],
        "data": None,
    }


def limited(limit: int) -> dict[str, Any]:
    message = f"Rate limit exceeded. Only {limit} requests are allowed per 1 hour."
    return {
        "errors": [
            {
                "message": message,
                "extensions": {
                    "type": "ratelimited",
                    "code": "RATELIMITED",
                    "statusCode": 429,
                    "userError": True,
                    "userPresentableMessage": message,
                },
            }
        ]
    }


async def test_a_rate_limit_is_told_on_request(linear: Linear) -> None:
    await linear.do("faults", requests=[{"kind": "ratelimited", "delay": 7, "requests": 1}])

    answer = await linear.http.post("/graphql", json={"query": VIEWER}, headers=HEADERS)

    assert (answer.status, answer.headers["Retry-After"]) == (400, "7")
    assert await answer.json() == limited(5000)


async def test_a_used_up_budget_is_answered_400_until_it_has_leaked(linear: Linear) -> None:
    await linear.do("rate-limit", requestsPerHour=3600, remaining=1)
    first = await linear.http.post("/graphql", json={"query": VIEWER}, headers=HEADERS)
    second = await linear.http.post("/graphql", json={"query": VIEWER}, headers=HEADERS)
    await linear.do("clock", advance=60)
    third = await linear.http.post("/graphql", json={"query": VIEWER}, headers=HEADERS)

    assert [first.status, second.status, third.status] == [200, 400, 200]
    assert await second.json() == limited(3600)
    assert second.headers["X-RateLimit-Requests-Remaining"] == "0"


async def test_the_token_endpoint_fails_on_request(linear: Linear) -> None:
    fault = {"kind": "status", "endpoint": "oauth", "requests": 1}
    await linear.do("faults", requests=[fault])

    answer = await linear.http.post("/oauth/token", data={"grant_type": "client_credentials"})

    assert answer.status == 503


@pytest.mark.parametrize("fault", [{"kind": "meteor"}, {"kind": "status", "colour": "red"}, {}])
async def test_a_fault_that_does_not_exist_is_refused(
    linear: Linear, fault: dict[str, Any]
) -> None:
    answer = await linear.http.post("/control/faults", json={"requests": [fault]})

    assert answer.status == 400


async def test_requests_are_recorded_with_what_befell_them(linear: Linear) -> None:
    await linear.do("faults", requests=[{"kind": "status", "requests": 1}])
    await statuses(linear, 1)
    await linear.ask("query Who { viewer { name } }")

    seen = await linear.see("requests")

    assert [
        {k: r[k] for k in ("operation", "fields", "complexity", "status", "errors", "fault")}
        for r in seen
    ] == [
        {
            "operation": "",
            "fields": [],
            "complexity": 0,
            "status": 503,
            "errors": [],
            "fault": "status",
        },
        {
            "operation": "Who",
            "fields": ["viewer"],
            "complexity": 2,
            "status": 200,
            "errors": [],
            "fault": None,
        },
    ]
