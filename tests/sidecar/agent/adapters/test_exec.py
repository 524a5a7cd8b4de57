"""The Exec adapter: lines are progress, the exit status decides."""

import pytest

from deputy.wire import Outcome, Thought
from deputy_sidecar.agent.adapters.exec import ExecAdapter, readable
from deputy_sidecar.agent.adapters.model import ProcessExit, SetTimer, StartProcess, TurnEnded

BURST = SetTimer("burst", 2.0)
NO_BURST = SetTimer("burst", None)


def begun() -> ExecAdapter:
    adapter = ExecAdapter()
    assert adapter.prompt("task") == [StartProcess("task", has_input=False)]
    return adapter


def test_lines_of_a_burst_are_one_thought() -> None:
    adapter = begun()

    outputs = [adapter.line(line) for line in (b"one", b"", b"two")]

    assert outputs == [[BURST], [], []]
    assert adapter.elapsed("burst") == [NO_BURST, Thought("one\ntwo")]


def test_a_long_burst_does_not_wait_for_its_end() -> None:
    adapter = begun()

    outputs = [out for _ in range(5) for out in adapter.line(b"x" * 1_500)]

    assert [type(one) for one in outputs] == [SetTimer, SetTimer, Thought, SetTimer]


def test_success_ends_with_the_last_burst() -> None:
    adapter = begun()
    adapter.line(b"working")
    adapter.elapsed("burst")
    adapter.line(b"all")
    adapter.line(b"done")

    assert adapter.exited(ProcessExit(0, "sh", "")) == [
        NO_BURST,
        TurnEnded(Outcome.COMPLETED, "Completed", "all\ndone"),
    ]


def test_lines_that_were_told_are_the_last_word_when_nothing_followed() -> None:
    adapter = begun()
    adapter.line(b"the result")
    adapter.elapsed("burst")

    assert adapter.exited(ProcessExit(0, "sh", ""))[-1] == TurnEnded(
        Outcome.COMPLETED, "Completed", "the result"
    )


def test_a_long_last_burst_is_told_but_for_its_end() -> None:
    adapter = begun()
    for number in range(25):
        adapter.line(f"line {number}".encode())

    told, ended = adapter.exited(ProcessExit(0, "sh", ""))[1:]

    assert told == Thought("line 0\nline 1\nline 2\nline 3\nline 4")
    assert isinstance(ended, TurnEnded)
    assert ended.text.splitlines()[0] == "line 5"
    assert ended.text.splitlines()[-1] == "line 24"


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (3, "AgentFailed", "exit status 3"),
        (126, "AgentNotStarted", "is not executable"),
        (127, "AgentNotStarted", "was not found"),
        (137, "AgentKilled", "signal 9 (SIGKILL)"),
        (143, "AgentKilled", "signal 15 (SIGTERM)"),
        (255, "AgentFailed", "exit status 255"),
    ],
)
def test_an_exit_status_tells_what_went_wrong(code: int, reason: str, words: str) -> None:
    (ended,) = (one for one in begun().exited(ProcessExit(code, "tool", "")) if one != NO_BURST)

    assert isinstance(ended, TurnEnded)
    assert (ended.outcome, ended.reason) == (Outcome.FAILED, reason)
    assert words in ended.text


def test_127_of_a_program_that_has_worked_is_its_own() -> None:
    adapter = begun()
    adapter.line(b"step one")

    ended = adapter.exited(ProcessExit(127, "sh", "sh: make: not found"))[-1]

    assert isinstance(ended, TurnEnded)
    assert ended.reason == "AgentFailed"
    assert "make: not found" in ended.text


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        (b"\x1b[1;32mgreen\x1b[0m", "green"),
        (b"\x1b]0;title\x07text", "text"),
        (b" 10%\r 50%\r100%\r", "100%"),
        (b"a\x00b\x08", "ab"),
        ("Grüße \xff".encode("latin-1"), "Gr\ufffd\ufffde \ufffd"),
        (b"x" * 5_000, "x" * 2_000),
    ],
)
def test_a_line_is_shown_as_a_terminal_would(line: bytes, seen: str) -> None:
    assert readable(line) == seen
