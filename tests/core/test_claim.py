"""Facts of the claim: which run an event belongs to."""

import datetime as dt

import pytest

from deputy.api.names import run_name
from deputy.core.claim import (
    AlreadyKnown,
    Append,
    Attach,
    Create,
    CreateStopped,
    Full,
    Note,
    NothingLive,
    NothingToStop,
    Outdated,
    Overtaken,
    Stop,
    decide_prompt,
    decide_session,
    decide_stop,
    decide_withdrawal,
    newest_of,
    next_number,
)
from deputy.core.claim_facts import (
    MAX_BYTES,
    MAX_ENTRIES,
    MAX_MESSAGES,
    RunFacts,
    stored_bytes,
)
from deputy.core.phase import TERMINAL, Phase


def run(number: int = 1, phase: Phase | None = Phase.RUNNING, **facts: object) -> RunFacts:
    base: dict[str, object] = {
        "name": run_name("abc", number),
        "number": number,
        "namespace": "agents",
        "uid": f"uid-{number}",
        "phase": phase,
        "sessions": frozenset({f"session-{number}"}),
    }
    return RunFacts(**(base | facts))  # type: ignore[arg-type]


OVER = run(1, Phase.SUCCEEDED)


def test_a_live_run_counts_before_a_newer_one_that_is_over() -> None:
    live = run(1)

    assert newest_of([live, run(2, Phase.STOPPED)]) == live


def test_the_next_number_is_after_all_runs_and_all_names_that_others_hold() -> None:
    assert next_number([]) == 1
    assert next_number([run(9), run(10)]) == 11
    assert next_number([run(1)], taken=(2, 3)) == 4


@pytest.mark.parametrize(
    ("runs", "decision"),
    [
        pytest.param([], Create(1), id="no run"),
        pytest.param([OVER], Create(2), id="the newest is over"),
        pytest.param([OVER, run(2)], Attach(run(2)), id="live"),
        pytest.param([run(1, None)], Attach(run(1, None)), id="live and not looked at yet"),
        pytest.param([run(1, stopping=True)], Create(2), id="being stopped"),
        pytest.param([run(1, concluded=True)], Create(2), id="its end is recorded"),
        pytest.param(
            [run(1, concluded=True), run(2)], Attach(run(2)), id="one ends, and the next waits"
        ),
        pytest.param(
            [run(1, inbox_waiting=MAX_MESSAGES)],
            Full(run(1, inbox_waiting=MAX_MESSAGES)),
            id="too many messages wait",
        ),
        pytest.param(
            [run(1, inbox_length=MAX_MESSAGES, inbox_waiting=MAX_MESSAGES - 1)],
            Attach(run(1, inbox_length=MAX_MESSAGES, inbox_waiting=MAX_MESSAGES - 1)),
            id="the agent was given some of many",
        ),
        pytest.param(
            [run(1, inbox_length=MAX_ENTRIES - 5)],
            Full(run(1, inbox_length=MAX_ENTRIES - 5)),
            id="too many in all",
        ),
        pytest.param(
            [run(1, inbox_bytes=MAX_BYTES)], Full(run(1, inbox_bytes=MAX_BYTES)), id="too long"
        ),
        pytest.param(
            [run(1, Phase.FAILED, sessions=frozenset({"new"})), run(2)],
            AlreadyKnown(run(1, Phase.FAILED, sessions=frozenset({"new"}))),
            id="known to a run that is over",
        ),
        pytest.param(
            [run(1, sessions=frozenset({"new"}), stopping=True)],
            AlreadyKnown(run(1, sessions=frozenset({"new"}), stopping=True)),
            id="known to a run that is being stopped",
        ),
    ],
)
def test_a_new_session(runs: list[RunFacts], decision: object) -> None:
    assert decide_session("new", runs) == decision


OVERTAKEN = frozenset({"new"})


@pytest.mark.parametrize(
    ("known_by", "decision"),
    [
        pytest.param(run(sessions=OVERTAKEN), Attach(run(sessions=OVERTAKEN)), id="live"),
        pytest.param(run(1, Phase.SUCCEEDED, sessions=OVERTAKEN), Create(2), id="over"),
        pytest.param(
            run(sessions=OVERTAKEN, stopping=True),
            AlreadyKnown(run(sessions=OVERTAKEN, stopping=True)),
            id="stopped",
        ),
        pytest.param(
            run(sessions=OVERTAKEN, messages=OVERTAKEN),
            AlreadyKnown(run(sessions=OVERTAKEN, messages=OVERTAKEN)),
            id="taken before",
        ),
    ],
)
def test_an_opening_that_a_prompt_has_overtaken_still_brings_its_words(
    known_by: RunFacts, decision: object
) -> None:
    assert decide_session("new", [known_by], has_text=True) == decision


@pytest.mark.parametrize("phase", sorted(TERMINAL))
def test_a_prompt_after_the_end_begins_the_next_run(phase: Phase) -> None:
    assert decide_prompt("prompt", [run(3, phase)]) == Create(4)


@pytest.mark.parametrize("phase", sorted(set(Phase) - TERMINAL))
def test_a_prompt_before_the_end_goes_to_the_live_run(phase: Phase) -> None:
    assert decide_prompt("prompt", [run(3, phase)]) == Append(run(3, phase))


@pytest.mark.parametrize("phase", sorted(Phase))
def test_a_prompt_that_was_taken_is_not_taken_again(phase: Phase) -> None:
    took_it = run(1, phase, messages=frozenset({"prompt"}))

    assert decide_prompt("prompt", [took_it, run(2)]) == AlreadyKnown(took_it)


@pytest.mark.parametrize(
    ("runs", "decision"),
    [
        pytest.param([], CreateStopped(1), id="before any run"),
        pytest.param([OVER], CreateStopped(2), id="before the session's run"),
        pytest.param([run(2)], Stop(run(2)), id="live"),
        pytest.param([run(2, stopping=True)], Stop(run(2, stopping=True)), id="stopped again"),
        pytest.param([run(2, concluded=True)], CreateStopped(3), id="another run ends"),
        pytest.param(
            [run(1, concluded=True), run(2)], Stop(run(2)), id="one ends, and the next waits"
        ),
        pytest.param(
            [run(2, concluded=True, sessions=frozenset({"new"}))],
            AlreadyKnown(run(2, concluded=True, sessions=frozenset({"new"}))),
            id="its run ends anyway",
        ),
        pytest.param(
            [run(2, inbox_length=295)], Stop(run(2, inbox_length=295)), id="a full inbox stops too"
        ),
        pytest.param(
            [run(1, Phase.SUCCEEDED, sessions=frozenset({"new"}))],
            NothingToStop(run(1, Phase.SUCCEEDED, sessions=frozenset({"new"}))),
            id="its run is over",
        ),
        pytest.param(
            [run(1, Phase.STOPPED, messages=frozenset({"stop"}))],
            AlreadyKnown(run(1, Phase.STOPPED, messages=frozenset({"stop"}))),
            id="the same stop again",
        ),
    ],
)
def test_a_stop(runs: list[RunFacts], decision: object) -> None:
    assert decide_stop("new", "stop", runs) == decision


def test_what_a_stop_overtook_finds_the_stopped_run() -> None:
    stopped = run(1, None, sessions=frozenset({"new"}), stopping=True)

    assert decide_session("new", [stopped]) == AlreadyKnown(stopped)


@pytest.mark.parametrize(
    ("runs", "former", "decision"),
    [
        ([], None, NothingLive()),
        ([OVER], None, NothingLive()),
        ([run(stopping=True)], None, NothingLive()),
        ([run(concluded=True)], None, NothingLive()),
        ([run()], None, Stop(run())),
        ([run(app_user_id="us")], "us", Stop(run(app_user_id="us"))),
        ([run(app_user_id="us")], "another", NothingLive()),
    ],
)
def test_a_withdrawn_issue_stops_what_is_live_and_ours(
    runs: list[RunFacts], former: str | None, decision: object
) -> None:
    assert decide_withdrawal(runs, former) == decision


@pytest.mark.parametrize(
    ("text", "size"),
    [("plain", 5), ("ü", 2), ("\x07<", 12), ('"\\\n\r\t', 10), ("\u2028&>", 18), ("", 0)],
)
def test_a_text_is_as_long_as_its_json_is_in_etcd(text: str, size: int) -> None:
    assert stored_bytes(text) == size


AT = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)
BEFORE, AFTER = AT - dt.timedelta(seconds=1), AT + dt.timedelta(seconds=1)
STOPPED = run(1, Phase.STOPPED, stopped=AT)


@pytest.mark.parametrize("sent", [AT, AFTER, None])
def test_what_is_said_after_a_stop_begins_the_next_run(sent: dt.datetime | None) -> None:
    assert decide_session("new", [STOPPED], sent=sent) == Create(2)
    assert decide_prompt("prompt", [STOPPED], sent=sent) == Create(2)


def test_what_was_said_before_a_stop_begins_nothing() -> None:
    assert decide_session("new", [STOPPED], sent=BEFORE) == Overtaken(STOPPED)
    assert decide_prompt("prompt", [STOPPED], sent=BEFORE) == Overtaken(STOPPED)


def test_what_was_said_before_a_stop_still_goes_to_the_run_that_was_begun_after_it() -> None:
    live = run(2, begun=AFTER)

    assert decide_prompt("prompt", [STOPPED, live], sent=BEFORE) == Append(live)


def test_a_stop_does_not_reach_what_was_begun_after_it() -> None:
    known = run(1, Phase.SUCCEEDED, sessions=frozenset({"new"}))
    live = run(2, begun=AFTER)

    assert decide_stop("new", "stop", [known, live], sent=AT) == Outdated(known)
    assert decide_stop("new", "stop", [known, live], sent=AFTER) == Stop(live)


def test_a_stopped_run_that_holds_a_claim_does_not_hide_the_live_one() -> None:
    live, holds = run(1), run(2, None, stopping=True)

    assert newest_of([live, holds]) == live


@pytest.mark.parametrize(
    ("runs", "decision"),
    [
        pytest.param([], CreateStopped(1), id="before its delegation"),
        pytest.param([run(1, begun=BEFORE)], Stop(run(1, begun=BEFORE)), id="live"),
        pytest.param([run(1, begun=AFTER)], NothingLive(), id="begun after it"),
        pytest.param(
            [run(1, Phase.SUCCEEDED, begun=BEFORE)],
            Note(run(1, Phase.SUCCEEDED, begun=BEFORE)),
            id="over",
        ),
        pytest.param([STOPPED], NothingLive(), id="noted before"),
        pytest.param(
            [run(1, Phase.SUCCEEDED, begun=BEFORE, inbox_length=MAX_ENTRIES)],
            NothingLive(),
            id="no room for a note",
        ),
    ],
)
def test_a_withdrawal_of_what_was_ours(runs: list[RunFacts], decision: object) -> None:
    assert decide_withdrawal(runs, None, AT, ours=True) == decision
