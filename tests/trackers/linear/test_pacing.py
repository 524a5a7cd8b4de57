"""How fast Linear is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deputy.trackers.linear.budget import Allowance, Budget, budget_of
from deputy.trackers.linear.pacing import Pacing, backoff, is_short, pause

PACING = Pacing(spacing=0.05)
NOW = 1_000_000.0


def budget(remaining: int, *, limit: int = 5_000) -> Budget:
    return Budget(Allowance(limit, remaining, NOW + 3_600, NOW))


def waits(remaining: int, *, urgent: bool = False, since: float = 60.0) -> float:
    return pause(budget(remaining), PACING, now=NOW, last=NOW - since, is_urgent=urgent)


def test_an_unknown_budget_is_no_reason_to_wait() -> None:
    assert pause(Budget(), PACING, now=NOW, last=0.0, is_urgent=False) == 0.0


def test_requests_keep_their_distance() -> None:
    seconds = pause(Budget(), PACING, now=NOW, last=NOW - 0.03, is_urgent=True)

    assert seconds == pytest.approx(0.02)


@pytest.mark.parametrize("remaining", [5_000, 4_000, 2_500])
def test_with_plenty_nothing_is_slowed_down(remaining: int) -> None:
    assert waits(remaining, since=1.0) == 0.0


def test_below_the_half_the_pace_falls_to_what_comes_back() -> None:
    half, quarter, low = (waits(left, since=0.05) for left in (2_400, 1_750, 1_010))

    assert 0.0 <= half < quarter < low <= 0.72


def test_at_the_reserve_only_the_urgent_goes_on() -> None:
    assert waits(1_000) == pytest.approx(0.72)
    assert waits(900) == pytest.approx(101 * 0.72)
    assert waits(900, urgent=True) == 0.0


def test_with_nothing_left_the_urgent_waits_for_one_request() -> None:
    assert waits(0, urgent=True) == pytest.approx(0.72)


def test_after_its_reset_a_budget_is_full() -> None:
    spent = Budget(Allowance(5_000, 0, NOW - 1, NOW - 3_600))

    assert pause(spent, PACING, now=NOW, last=NOW - 1, is_urgent=False) == 0.0


def test_complexity_counts_as_well() -> None:
    spent = Budget(complexity=Allowance(2_000_000, 400_000, NOW + 3_600, NOW))

    assert pause(spent, PACING, now=NOW, last=NOW - 60, is_urgent=False) > 0.0
    assert is_short(spent, PACING, NOW)


@pytest.mark.parametrize(("remaining", "short"), [(5_000, False), (1_001, False), (1_000, True)])
def test_a_budget_is_short_when_only_the_reserve_is_left(remaining: int, *, short: bool) -> None:
    assert is_short(budget(remaining), PACING, NOW) is short


@given(
    limit=st.integers(1, 10_000),
    level=st.floats(0, 1),
    asks=st.lists(st.floats(0, 20), min_size=1, max_size=60),
)
def test_what_is_not_urgent_never_touches_the_reserve(
    limit: int, level: float, asks: list[float]
) -> None:
    """Against a leaky bucket that reports itself as Linear's does."""
    left, now, last = limit * level, NOW, NOW - 1.0
    told = Budget(Allowance(limit, int(left), NOW + 3_600 * (1 - level), NOW))
    for idle in asks:
        wait = idle + pause(told, PACING, now=now + idle, last=last, is_urgent=False)
        wait += 1e-6
        now, left = now + wait, min(limit, left + wait * limit / 3_600)
        last, left = now, left - 1
        assert left >= min(limit * PACING.reserve, limit - 1) - 1e-3
        reset = now + (limit - left) * 3_600 / limit
        told = Budget(Allowance(limit, int(left), reset, now))


@given(
    limit=st.integers(1, 10_000),
    remaining=st.integers(0, 10_000),
    urgent=st.booleans(),
    since=st.floats(0, 10_000),
)
def test_nobody_waits_for_longer_than_the_hour(
    *, limit: int, remaining: int, urgent: bool, since: float
) -> None:
    told = Budget(Allowance(limit, min(limit, remaining), NOW + 3_600, NOW))

    seconds = pause(told, PACING, now=NOW, last=NOW - since, is_urgent=urgent)

    assert 0.0 <= seconds <= 3_600.0


def test_attempts_come_more_slowly_and_never_too_slowly() -> None:
    waits = [backoff(PACING, failures, 1.0) for failures in (1, 2, 3, 4, 7, 8, 10_000)]

    assert waits == [0.5, 1.0, 2.0, 4.0, 30.0, 30.0, 30.0]
    assert backoff(PACING, 3, 0.0) == 1.0


HEADERS = {
    "x-ratelimit-requests-limit": "5000",
    "x-ratelimit-requests-remaining": "4999",
    "x-ratelimit-requests-reset": "1000000720",
    "x-ratelimit-complexity-limit": "2000000",
    "x-ratelimit-complexity-remaining": "1999990",
    "x-ratelimit-complexity-reset": "1000000018",
}


def test_headers_tell_the_budget() -> None:
    assert budget_of(HEADERS, Budget(), NOW) == Budget(
        Allowance(5_000, 4_999, 1_000_000.72, NOW),
        Allowance(2_000_000, 1_999_990, 1_000_000.018, NOW),
    )


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-ratelimit-requests-limit": "5000"}, HEADERS | {"x-ratelimit-requests-limit": "many"},
     HEADERS | {"x-ratelimit-requests-limit": "0"}],
)  # fmt: skip
def test_what_headers_do_not_tell_stays_as_it_was(headers: dict[str, str]) -> None:
    before = budget(7)

    assert budget_of(headers, before, NOW).requests == before.requests
