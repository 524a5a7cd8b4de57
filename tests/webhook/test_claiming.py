"""Facts of claiming over an API server, where every request may be overtaken."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deputy.api.names import ISSUE_LABEL, issue_hash, run_name
from deputy.core.claim import RunFacts
from deputy.core.phase import TERMINAL, Phase
from deputy.core.routing import BlueprintFacts, Refusal, Routed, route
from deputy.kube import resources
from deputy.trackers.events import SessionCreated, SessionPrompted
from deputy.trackers.models import Team
from deputy.webhook.claiming import Claimed, Claimer, ClaimResult, ClaimUnsettled
from deputy.webhook.commands import PromptCommand, SessionCommand, WithdrawalCommand
from deputy.webhook.runs import ApiServerRuns
from tests.support.api_server import ApiServer
from tests.support.manifests import NAMESPACE, agent_run
from tests.webhook.issue_events import ISSUE, JANE, NOW, created, prompted
from tests.webhook.overtaking import NoLocks, Turns

HASH = issue_hash("org", "issue")
FIRST, SECOND = run_name(HASH, 1), run_name(HASH, 2)
BLUEPRINT = BlueprintFacts("api", NAMESPACE, NOW, "ENG")

SESSIONS = st.sampled_from(["one", "two", "three"])


def message(session: str, name: str, *, stop: bool) -> SessionPrompted:
    return prompted(session, f"{session}/{name}", stop=stop)


EVENTS = st.one_of(
    st.builds(created, SESSIONS, st.sampled_from(["", "please"])),
    st.builds(message, SESSIONS, st.sampled_from("abc"), stop=st.just(value=False)),
)
STOPS = st.builds(message, SESSIONS, st.sampled_from("xy"), stop=st.just(value=True))


class Claims:
    """Webhook processes before one API server; `turn` is where one may overtake another."""

    def __init__(self, turn: Callable[[float], Awaitable[None]]) -> None:
        self.server = ApiServer(NAMESPACE)
        self.turn = turn
        runs = ApiServerRuns(self.server.client(), (NAMESPACE,))
        self.claimer = Claimer(runs, NoLocks(), turn)

    async def settle(self, event: Any) -> Claimed:
        """Return what becomes of an event."""
        claimed = await self.claimer.carry_out(self.command(event))
        assert isinstance(claimed, Claimed)
        return claimed

    async def result(self, event: Any) -> ClaimResult:
        return (await self.settle(event)).result

    def command(self, event: Any) -> SessionCommand | PromptCommand:
        if isinstance(event, SessionCreated):
            return SessionCommand(event, self._route, NOW)
        return PromptCommand(event, ISSUE, self._route, NOW)

    async def _route(self, team: Team, organization_id: str) -> Routed | Refusal:
        await self.turn(0)
        return route(team, organization_id, [BLUEPRINT])

    # What is there, and what the operator makes of it

    def runs(self) -> dict[str, dict[str, Any]]:
        """Return every run by its name."""
        items = self.server.read(resources.agentruns(NAMESPACE))["items"]
        return {run["metadata"]["name"]: run for run in items}

    def spec(self, name: str = FIRST) -> dict[str, Any]:
        spec: dict[str, Any] = self.server.read(resources.agentruns(NAMESPACE, name))["spec"]
        return spec

    def conclude(self, name: str) -> None:
        """Record how a run ends; from here on nobody reads its inbox."""
        decided = {
            "type": "Succeeded",
            "status": "True",
            "lastTransitionTime": "2026-11-20T09:00:00Z",
            "reason": "Completed",
            "message": "the agent finished",
        }
        phase = phase_of(self.runs()[name]) or Phase.RUNNING
        self._set_status(name, {"phase": phase, "response": "Done.", "conditions": [decided]})

    def set_phase(self, name: str, phase: Phase) -> None:
        self._set_status(name, {"phase": phase})

    def _set_status(self, name: str, status: dict[str, Any]) -> None:
        path = resources.agentruns(NAMESPACE, name)
        self.server.patch(f"{path}/status", {"status": status})


def phase_of(run: dict[str, Any]) -> str:
    phase: str = run.get("status", {}).get("phase", "")
    return phase


async def at_once(_seconds: float) -> None:
    """Wait for nobody."""


@pytest.fixture
def claims() -> Claims:
    return Claims(at_once)


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
        }
    ]


async def test_a_prompt_after_the_end_begins_a_run_that_follows_up(claims: Claims) -> None:
    await claims.settle(created("one"))
    claims.set_phase(FIRST, Phase.SUCCEEDED)

    assert await claims.result(prompted("one", "a")) is ClaimResult.CREATED
    assert await claims.result(prompted("one", "a")) is ClaimResult.KNOWN

    spec = claims.spec(SECOND)
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


async def test_what_comes_when_the_end_is_recorded_waits_for_the_next_run(claims: Claims) -> None:
    await claims.settle(created("one"))
    claims.conclude(FIRST)

    with pytest.raises(ClaimUnsettled, match="still ending"):
        await claims.settle(prompted("one", "a"))
    assert await claims.result(prompted("one", "x", stop=True)) is ClaimResult.KNOWN

    claims.set_phase(FIRST, Phase.SUCCEEDED)
    assert await claims.result(prompted("one", "a")) is ClaimResult.CREATED


async def test_a_stop_after_the_end_has_nothing_to_stop(claims: Claims) -> None:
    await claims.settle(created("one"))
    claims.set_phase(FIRST, Phase.FAILED)

    assert await claims.result(prompted("one", "x", stop=True)) is ClaimResult.NOTHING_TO_STOP


async def test_what_comes_while_a_run_is_being_stopped_has_to_come_again(claims: Claims) -> None:
    await claims.settle(created("one"))
    await claims.settle(prompted("one", "x", stop=True))

    with pytest.raises(ClaimUnsettled):
        await claims.settle(prompted("one", "a"))

    claims.set_phase(FIRST, Phase.STOPPED)
    assert await claims.result(prompted("one", "a")) is ClaimResult.CREATED


async def test_a_name_that_somebody_else_holds_is_passed_over(claims: Claims) -> None:
    claims.server.seed(agent_run(FIRST))

    claimed = await claims.settle(created("one"))

    assert claimed.run is not None
    assert claimed.run.name == SECOND


async def test_a_full_inbox_takes_no_prompt_but_stops(claims: Claims) -> None:
    await claims.settle(created("one"))
    for number in range(95):
        await claims.settle(prompted("one", f"p{number}"))

    assert await claims.result(prompted("one", "one too many")) is ClaimResult.FULL
    assert await claims.result(prompted("one", "x", stop=True)) is ClaimResult.STOPPED
    assert claims.spec()["desiredState"] == "Stopped"


def withdrawal(former: str | None = "app") -> WithdrawalCommand:
    return WithdrawalCommand(HASH, _undelegated, "The issue was undelegated.", JANE, former, NOW)


def _undelegated(run: RunFacts) -> str:
    return f"{run.uid}/undelegated"


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

    claimed = await claims.claimer.carry_out(withdrawal(former))

    assert isinstance(claimed, Claimed)
    assert claimed.result is expected


async def test_an_issue_taken_away_twice_is_stopped_once(claims: Claims) -> None:
    await claims.settle(created("one"))

    twice = [await claims.claimer.carry_out(withdrawal()) for _ in range(2)]

    assert [isinstance(claimed, Claimed) and claimed.result for claimed in twice] == [
        ClaimResult.STOPPED,
        ClaimResult.NOTHING_LIVE,
    ]
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
        assert len(live) <= 1
        for name, length in self.concluded.items():
            assert len(runs[name]["spec"]["inbox"]) == length
        for name in live:
            self._operate(name, runs[name]["spec"])

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
