"""Facts of the queue: strict order, never over the cap, no slot leaks."""

import dataclasses
import datetime as dt

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from deputy.core.admission import Contender, Slot, holds_slot, queue_key, slot_of
from deputy.core.phase import ACTIVE, TERMINAL, Phase

NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)


def run(name: str, phase: Phase = Phase.QUEUED, **facts: object) -> Contender:
    base: dict[str, object] = {
        "uid": f"uid-{name}",
        "name": name,
        "phase": phase,
        "priority": 0,
        "created": NOW,
        "ended": False,
    }
    return Contender(**(base | facts))  # type: ignore[arg-type]


@pytest.mark.parametrize("phase", Phase)
def test_an_active_run_holds_a_slot_until_its_end_is_decided(phase: Phase) -> None:
    assert holds_slot(run("a", phase)) is (phase in ACTIVE)
    assert not holds_slot(run("a", phase, ended=True))


@pytest.mark.parametrize("phase", sorted(ACTIVE | TERMINAL))
def test_a_slot_is_taken_until_the_pod_is_gone_whatever_is_decided(phase: Phase) -> None:
    assert holds_slot(run("a", phase, ended=True, has_pod=True))


def test_a_run_that_is_deleted_holds_a_slot_with_its_pod_alone_and_nobody_waits_behind_it() -> None:
    going = [run("a", deleting=True), run("b", Phase.RUNNING, deleting=True), run("c")]
    with_pod = [run("a", Phase.RUNNING, deleting=True, has_pod=True), run("c")]

    assert slot_of("uid-c", going, (), cap=1) == Slot(granted=True)
    assert slot_of("uid-c", with_pod, (), cap=1) == Slot(granted=False, position=1)


def test_the_first_in_line_starts_where_a_slot_is_free() -> None:
    runs = [run("a"), run("b", created=NOW + dt.timedelta(seconds=1))]

    assert slot_of("uid-a", runs, (), cap=1) == Slot(granted=True)
    assert slot_of("uid-b", runs, (), cap=1) == Slot(granted=False, position=2)


def test_nobody_starts_where_all_slots_are_taken() -> None:
    runs = [run("a", Phase.RUNNING), run("b", Phase.AWAITING_INPUT), run("c")]

    assert slot_of("uid-c", runs, (), cap=2) == Slot(granted=False, position=1)


def test_a_cap_that_was_lowered_stops_nobody_and_starts_nobody() -> None:
    runs = [run("a", Phase.RUNNING), run("b", Phase.RUNNING), run("c")]

    assert slot_of("uid-a", runs, (), cap=1) == Slot(granted=True)
    assert slot_of("uid-c", runs, (), cap=1) == Slot(granted=False, position=1)


def test_urgent_goes_first_and_no_priority_last_then_age_then_name() -> None:
    early = NOW - dt.timedelta(minutes=1)
    runs = [
        run("none", created=early),
        run("low", priority=4),
        run("urgent", priority=1),
        run("low-b", priority=4),
        run("low-early", priority=4, created=early),
    ]

    names = [one.name for one in sorted(runs, key=queue_key)]

    assert names == ["urgent", "low-early", "low", "low-b", "none"]


def test_a_granted_slot_counts_before_the_run_shows_it() -> None:
    runs = [run("a"), run("b")]

    assert slot_of("uid-b", runs, {"uid-a"}, cap=1) == Slot(granted=False, position=1)
    assert slot_of("uid-a", runs, {"uid-a"}, cap=1) == Slot(granted=True)


@pytest.mark.parametrize(
    "now",
    [
        run("a", Phase.RUNNING, ended=True),
        run("a", Phase.QUEUED, ended=True),
        *(run("a", phase) for phase in TERMINAL),
    ],
    ids=lambda one: f"{one.phase}-ended" if one.ended else str(one.phase),
)
def test_a_grant_that_was_never_taken_back_leaks_no_slot_once_its_run_is_over(
    now: Contender,
) -> None:
    runs = [now, run("b")]

    assert slot_of("uid-b", runs, {"uid-a"}, cap=1) == Slot(granted=True)


def test_a_grant_to_a_run_that_is_gone_holds_no_slot() -> None:
    assert slot_of("uid-b", [run("b")], {"uid-gone"}, cap=1) == Slot(granted=True)


def test_a_run_that_nobody_knows_gets_no_slot() -> None:
    assert slot_of("uid-x", [run("a")], (), cap=9) == Slot(granted=False)


class Admission(RuleBasedStateMachine):
    """Runs arrive, are admitted, work and end, while the view of them lags behind the truth."""

    runs = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        self.cap = 1
        self.clock = 0
        self.count = 0
        self.truth: dict[str, Contender] = {}
        self.view: dict[str, Contender] = {}
        self.assumed: set[str] = set()

    @initialize(cap=st.integers(1, 3))
    def limit(self, cap: int) -> None:
        self.cap = cap

    def change(self, uid: str, **facts: object) -> None:
        self.truth[uid] = dataclasses.replace(self.truth[uid], **facts)  # type: ignore[arg-type]

    def waiting(self) -> list[str]:
        """The uids of those who wait in truth, in the order in which they are to start."""
        queued = [run for run in self.truth.values() if run.phase is Phase.QUEUED and not run.ended]
        return [run.uid for run in sorted(queued, key=queue_key)]

    @rule(target=runs, priority=st.integers(0, 4), same_second=st.booleans())
    def arrive(self, priority: int, same_second: bool) -> str:  # noqa: FBT001  it is drawn
        self.clock += not same_second
        self.count += 1
        new = run(
            f"run-{self.count:03}",
            priority=priority,
            created=NOW + dt.timedelta(seconds=self.clock),
        )
        self.truth[new.uid] = self.view[new.uid] = new
        return new.uid

    @rule(uid=runs)
    def look(self, uid: str) -> None:
        """What the controller does for one run: ask, and write the grant at once."""
        if self.view.get(uid) is None or self.view[uid].phase is not Phase.QUEUED:
            return
        slot = slot_of(uid, self.view.values(), self.assumed, self.cap)
        if not slot.granted:
            return
        self.assumed.add(uid)
        if self.truth[uid].phase is Phase.QUEUED and not self.truth[uid].ended:
            ahead = self.waiting()[: self.waiting().index(uid)]
            free = self.cap - sum(holds_slot(run) for run in self.truth.values())
            assert len(ahead) < free, "somebody was overtaken who cannot start as well"
            self.change(uid, phase=Phase.CLAIMED)

    @rule(uid=runs, phase=st.sampled_from(sorted(ACTIVE)))
    def work(self, uid: str, phase: Phase) -> None:
        if holds_slot(self.truth[uid]):
            self.change(uid, phase=phase)

    @rule(uid=runs)
    def create_the_pod(self, uid: str) -> None:
        if self.truth[uid].phase in ACTIVE and not self.truth[uid].ended:
            self.change(uid, has_pod=True)
            # The controller that creates it has it in its view.
            self.view[uid] = dataclasses.replace(self.view[uid], has_pod=True)

    @rule(uid=runs)
    def let_the_pod_go(self, uid: str) -> None:
        self.change(uid, has_pod=False)

    @rule(uid=runs)
    def decide_the_end(self, uid: str) -> None:
        """Also of a run that waits: it is stopped or refused."""
        if self.truth[uid].phase not in TERMINAL:
            self.change(uid, ended=True)
            # The controller that decides has its own write in its view.
            self.view[uid] = self.truth[uid]

    @rule(uid=runs, phase=st.sampled_from(sorted(TERMINAL)))
    def finish(self, uid: str, phase: Phase) -> None:
        if self.truth[uid].ended:
            self.change(uid, phase=phase)

    @rule(uid=runs)
    def hear_of(self, uid: str) -> None:
        """The watch catches up with one run; what it says of itself replaces the assumption."""
        self.view[uid] = self.truth[uid]
        if self.truth[uid].phase is not Phase.QUEUED:
            self.assumed.discard(uid)

    @rule(uid=runs)
    def hear_of_without_taking_the_grant_back(self, uid: str) -> None:
        """The write was answered by nobody, though it was done."""
        self.view[uid] = self.truth[uid]

    @rule(gone=consumes(runs))
    def delete(self, gone: str) -> None:
        if self.truth[gone].phase in TERMINAL:
            del self.truth[gone], self.view[gone]
        else:
            self.change(gone, ended=True, phase=Phase.STOPPED, has_pod=False)
            self.view[gone] = self.truth[gone]

    @rule(target=runs)
    def all_look_in_any_order(self) -> object:
        for uid in list(self.truth):
            self.look(uid)
        return multiple()

    @invariant()
    def never_more_than_the_cap(self) -> None:
        assert sum(holds_slot(run) for run in self.truth.values()) <= self.cap

    @invariant()
    def no_slot_is_lost(self) -> None:
        """Once everything is heard and everybody looked, somebody waits only if all is taken."""
        view = dict(self.truth)
        waiting = self.waiting()
        taken = sum(holds_slot(run) for run in view.values())
        granted = [uid for uid in waiting if slot_of(uid, view.values(), (), self.cap).granted]
        assert granted == waiting[: max(0, self.cap - taken)]

    @invariant()
    def places_are_counted_without_gaps(self) -> None:
        waiting = self.waiting()
        slots = [slot_of(uid, self.truth.values(), (), self.cap) for uid in waiting]
        places = [slot.position for slot in slots if not slot.granted]
        assert places == list(range(len(waiting) - len(places) + 1, len(waiting) + 1))


TestAdmission = Admission.TestCase
TestAdmission.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)


def test_nobody_waits_for_a_run_that_waits_for_an_earlier_one() -> None:
    runs = [run("a", blocked=True), run("b", created=NOW + dt.timedelta(seconds=1))]

    assert slot_of("uid-b", runs, (), cap=1) == Slot(granted=True)
    assert slot_of("uid-a", runs, (), cap=1) == Slot(granted=False)
