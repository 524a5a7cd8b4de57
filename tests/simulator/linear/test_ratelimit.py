from __future__ import annotations

import pytest
from graphql import parse

from deputy_simulator.linear.complexity import complexity
from deputy_simulator.linear.ratelimit import Budget, LeakyBucket, RateLimiter, headers
from deputy_simulator.linear.schema import operation_of


def budget(requests: int = 2, points: int = 100) -> Budget:
    return Budget(LeakyBucket(requests), LeakyBucket(points))


def test_a_budget_holds_what_it_says_and_not_one_more() -> None:
    taken = budget(requests=2)

    refused = [taken.take(1, 0.0) for _ in range(3)]

    assert refused == [None, None, taken.requests]


def test_a_bucket_leaks_evenly_over_an_hour() -> None:
    taken = budget(requests=2)
    taken.take(1, 0.0)
    taken.take(1, 0.0)

    assert taken.take(1, 1799.0) is taken.requests
    assert taken.take(1, 1801.0) is None


def test_points_are_limited_besides_requests() -> None:
    taken = budget(requests=10, points=100)

    refused = [taken.take(60, 0.0), taken.take(60, 0.0)]

    assert refused == [None, taken.complexity]


def test_a_refused_request_costs_nothing() -> None:
    taken = budget(requests=10, points=100)
    taken.take(60, 0.0)
    taken.take(60, 0.0)

    assert (taken.requests.remaining, taken.complexity.remaining) == (9, 40)


def test_callers_have_budgets_of_their_own() -> None:
    limiter = RateLimiter(1, 100)
    limiter.budget("a", 0.0).take(1, 0.0)

    assert limiter.budget("b", 0.0).take(1, 0.0) is None


def test_a_drained_caller_has_what_was_left() -> None:
    limiter = RateLimiter(100, 100)
    limiter.drain("a", 3, 0.0)

    assert limiter.budget("a", 0.0).requests.remaining == 3


def test_headers_report_both_buckets_with_resets_in_epoch_milliseconds() -> None:
    taken = budget(requests=2, points=100)
    taken.take(50, 0.0)

    assert headers(taken, 50, "issue", 1_000) == {
        "X-Complexity": "50",
        "X-RateLimit-Endpoint-Name": "issue",
        "X-RateLimit-Requests-Limit": "2",
        "X-RateLimit-Requests-Remaining": "1",
        "X-RateLimit-Requests-Reset": "1801000",
        "X-RateLimit-Complexity-Limit": "100",
        "X-RateLimit-Complexity-Remaining": "50",
        "X-RateLimit-Complexity-Reset": "1801000",
        "X-RateLimit-Endpoint-Requests-Limit": "2",
        "X-RateLimit-Endpoint-Requests-Remaining": "1",
        "X-RateLimit-Endpoint-Requests-Reset": "1801000",
    }


@pytest.mark.parametrize(
    ("query", "points"),
    [
        ("{ viewer { id name } }", 2),
        ("{ issue(id: 1) { id title state { id } } }", 3),
        ("{ teams { nodes { id } } }", 56),
        ("{ teams(first: 2) { nodes { id } } }", 4),
        ("query($n: Int) { teams(first: $n) { nodes { id } } }", 12),
        ("{ ...a } fragment a on Query { viewer { id } }", 2),
    ],
)
def test_an_operation_costs_its_objects_and_properties_times_the_page(
    query: str, points: int
) -> None:
    document = parse(query)

    assert complexity(operation_of(document, None), document, {"n": 10}) == points
