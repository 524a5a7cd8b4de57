"""Facts of claiming over an API server, where every request may be overtaken."""

import asyncio
import dataclasses
import datetime as dt
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deputy.api.names import ISSUE_LABEL, run_name, run_number
from deputy.core.phase import TERMINAL, Phase
from deputy.core.reason import RunReason
from deputy.core.routing import Refusal
from deputy.kube.errors import Unavailable
from deputy.trackers.events import SessionCreated, SessionPrompted, Unassigned
from deputy.webhook.claiming import Claimed, ClaimResult, ClaimUnsettled
from deputy.webhook.withdrawals import WithdrawalCommand
from tests.support.manifests import agent_run
from tests.webhook.claims import FIRST, HASH, SECOND, Claims, phase_of
from tests.webhook.issue_events import ISSUE, JANE, NOW, created, prompted
from tests.webhook.overtaking import Turns

SESSIONS = st.sampled_from(["one", "two", "three"])


def message(session: str, name: str, *, stop: bool) -> SessionPrompted:
    return prompted(session, f"{session}/{name}", stop=stop)


EVENTS = st.one_of(
    st.builds(created, SESSIONS, st.sampled_from(["", "please"])),
    st.builds(message, SESSIONS, st.sampled_from("abc"), stop=st.just(value=False)),
)
STOPS = st.builds(message, SESSIONS, st.sampled_from("xy"), stop=st.just(value=True))


async def test_a_run_is_created_with_all_that_it_needs(claims: Claims) -> None:
    await claims.settle(created("session"))

    run = claims.runs()[FIRST]
    metadata, spec = run["metadata"], run["spec"]
    assert "context" in spec.pop("prompt")
    assert metadata["labels"] == {
        ISSUE_LABEL: HASH,
        "app.kubernetes.io/name": "deputy",
        "app.kubernetes.io/component": "run",
        "app.kubernetes.io/part-of": "deputy",
        "app.kubernetes.io/managed-by": "deputy",
    }
    received = NOW.isoformat(timespec="microseconds")
    assert metadata["annotations"] == {"deputy.dev/received": received}
    assert spec == {
        "blueprintRef": {"name": "api"},
        "linear": {
            "organizationId": "org",
            "issueId": "issue",
            "issueIdentifier": "ENG-1",
            "issueTitle": "Title",
            "issueUrl": "https://linear.app/i",
            "sessionId": "session",
            "delegatorId": "jane",
            "delegatorEmail": "jane@example.com",
            "appUserId": "app",
            "sentTime": "2026-11-20T09:00:00Z",
        },
        "desiredState": "Active",
        "inbox": [],
    }
    assert list(claims.runs()) == [FIRST]


async def test_a_second_session_joins_the_live_run_with_what_was_said_in_it(claims: Claims) -> None:
    await claims.settle(created("one"))

    claimed = await claims.settle(created("two", "and add a test"))

    assert claimed.result is ClaimResult.JOINED
    assert claims.spec()["inbox"] == [
        {
            "id": "two",
            "kind": "Prompt",
            "sessionId": "two",
            "from": "Jane Doe",
            "text": "and add a test",
            "receivedTime": "2026-11-20T09:00:00Z",
            "sentTime": "2026-11-20T09:00:00Z",
        }
    ]


async def test_a_prompt_after_the_end_begins_a_run_that_follows_up(claims: Claims) -> None:
    await claims.settle(created("one"))
    claims.set_phase(FIRST, Phase.SUCCEEDED)

    assert await claims.result(prompted("one", "a")) is ClaimResult.CREATED
    assert await claims.result(prompted("one", "a")) is ClaimResult.KNOWN

    spec = claims.spec(run_name(HASH, 2))
    assert "say a" in spec["prompt"]
    assert spec["linear"]["activityId"] == "a"
    assert spec["linear"]["sessionId"] == "one"
    assert spec["inbox"] == []


async def test_an_opening_that_a_prompt_has_overtaken_brings_its_words_once(claims: Claims) -> None:
    await claims.settle(prompted("one", "a"))

    assert await claims.result(created("one", "use Rust")) is ClaimResult.JOINED
    assert await claims.result(created("one", "use Rust")) is ClaimResult.KNOWN

    assert [entry["text"] for entry in claims.spec()["inbox"]] == ["use Rust"]


async def test_a_delegation_that_a_prompt_has_overtaken_adds_nothing(claims: Claims) -> None:
    await claims.settle(prompted("one", "a"))

    assert await claims.result(created("one")) is ClaimResult.KNOWN


async def test_a_stop_marks_the_live_run_and_says_who_wanted_it(claims: Claims) -> None:
    await claims.settle(created("one"))

    assert await claims.result(prompted("one", "x", stop=True)) is ClaimResult.STOPPED
    assert await claims.result(prompted("one", "x", stop=True)) is ClaimResult.KNOWN

    spec = claims.spec()
    assert spec["desiredState"] == "Stopped"
    assert [(entry["kind"], entry["from"]) for entry in spec["inbox"]] == [("Stop", "Jane Doe")]


async def test_a_stop_before_its_run_wins(claims: Claims) -> None:
    assert await claims.result(prompted("one", "x", stop=True)) is ClaimResult.CREATED_STOPPED
    assert await claims.result(created("one")) is ClaimResult.KNOWN

    spec = claims.spec()
    assert spec["desiredState"] == "Stopped"
    assert "prompt" not in spec
    assert [entry["id"] for entry in spec["inbox"]] == ["x"]


SECONDS = dt.timedelta(seconds=1)


async def test_what_comes_when_the_end_is_recorded_begins_the_next_run_which_waits_for_it(
    claims: Claims,
) -> None:
    await claims.settle(created("one"))
    claims.conclude(FIRST)

    claimed = await claims.settle(prompted("one", "a"))

    assert (claimed.result, claimed.after) == (ClaimResult.CREATED, FIRST)
    assert claims.annotations(SECOND)["deputy.dev/after"] == f"agents/{FIRST}"
    assert await claims.result(prompted("one", "b")) is ClaimResult.APPENDED
    assert [entry["id"] for entry in claims.spec(SECOND)["inbox"]] == ["b"]
    assert claims.spec()["inbox"] == []


async def test_a_stop_of_a_run_that_ends_anyway_is_known(claims: Claims) -> None:
    await claims.settle(created("one"))
    claims.conclude(FIRST)

    assert await claims.result(prompted("one", "x", stop=True)) is ClaimResult.KNOWN


async def test_a_run_after_one_that_is_over_waits_for_none(claims: Claims) -> None:
    await claims.settle(created("one"))
    claims.set_phase(FIRST, Phase.SUCCEEDED)

    assert (await claims.settle(prompted("one", "a"))).after == ""
    assert "deputy.dev/after" not in claims.annotations(SECOND)


async def test_a_run_may_wait_for_several_that_end(claims: Claims) -> None:
    await claims.settle(created("one"))
    claims.conclude(FIRST)
    await claims.settle(prompted("one", "a"))
    await claims.settle(prompted("one", "x", stop=True, sent=NOW + SECONDS))

    await claims.settle(prompted("one", "b", sent=NOW + 2 * SECONDS))

    after = claims.annotations(run_name(HASH, 3))["deputy.dev/after"]
    assert after == f"agents/{FIRST},agents/{SECOND}"


async def test_a_stop_that_is_repeated_late_does_not_stop_what_was_begun_after_it(
    claims: Claims,
) -> None:
    await claims.settle(created("one"))
    claims.set_phase(FIRST, Phase.SUCCEEDED)
    await claims.settle(prompted("one", "a", sent=NOW + 10 * SECONDS))

    late = prompted("one", "x", stop=True, sent=NOW + SECONDS)

    assert await claims.result(late) is ClaimResult.OUTDATED
    assert claims.spec(SECOND)["desiredState"] == "Active"


async def test_what_was_said_before_a_stop_begins_nothing_when_it_comes_after_it(
    claims: Claims,
) -> None:
    await claims.settle(created("one"))
    await claims.settle(prompted("one", "x", stop=True, sent=NOW + 10 * SECONDS))
    claims.set_phase(FIRST, Phase.STOPPED)

    for event in (
        prompted("one", "a", sent=NOW + SECONDS),
        created("two", "hello", sent=NOW + SECONDS),
    ):
        assert await claims.result(event) is ClaimResult.OVERTAKEN
    assert list(claims.runs()) == [FIRST]


async def test_an_api_server_that_is_away_for_a_moment_is_asked_again(claims: Claims) -> None:
    claims.server.faults.fail("list", "agentruns", 503, "etcd: leader changed", times=3)

    assert await claims.result(created("one")) is ClaimResult.CREATED


async def test_an_api_server_that_stays_away_is_told_to_whoever_sent_the_event(
    claims: Claims,
) -> None:
    claims.server.faults.fail("list", "agentruns", 503, "etcd: leader changed", times=100)

    with pytest.raises(Unavailable):
        await claims.settle(created("one"))


async def test_a_stop_after_the_end_has_nothing_to_stop(claims: Claims) -> None:
    await claims.settle(created("one"))
    claims.set_phase(FIRST, Phase.FAILED)

    assert await claims.result(prompted("one", "x", stop=True)) is ClaimResult.NOTHING_TO_STOP


async def test_what_comes_while_a_run_is_being_stopped_begins_the_next_one(claims: Claims) -> None:
    await claims.settle(created("one"))
    await claims.settle(prompted("one", "x", stop=True))

    claimed = await claims.settle(prompted("one", "a"))

    assert (claimed.result, claimed.after) == (ClaimResult.CREATED, FIRST)


async def test_a_name_that_somebody_else_holds_is_passed_over(claims: Claims) -> None:
    claims.server.seed(agent_run(FIRST))

    claimed = await claims.settle(created("one"))

    assert claimed.run is not None
    assert claimed.run.name == run_name(HASH, 2)


async def test_a_full_inbox_takes_no_prompt_but_stops(claims: Claims) -> None:
    await claims.settle(created("one"))
    for number in range(95):
        await claims.settle(prompted("one", f"p{number}"))

    assert await claims.result(prompted("one", "one too many")) is ClaimResult.FULL
    assert await claims.result(prompted("one", "x", stop=True)) is ClaimResult.STOPPED
    assert claims.spec()["desiredState"] == "Stopped"


def withdrawal(former: str | None = "app", sent: dt.datetime = NOW) -> WithdrawalCommand:
    event = Unassigned("org", "app", ISSUE.id, JANE, ISSUE, sent)
    return WithdrawalCommand(
        event, "undelegated", "The issue was undelegated.", former, Claims().route, NOW
    )


async def withdraw(
    claims: Claims, sent: dt.datetime = NOW, former: str | None = "app"
) -> ClaimResult:
    claimed = await claims.claimer.carry_out(withdrawal(former, sent))
    assert isinstance(claimed, Claimed)
    return claimed.result


async def test_a_withdrawal_that_overtakes_its_delegation_wins(claims: Claims) -> None:
    assert await withdraw(claims, NOW + SECONDS) is ClaimResult.CREATED_STOPPED
    assert await withdraw(claims, NOW + SECONDS) is ClaimResult.NOTHING_LIVE
    assert await claims.result(created("one")) is ClaimResult.OVERTAKEN

    assert list(claims.runs()) == [FIRST]
    assert claims.spec()["desiredState"] == "Stopped"
    assert "sessionId" not in claims.spec()["linear"]


async def test_a_withdrawal_after_the_end_holds_back_what_was_said_before_it(
    claims: Claims,
) -> None:
    await claims.settle(created("one"))
    claims.set_phase(FIRST, Phase.SUCCEEDED)

    assert await withdraw(claims, NOW + 10 * SECONDS) is ClaimResult.NOTED
    assert await withdraw(claims, NOW + 10 * SECONDS) is ClaimResult.NOTHING_LIVE
    late = prompted("one", "a", sent=NOW + SECONDS)
    assert await claims.result(late) is ClaimResult.OVERTAKEN
    later = prompted("one", "b", sent=NOW + 20 * SECONDS)
    assert await claims.result(later) is ClaimResult.CREATED


async def test_a_withdrawal_that_is_repeated_late_does_not_stop_what_was_delegated_after_it(
    claims: Claims,
) -> None:
    await claims.settle(created("one"))
    await withdraw(claims, NOW + SECONDS)
    claims.set_phase(FIRST, Phase.STOPPED)
    await claims.settle(created("two", sent=NOW + 10 * SECONDS))

    assert await withdraw(claims, NOW + SECONDS) is ClaimResult.NOTHING_LIVE
    assert claims.spec(SECOND)["desiredState"] == "Active"


@pytest.mark.parametrize(
    ("former", "expected"),
    [
        ("app", ClaimResult.STOPPED),
        (None, ClaimResult.STOPPED),
        ("another", ClaimResult.NOTHING_LIVE),
    ],
)
async def test_an_issue_taken_away_from_us_stops_its_run(
    claims: Claims, former: str | None, expected: ClaimResult
) -> None:
    await claims.settle(created("one"))

    assert await withdraw(claims, former=former) is expected


async def test_an_issue_taken_away_twice_is_stopped_once(claims: Claims) -> None:
    await claims.settle(created("one"))

    assert await withdraw(claims) is ClaimResult.STOPPED
    assert await withdraw(claims) is ClaimResult.NOTHING_LIVE
    assert len(claims.spec()["inbox"]) == 1


class World:
    """Claims that overtake one another, the operator, and what must hold at every moment."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  it has to be repeatable
        self.turns = Turns(self.random.randrange)
        self.claims = Claims(self.turns.turn)
        self.claims.server.faults.take_turns(self.turns.turn)
        self.concluded: dict[str, int] = {}

    def go_on(self) -> None:
        """Look whether the rules still hold; then let the operator do something, sometimes."""
        runs = self.claims.runs()
        live = [name for name, run in runs.items() if phase_of(run) not in TERMINAL]
        assert len([name for name in live if not self._ends(name, runs[name]["spec"])]) <= 1
        for name, length in self.concluded.items():
            assert len(runs[name]["spec"]["inbox"]) == length
        # The next run waits until the one before it is over.
        for name in sorted(live, key=run_number)[:1]:
            self._operate(name, runs[name]["spec"])

    def _ends(self, name: str, spec: dict[str, Any]) -> bool:
        return name in self.concluded or spec["desiredState"] == "Stopped"

    def _operate(self, name: str, spec: dict[str, Any]) -> None:
        stopped = spec["desiredState"] == "Stopped"
        if name in self.concluded:
            if self.random.random() < 0.3:
                self.claims.set_phase(name, Phase.STOPPED if stopped else Phase.SUCCEEDED)
        elif self.random.random() < (0.3 if stopped else 0.05):
            self.claims.conclude(name)
            self.concluded[name] = len(spec["inbox"])
        elif self.random.random() < 0.2:
            self.claims.set_phase(name, Phase.RUNNING)

    def take(self, events: list[Any]) -> list[Claimed]:
        """Return what becomes of events that come all at once, each up to three times."""
        copies = [event for event in events for _ in range(self.random.randint(1, 3))]
        return self.take_each(copies, self.go_on)

    def take_each(self, events: list[Any], between: Callable[[], None]) -> list[Claimed]:
        return asyncio.run(self.turns.play([self._taken(event) for event in events], between))

    async def _taken(self, event: Any) -> Claimed:
        """Return what becomes of an event that is sent again until it is taken."""
        while True:
            try:
                return await self.claims.settle(event)
            except ClaimUnsettled:
                continue

    def taken(self) -> list[str]:
        """Every message that is in any run, as often as it is in one."""
        specs = [run["spec"] for run in self.claims.runs().values()]
        begun = [spec["linear"].get("activityId") for spec in specs]
        inboxes = [
            entry["id"]
            for spec in specs
            for entry in spec["inbox"]
            if entry["id"] != spec["linear"].get("activityId")
        ]
        return sorted(filter(None, begun + inboxes))

    def sessions(self) -> set[str]:
        specs = [run["spec"] for run in self.claims.runs().values()]
        own = {spec["linear"]["sessionId"] for spec in specs}
        return own | {entry["sessionId"] for spec in specs for entry in spec["inbox"]}


@settings(deadline=None, max_examples=150)
@given(st.lists(EVENTS, min_size=1, max_size=8), st.integers(0, 2**32))
def test_whatever_overtakes_whatever_each_prompt_is_taken_once(
    events: list[Any], seed: int
) -> None:
    world = World(seed)

    world.take(events)

    prompts = {event.activity_id for event in events if not isinstance(event, SessionCreated)}
    taken = world.taken()
    assert [message for message in taken if message in prompts] == sorted(prompts)
    assert world.sessions() == {event.session_id for event in events}


@settings(deadline=None, max_examples=150)
@given(st.lists(st.one_of(EVENTS, STOPS), min_size=1, max_size=8), st.integers(0, 2**32))
def test_whatever_overtakes_a_stop_no_run_lives_that_was_stopped(
    events: list[Any], seed: int
) -> None:
    world = World(seed)

    claims = world.take(events)

    for claimed in claims:
        if claimed.result in (ClaimResult.STOPPED, ClaimResult.CREATED_STOPPED):
            assert claimed.run is not None
            assert world.claims.spec(claimed.run.name)["desiredState"] == "Stopped"
    messages = world.taken()
    assert len(messages) == len(set(messages))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32))
def test_many_copies_and_mentions_at_once_make_one_run(seed: int) -> None:
    world = World(seed)
    events = [created("delegated")] * 20 + [created(f"mention-{n}", "hi") for n in range(10)]

    claims = world.take_each(events, lambda: None)

    assert list(world.claims.runs()) == [FIRST]
    assert world.sessions() == {"delegated", *(f"mention-{n}" for n in range(10))}
    results = [claimed.result for claimed in claims]
    assert results.count(ClaimResult.CREATED) == 1
    assert results.count(ClaimResult.JOINED) == 10
    assert results.count(ClaimResult.KNOWN) == 19


async def test_what_the_agent_was_given_makes_room_in_the_inbox(claims: Claims) -> None:
    await claims.settle(created("one"))
    for number in range(95):
        await claims.settle(prompted("one", f"p{number}"))
    claims.deliver(FIRST, "p94")

    assert await claims.result(prompted("one", "the answer")) is ClaimResult.APPENDED
    assert await claims.result(prompted("one", "p0")) is ClaimResult.KNOWN


BLANK_PROMPT = dataclasses.replace(prompted("one", "a"), text=" \n")


async def test_a_blank_message_to_a_live_run_is_not_taken(claims: Claims) -> None:
    await claims.settle(created("one"))

    assert await claims.result(BLANK_PROMPT) is ClaimResult.BLANK
    assert claims.spec()["inbox"] == []


async def test_a_blank_message_begins_no_run(claims: Claims) -> None:
    refused = await claims.claimer.carry_out(claims.command(BLANK_PROMPT))

    assert isinstance(refused, Refusal)
    assert refused.reason is RunReason.TASK_MISSING
    assert claims.runs() == {}
