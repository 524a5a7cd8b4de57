"""Facts of claiming, against a model in which every step may be overtaken."""

import dataclasses
import datetime as dt
import functools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from deputy.api.names import issue_hash, run_name
from deputy.core.claim_facts import RunFacts
from deputy.core.phase import Phase
from deputy.core.reason import RunReason
from deputy.core.routing import Refusal
from deputy.kube.errors import Unavailable
from deputy.trackers.events import SessionCreated, SessionPrompted, Unassigned
from deputy.webhook.claiming import Claimed, Claimer, ClaimResult, ClaimUnsettled
from deputy.webhook.commands import PromptCommand, SessionCommand
from deputy.webhook.withdrawals import WithdrawalCommand
from tests.webhook.modelled import (
    ISSUE,
    JANE,
    NOW,
    ModelServer,
    NoLocks,
    created,
    done,
    drive,
    pause,
    prompted,
    to_blueprint,
)

HASH = issue_hash("org", "issue")
FIRST = run_name(HASH, 1)

SESSIONS = st.sampled_from(["one", "two", "three"])


def message(session: str, name: str, *, stop: bool) -> SessionPrompted:
    return prompted(session, f"{session}/{name}", stop=stop)


EVENTS = st.one_of(
    st.builds(created, SESSIONS, st.sampled_from(["", "please"])),
    st.builds(message, SESSIONS, st.sampled_from("abc"), stop=st.just(value=False)),
)
STOPS = st.builds(message, SESSIONS, st.sampled_from("xy"), stop=st.just(value=True))


def command(event: Any) -> SessionCommand | PromptCommand:
    if isinstance(event, SessionCreated):
        return SessionCommand(event, to_blueprint, NOW)
    return PromptCommand(event, ISSUE, to_blueprint, NOW)


def settle(server: ModelServer, event: Any) -> Claimed:
    claimed = done(Claimer(server, NoLocks(), pause).carry_out(command(event)))
    assert isinstance(claimed, Claimed)
    return claimed


def outcome(server: ModelServer, event: Any) -> ClaimResult:
    return settle(server, event).result


def spec_of(server: ModelServer, name: str = FIRST) -> dict[str, Any]:
    spec: dict[str, Any] = server.objects[name]["spec"]
    return spec


def test_a_run_is_created_with_all_that_it_needs() -> None:
    server = ModelServer()

    settle(server, created("session"))

    prompt = spec_of(server).pop("prompt")
    assert "context" in prompt
    assert server.objects == {
        FIRST: {
            "apiVersion": "deputy.dev/v1alpha1",
            "kind": "AgentRun",
            "metadata": {
                "name": FIRST,
                "namespace": "agents",
                "uid": "uid-0",
                "labels": {
                    "deputy.dev/issue": HASH,
                    "app.kubernetes.io/name": "deputy",
                    "app.kubernetes.io/component": "run",
                    "app.kubernetes.io/part-of": "deputy",
                    "app.kubernetes.io/managed-by": "deputy",
                },
                "annotations": {"deputy.dev/received": NOW.isoformat(timespec="microseconds")},
            },
            "spec": {
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
            },
        }
    }


def test_a_second_session_joins_the_live_run_with_what_was_said_in_it() -> None:
    server = ModelServer()
    settle(server, created("one"))

    claimed = settle(server, created("two", "and add a test"))

    assert claimed.result is ClaimResult.JOINED
    assert spec_of(server)["inbox"] == [
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


def test_a_prompt_after_the_end_begins_a_run_that_follows_up() -> None:
    server = ModelServer()
    settle(server, created("one"))
    server.set_phase(FIRST, Phase.SUCCEEDED)

    assert outcome(server, prompted("one", "a")) is ClaimResult.CREATED
    assert outcome(server, prompted("one", "a")) is ClaimResult.KNOWN

    spec = spec_of(server, run_name(HASH, 2))
    assert "say a" in spec["prompt"]
    assert spec["linear"]["activityId"] == "a"
    assert spec["linear"]["sessionId"] == "one"
    assert spec["inbox"] == []


def test_an_opening_that_a_prompt_has_overtaken_brings_its_words_once() -> None:
    server = ModelServer()
    settle(server, prompted("one", "a"))

    assert outcome(server, created("one", "use Rust")) is ClaimResult.JOINED
    assert outcome(server, created("one", "use Rust")) is ClaimResult.KNOWN

    assert [entry["text"] for entry in spec_of(server)["inbox"]] == ["use Rust"]


def test_a_delegation_that_a_prompt_has_overtaken_adds_nothing() -> None:
    server = ModelServer()
    settle(server, prompted("one", "a"))

    assert outcome(server, created("one")) is ClaimResult.KNOWN


def test_a_stop_marks_the_live_run_and_says_who_wanted_it() -> None:
    server = ModelServer()
    settle(server, created("one"))

    assert outcome(server, prompted("one", "x", stop=True)) is ClaimResult.STOPPED
    assert outcome(server, prompted("one", "x", stop=True)) is ClaimResult.KNOWN

    spec = spec_of(server)
    assert spec["desiredState"] == "Stopped"
    assert [(entry["kind"], entry["from"]) for entry in spec["inbox"]] == [("Stop", "Jane Doe")]


def test_a_stop_before_its_run_wins() -> None:
    server = ModelServer()

    assert outcome(server, prompted("one", "x", stop=True)) is ClaimResult.CREATED_STOPPED
    assert outcome(server, created("one")) is ClaimResult.KNOWN

    spec = spec_of(server)
    assert spec["desiredState"] == "Stopped"
    assert "prompt" not in spec
    assert [entry["id"] for entry in spec["inbox"]] == ["x"]


SECOND = run_name(HASH, 2)
SECONDS = dt.timedelta(seconds=1)


def annotations_of(server: ModelServer, name: str) -> dict[str, str]:
    annotations: dict[str, str] = server.objects[name]["metadata"]["annotations"]
    return annotations


def test_what_comes_when_the_end_is_recorded_begins_the_next_run_which_waits_for_it() -> None:
    server = ModelServer()
    settle(server, created("one"))
    server.conclude(FIRST)

    claimed = settle(server, prompted("one", "a"))

    assert (claimed.result, claimed.after) == (ClaimResult.CREATED, FIRST)
    assert annotations_of(server, SECOND)["deputy.dev/after"] == f"agents/{FIRST}"
    assert outcome(server, prompted("one", "b")) is ClaimResult.APPENDED
    assert [entry["id"] for entry in spec_of(server, SECOND)["inbox"]] == ["b"]
    assert spec_of(server)["inbox"] == []


def test_a_stop_of_a_run_that_ends_anyway_is_known() -> None:
    server = ModelServer()
    settle(server, created("one"))
    server.conclude(FIRST)

    assert outcome(server, prompted("one", "x", stop=True)) is ClaimResult.KNOWN


def test_a_run_after_one_that_is_over_waits_for_none() -> None:
    server = ModelServer()
    settle(server, created("one"))
    server.set_phase(FIRST, Phase.SUCCEEDED)

    assert settle(server, prompted("one", "a")).after == ""
    assert "deputy.dev/after" not in annotations_of(server, SECOND)


def test_a_run_may_wait_for_several_that_end() -> None:
    server = ModelServer()
    settle(server, created("one"))
    server.conclude(FIRST)
    settle(server, prompted("one", "a"))
    settle(server, prompted("one", "x", stop=True, sent=NOW + SECONDS))

    settle(server, prompted("one", "b", sent=NOW + 2 * SECONDS))

    after = annotations_of(server, run_name(HASH, 3))["deputy.dev/after"]
    assert after == f"agents/{FIRST},agents/{SECOND}"


def test_a_stop_that_is_repeated_late_does_not_stop_what_was_begun_after_it() -> None:
    server = ModelServer()
    settle(server, created("one"))
    server.set_phase(FIRST, Phase.SUCCEEDED)
    settle(server, prompted("one", "a", sent=NOW + 10 * SECONDS))

    late = prompted("one", "x", stop=True, sent=NOW + SECONDS)

    assert outcome(server, late) is ClaimResult.OUTDATED
    assert spec_of(server, SECOND)["desiredState"] == "Active"


def test_what_was_said_before_a_stop_begins_nothing_when_it_comes_after_it() -> None:
    server = ModelServer()
    settle(server, created("one"))
    settle(server, prompted("one", "x", stop=True, sent=NOW + 10 * SECONDS))
    server.set_phase(FIRST, Phase.STOPPED)

    for event in (
        prompted("one", "a", sent=NOW + SECONDS),
        created("two", "hello", sent=NOW + SECONDS),
    ):
        assert outcome(server, event) is ClaimResult.OVERTAKEN
    assert list(server.objects) == [FIRST]


class Away(ModelServer):
    """An API server that does not answer the first few calls."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    @override
    async def of_issue(self, issue: str) -> list[RunFacts]:
        self.times -= 1
        if self.times >= 0:
            raise Unavailable(503, "etcd: leader changed")
        return await super().of_issue(issue)


def test_an_api_server_that_is_away_for_a_moment_is_asked_again() -> None:
    assert outcome(Away(3), created("one")) is ClaimResult.CREATED


def test_an_api_server_that_stays_away_is_told_to_whoever_sent_the_event() -> None:
    with pytest.raises(Unavailable):
        settle(Away(100), created("one"))


def test_a_stop_after_the_end_has_nothing_to_stop() -> None:
    server = ModelServer()
    settle(server, created("one"))
    server.set_phase(FIRST, Phase.FAILED)

    assert outcome(server, prompted("one", "x", stop=True)) is ClaimResult.NOTHING_TO_STOP


def test_what_comes_while_a_run_is_being_stopped_begins_the_next_one() -> None:
    server = ModelServer()
    settle(server, created("one"))
    settle(server, prompted("one", "x", stop=True))

    claimed = settle(server, prompted("one", "a"))

    assert (claimed.result, claimed.after) == (ClaimResult.CREATED, FIRST)


def test_a_name_that_somebody_else_holds_is_passed_over() -> None:
    server = ModelServer()
    server.objects[FIRST] = {"metadata": {"name": FIRST, "namespace": "agents", "labels": {}}}

    claimed = settle(server, created("one"))

    assert claimed.run is not None
    assert claimed.run.name == run_name(HASH, 2)


def test_a_full_inbox_takes_no_prompt_but_stops() -> None:
    server = ModelServer()
    settle(server, created("one"))
    for number in range(95):
        settle(server, prompted("one", f"p{number}"))

    assert outcome(server, prompted("one", "one too many")) is ClaimResult.FULL
    assert outcome(server, prompted("one", "x", stop=True)) is ClaimResult.STOPPED
    assert spec_of(server)["desiredState"] == "Stopped"


def withdrawal(former: str | None = "app", sent: dt.datetime = NOW) -> WithdrawalCommand:
    event = Unassigned("org", "app", ISSUE.id, JANE, ISSUE, sent)
    return WithdrawalCommand(
        event, "undelegated", "The issue was undelegated.", former, to_blueprint, NOW
    )


def withdraw(server: ModelServer, sent: dt.datetime = NOW) -> ClaimResult:
    found = done(Claimer(server, NoLocks(), pause).carry_out(withdrawal(sent=sent)))
    assert isinstance(found, Claimed)
    return found.result


def test_a_withdrawal_that_overtakes_its_delegation_wins() -> None:
    server = ModelServer()

    assert withdraw(server, NOW + SECONDS) is ClaimResult.CREATED_STOPPED
    assert withdraw(server, NOW + SECONDS) is ClaimResult.NOTHING_LIVE
    assert outcome(server, created("one")) is ClaimResult.OVERTAKEN

    assert list(server.objects) == [FIRST]
    assert spec_of(server)["desiredState"] == "Stopped"
    assert "sessionId" not in spec_of(server)["linear"]


def test_a_withdrawal_after_the_end_holds_back_what_was_said_before_it() -> None:
    server = ModelServer()
    settle(server, created("one"))
    server.set_phase(FIRST, Phase.SUCCEEDED)

    assert withdraw(server, NOW + 10 * SECONDS) is ClaimResult.NOTED
    assert withdraw(server, NOW + 10 * SECONDS) is ClaimResult.NOTHING_LIVE
    late = prompted("one", "a", sent=NOW + SECONDS)
    assert outcome(server, late) is ClaimResult.OVERTAKEN
    later = prompted("one", "b", sent=NOW + 20 * SECONDS)
    assert outcome(server, later) is ClaimResult.CREATED


def test_a_withdrawal_that_is_repeated_late_does_not_stop_what_was_delegated_after_it() -> None:
    server = ModelServer()
    settle(server, created("one"))
    withdraw(server, NOW + SECONDS)
    server.set_phase(FIRST, Phase.STOPPED)
    settle(server, created("two", sent=NOW + 10 * SECONDS))

    assert withdraw(server, NOW + SECONDS) is ClaimResult.NOTHING_LIVE
    assert spec_of(server, SECOND)["desiredState"] == "Active"


@pytest.mark.parametrize(
    ("former", "expected"),
    [
        ("app", ClaimResult.STOPPED),
        (None, ClaimResult.STOPPED),
        ("another", ClaimResult.NOTHING_LIVE),
    ],
)
def test_an_issue_taken_away_from_us_stops_its_run(
    former: str | None, expected: ClaimResult
) -> None:
    server = ModelServer()
    settle(server, created("one"))

    claimed = done(Claimer(server, NoLocks(), pause).carry_out(withdrawal(former)))

    assert claimed.result is expected


def test_an_issue_taken_away_twice_is_stopped_once() -> None:
    server = ModelServer()
    settle(server, created("one"))
    claimer = Claimer(server, NoLocks(), pause)

    assert done(claimer.carry_out(withdrawal())).result is ClaimResult.STOPPED
    assert done(claimer.carry_out(withdrawal())).result is ClaimResult.NOTHING_LIVE
    assert len(spec_of(server)["inbox"]) == 1


class World:
    """A model server, its operator, and what must hold at every moment."""

    def __init__(self, seed: int) -> None:
        self.server = ModelServer()
        self.random = random.Random(seed)  # noqa: S311  it has to be repeatable
        self.concluded: dict[str, int] = {}

    def choose(self, count: int) -> int:
        return self.random.randrange(count)

    def go_on(self) -> None:
        """Let the operator do something, sometimes; then look whether the rules still hold."""
        live = self.server.live()
        assert len([name for name in live if not self._ends(name)]) <= 1
        # The next run waits until the one before it is over.
        for name in live[:1]:
            self._operate(name)
        for name, length in self.concluded.items():
            assert len(spec_of(self.server, name)["inbox"]) == length

    def _ends(self, name: str) -> bool:
        return name in self.concluded or spec_of(self.server, name)["desiredState"] == "Stopped"

    def _operate(self, name: str) -> None:
        stopped = spec_of(self.server, name)["desiredState"] == "Stopped"
        if name in self.concluded:
            if self.random.random() < 0.3:
                self.server.set_phase(name, Phase.STOPPED if stopped else Phase.SUCCEEDED)
        elif self.random.random() < (0.3 if stopped else 0.05):
            self.server.conclude(name)
            self.concluded[name] = len(spec_of(self.server, name)["inbox"])
        elif self.random.random() < 0.2:
            self.server.set_phase(name, Phase.RUNNING)

    def take(self, events: list[Any]) -> list[Any]:
        claimer = Claimer(self.server, NoLocks(), pause)
        copies = [event for event in events for _ in range(self.random.randint(1, 3))]
        handlers = [functools.partial(claimer.carry_out, command(event)) for event in copies]
        return drive(handlers, self.choose, self.go_on, (ClaimUnsettled,))

    def taken(self) -> list[str]:
        """Every message that is in any run, as often as it is in one."""
        specs = [run["spec"] for run in self.server.objects.values()]
        begun = [spec["linear"].get("activityId") for spec in specs]
        inboxes = [
            entry["id"]
            for spec in specs
            for entry in spec["inbox"]
            if entry["id"] != spec["linear"].get("activityId")
        ]
        return sorted(filter(None, begun + inboxes))

    def sessions(self) -> set[str]:
        runs = self.server.objects.values()
        own = {run["spec"]["linear"]["sessionId"] for run in runs}
        return own | {entry["sessionId"] for run in runs for entry in run["spec"]["inbox"]}


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

    results = world.take(events)

    for result in results:
        if result.result in (ClaimResult.STOPPED, ClaimResult.CREATED_STOPPED):
            assert spec_of(world.server, result.run.name)["desiredState"] == "Stopped"
    messages = world.taken()
    assert len(messages) == len(set(messages))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32))
def test_many_copies_and_mentions_at_once_make_one_run(seed: int) -> None:
    world = World(seed)
    events = [created("delegated")] * 20 + [created(f"mention-{n}", "hi") for n in range(10)]
    claimer = Claimer(world.server, NoLocks(), pause)
    handlers = [functools.partial(claimer.carry_out, command(event)) for event in events]

    results = drive(handlers, world.choose, lambda: None, (ClaimUnsettled,))

    assert list(world.server.objects) == [FIRST]
    assert world.sessions() == {"delegated", *(f"mention-{n}" for n in range(10))}
    by_outcome = [result.result for result in results]
    assert by_outcome.count(ClaimResult.CREATED) == 1
    assert by_outcome.count(ClaimResult.JOINED) == 10
    assert by_outcome.count(ClaimResult.KNOWN) == 19


def deliver(server: ModelServer, through: str) -> None:
    """Note that the agent was given every message up to one."""
    inbox = {"deliveredThrough": through}
    server.objects[FIRST]["status"] = {"phase": Phase.RUNNING, "inbox": inbox}


def test_what_the_agent_was_given_makes_room_in_the_inbox() -> None:
    server = ModelServer()
    settle(server, created("one"))
    for number in range(95):
        settle(server, prompted("one", f"p{number}"))
    deliver(server, "p94")

    assert outcome(server, prompted("one", "the answer")) is ClaimResult.APPENDED
    assert outcome(server, prompted("one", "p0")) is ClaimResult.KNOWN


BLANK_PROMPT = dataclasses.replace(prompted("one", "a"), text=" \n")


def test_a_blank_message_to_a_live_run_is_not_taken() -> None:
    server = ModelServer()
    settle(server, created("one"))

    assert outcome(server, BLANK_PROMPT) is ClaimResult.BLANK
    assert spec_of(server)["inbox"] == []


def test_a_blank_message_begins_no_run() -> None:
    server = ModelServer()

    refused = done(Claimer(server, NoLocks(), pause).carry_out(command(BLANK_PROMPT)))

    assert isinstance(refused, Refusal)
    assert refused.reason is RunReason.TASK_MISSING
    assert server.objects == {}
