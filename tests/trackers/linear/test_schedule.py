"""What is sent next: examples, and a machine that tries to break the promises."""

import dataclasses

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from typing_extensions import override

from deputy.trackers.linear.budget import Allowance, Budget
from deputy.trackers.linear.pacing import Pacing
from deputy.trackers.linear.schedule import (
    CLOSED,
    SUPERSEDED,
    DroppedUpdate,
    Pause,
    QueuedUpdate,
    Schedule,
    SendBatch,
    SendState,
    ordering_key,
)
from deputy.trackers.updates import (
    AddLinks,
    ChangeIssue,
    PostActivity,
    PostComment,
    Priority,
    Response,
    SessionLink,
    SetPlan,
    Update,
    is_ephemeral,
)
from deputy.wire import Step, StepStatus, Thought

NOW = 1_000.0
PACING = Pacing(batch=4, spacing=0.0)
OPEN = SendState()
RESERVED = SendState(Budget(Allowance(5_000, 500, NOW + 3_600, NOW)))


def says(session: str, words: str, priority: Priority = Priority.NORMAL) -> PostActivity:
    return PostActivity(session, f"{session}/{words}", Thought(words), priority)


def passing(session: str, words: str) -> PostActivity:
    return PostActivity(
        session, f"{session}/{words}", Thought(words, ephemeral=True), Priority.EPHEMERAL
    )


def ends(session: str) -> PostActivity:
    return PostActivity(session, f"{session}/end", Response("Done."), Priority.TERMINAL)


def plan(session: str, words: str) -> SetPlan:
    return SetPlan(session, (Step(words, StepStatus.PENDING),))


def filled(*updates: Update) -> Schedule:
    schedule = Schedule()
    for update in updates:
        schedule.add(update, NOW)
    return schedule


def sent(schedule: Schedule, line: SendState = OPEN, now: float = NOW) -> list[Update]:
    step = schedule.next(now, line, PACING)
    assert isinstance(step, SendBatch)
    for entry in step.entries:
        schedule.remove(entry)
    return [entry.update for entry in step.entries]


def taken(schedule: Schedule, line: SendState = OPEN, now: float = NOW) -> tuple[QueuedUpdate, ...]:
    step = schedule.next(now, line, PACING)
    assert isinstance(step, SendBatch)
    return step.entries


def test_nothing_to_send_is_a_wait_for_news() -> None:
    assert Schedule().next(NOW, OPEN, PACING) == Pause(None)


def test_sessions_share_a_request_and_each_keeps_its_order() -> None:
    schedule = filled(says("a", "1"), says("b", "1"), says("a", "2"))

    assert sent(schedule) == [says("a", "1"), says("a", "2"), says("b", "1")]
    assert len(schedule) == 0


def test_a_request_holds_no_more_than_a_batch() -> None:
    schedule = filled(*(says("a", str(n)) for n in range(6)))

    assert [len(sent(schedule)), len(sent(schedule))] == [4, 2]


def test_the_urgent_goes_first_with_what_is_ahead_of_it() -> None:
    schedule = filled(*(says("a", str(n)) for n in range(4)), says("b", "1"), ends("b"))

    assert sent(schedule) == [says("b", "1"), ends("b"), says("a", "0"), says("a", "1")]


def test_what_passes_goes_last() -> None:
    schedule = filled(passing("a", "1"), says("b", "1"))

    assert sent(schedule) == [says("b", "1"), passing("a", "1")]


def test_an_ephemeral_gives_way_to_whatever_is_said_next() -> None:
    schedule = filled(passing("a", "1"), passing("b", "1"))

    entry, needless = schedule.add(says("a", "2"), NOW)

    assert [(one.entry.update, one.reason) for one in needless] == [(passing("a", "1"), SUPERSEDED)]
    assert entry.update == says("a", "2")
    assert sent(schedule) == [says("a", "2"), passing("b", "1")]


def test_only_the_newest_plan_is_sent_and_it_keeps_its_place() -> None:
    schedule = filled(plan("a", "1"), says("a", "2"), plan("a", "3"), passing("a", "4"))

    assert sent(schedule) == [says("a", "2"), plan("a", "3"), passing("a", "4")]


def test_an_issue_without_a_session_has_an_order_of_its_own() -> None:
    change = ChangeIssue("i", state_id="s")

    assert ordering_key(change) == ordering_key(PostComment("i", "c", "x")) == "issue/i"
    assert ordering_key(dataclasses.replace(change, session_id="a")) == "a"


def test_a_closed_session_sends_what_is_terminal_and_nothing_else() -> None:
    schedule = filled(says("a", "1"), AddLinks("a", (SessionLink("x", "y"),)), ends("a"))

    dropped = schedule.close("a")

    assert [one.reason for one in dropped] == [CLOSED, CLOSED]
    assert schedule.is_closed_to(says("a", "2"))
    assert not schedule.is_closed_to(ends("a"))
    assert sent(schedule) == [ends("a")]


def test_a_session_that_is_opened_again_sends_everything_again() -> None:
    schedule = Schedule()
    schedule.close("a")

    schedule.open("a")

    assert not schedule.is_closed_to(says("a", "1"))


def test_at_the_reserve_the_urgent_is_sent_and_the_rest_waits() -> None:
    urgent = filled(says("a", "1"), ends("b"))
    patient = filled(says("a", "1"))

    assert sent(urgent, RESERVED) == [ends("b"), says("a", "1")]
    assert isinstance(patient.next(NOW, RESERVED, PACING), Pause)


def test_when_the_budget_is_short_ephemerals_go_first() -> None:
    schedule = filled(says("a", "1"), passing("a", "2"), passing("b", "1"), plan("c", "1"))

    dropped = schedule.drop_ephemerals()

    assert [one.entry.update for one in dropped] == [passing("a", "2"), passing("b", "1")]
    assert len(schedule) == 2


def test_linear_is_left_alone_for_as_long_as_it_wants() -> None:
    schedule = filled(ends("a"))
    line = SendState(backoff_until=NOW + 7)

    assert schedule.next(NOW, line, PACING) == Pause(7.0)
    assert sent(schedule, line, NOW + 7) == [ends("a")]


def test_a_session_that_has_to_wait_is_passed_by_the_others() -> None:
    schedule = filled(says("a", "1"))
    (failed,) = taken(schedule)
    schedule.requeue(failed, NOW + 5)
    schedule.add(says("a", "2"), NOW)
    schedule.add(says("b", "1"), NOW)

    assert sent(schedule) == [says("b", "1")]
    assert schedule.next(NOW, OPEN, PACING) == Pause(5.0)
    assert sent(schedule, now=NOW + 5) == [says("a", "1"), says("a", "2")]


def test_what_failed_among_others_travels_alone() -> None:
    schedule = filled(says("a", "1"), says("a", "2"), says("b", "1"))
    for entry in taken(schedule):
        entry.alone = True
        schedule.requeue(entry, NOW)
    schedule.add(says("c", "1"), NOW)

    order = [sent(schedule) for _ in range(4)]

    assert order == [[says("a", "1")], [says("a", "2")], [says("b", "1")], [says("c", "1")]]


@pytest.mark.parametrize(
    ("newer", "reason"), [(says("a", "2"), SUPERSEDED), (passing("a", "2"), SUPERSEDED)]
)
def test_an_ephemeral_that_failed_gives_way_to_what_came_meanwhile(
    newer: Update, reason: str
) -> None:
    schedule = filled(passing("a", "1"))
    (failed,) = taken(schedule)
    schedule.add(newer, NOW)

    assert schedule.requeue(failed, NOW) == DroppedUpdate(failed, reason)
    assert sent(schedule) == [newer]


def test_what_failed_while_its_session_was_closed_is_dropped() -> None:
    schedule = filled(says("a", "1"))
    (failed,) = taken(schedule)
    schedule.close("a")

    assert schedule.requeue(failed, NOW) == DroppedUpdate(failed, CLOSED)
    assert len(schedule) == 0


class PendingResults(RuleBasedStateMachine):
    """Hands in, sends, fails, closes and opens in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = Schedule()
        self.now = NOW
        self.count = 0
        self.entries: list[QueuedUpdate] = []
        self.flying: list[QueuedUpdate] = []
        self.sent: list[QueuedUpdate] = []
        self.dropped: dict[int, DroppedUpdate] = {}
        self.closed_once: set[str] = set()

    sessions = st.sampled_from(["a", "b", "c"])
    kinds = st.sampled_from(["says", "asks", "passing", "ends", "plan", "issue"])

    @rule(session=sessions, kind=kinds)
    def hand_in(self, session: str, kind: str) -> None:
        self.count += 1
        update = self._update(session, kind, str(self.count))
        if self.schedule.is_closed_to(update):
            return
        entry, needless = self.schedule.add(update, self.now)
        self.entries.append(entry)
        self._note(needless)

    @precondition(lambda self: not self.flying)
    @rule(line=st.sampled_from([OPEN, RESERVED]))
    def take(self, line: SendState) -> None:
        step = self.schedule.next(self.now, line, PACING)
        if isinstance(step, SendBatch):
            self.flying = list(step.entries)
            assert 0 < len(self.flying) <= PACING.batch
            if line is RESERVED:
                left = [*self.flying, *self._waited()]
                assert any(entry.priority.is_urgent for entry in left)

    @precondition(lambda self: self.flying)
    @rule(fates=st.lists(st.sampled_from(["sent", "alone", "later"]), min_size=4, max_size=4))
    def land(self, fates: list[str]) -> None:
        arrives = True
        for entry, fate in zip(self.flying, fates, strict=False):
            # Linear carries out one after the other, and stops where one fails.
            arrives = arrives and fate == "sent"
            if arrives:
                self.schedule.remove(entry)
                self.sent.append(entry)
                continue
            entry.alone = entry.alone or fate != "later"
            needless = self.schedule.requeue(entry, self.now + (fate == "later"))
            self._note([needless] if needless else [])
        self.flying = []

    @rule(session=sessions)
    def close(self, session: str) -> None:
        self.closed_once.add(session)
        self._note(self.schedule.close(session))

    @rule(session=sessions)
    def open(self, session: str) -> None:
        self.schedule.open(session)

    @rule()
    def drop_ephemerals(self) -> None:
        self._note(self.schedule.drop_ephemerals())

    @rule()
    def later(self) -> None:
        self.now += 1

    @invariant()
    def nothing_permanent_is_dropped_in_an_open_session(self) -> None:
        for needless in self.dropped.values():
            entry = needless.entry
            assert entry.priority is not Priority.TERMINAL
            if not is_ephemeral(entry.update) and not isinstance(entry.update, SetPlan):
                assert needless.reason == CLOSED
                assert ordering_key(entry.update) in self.closed_once

    @invariant()
    def at_most_one_ephemeral_of_a_session_waits(self) -> None:
        lanes = [
            ordering_key(entry.update) for entry in self._waited() if is_ephemeral(entry.update)
        ]
        assert len(lanes) == len(set(lanes))

    @invariant()
    def nothing_is_counted_twice_or_lost(self) -> None:
        done = {entry.number for entry in self.sent} | set(self.dropped)
        assert len(done) == len(self.sent) + len(self.dropped)
        assert len(self.schedule) == len(self.entries) - len(done)

    @override
    def teardown(self) -> None:
        """Everything that is left goes, and each session was told in order."""
        self.land(["sent"] * 4)
        self.now += 10
        while len(self.schedule):
            self.take(OPEN)
            self.land(["sent"] * 4)
        for session in "abc":
            numbers = [one.number for one in self.sent if ordering_key(one.update) == session]
            assert numbers == sorted(numbers)

    def _waited(self) -> list[QueuedUpdate]:
        done = {entry.number for entry in self.sent} | set(self.dropped)
        flying = {entry.number for entry in self.flying}
        return [entry for entry in self.entries if entry.number not in done | flying]

    def _note(self, needless: list[DroppedUpdate]) -> None:
        self.dropped.update({one.entry.number: one for one in needless})

    @staticmethod
    def _update(session: str, kind: str, words: str) -> Update:
        match kind:
            case "says":
                return says(session, words)
            case "asks":
                return says(session, words, Priority.QUESTION)
            case "passing":
                return passing(session, words)
            case "ends":
                return says(session, words, Priority.TERMINAL)
            case "plan":
                return plan(session, words)
            case _:
                return ChangeIssue("i", state_id=words, session_id=session)


TestPromises = PendingResults.TestCase
