"""What the shim says is read strictly: the agent can write there, too."""

import pytest

from deputy_sidecar.agent.shim import (
    LineFed,
    RunExited,
    RunStarted,
    ShimEvent,
    ShimReady,
    ShimState,
    ShimTerminating,
    parse,
)


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (b"ready", ShimReady()),
        (b"started 2 my agent", RunStarted(2, "my agent")),
        (b"started 2", RunStarted(2, "")),
        (b"started 1 " + b"x" * 300, RunStarted(1, "x" * 200)),
        (b"fed 7", LineFed(7)),
        (b"exited 1 137", RunExited(1, 137)),
        (b"terminating", ShimTerminating()),
    ],
)
def test_the_shims_words_are_understood(line: bytes, event: ShimEvent) -> None:
    assert parse(line) == event


@pytest.mark.parametrize(
    "line", [b"", b"hello", b"ready now", b"started x", b"fed", b"fed x", b"exited 1", b"\xff\xfe"]
)
def test_what_the_shim_does_not_say_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"shim does not say|invalid literal"):
        parse(line)


def test_what_is_said_again_by_an_earlier_run_changes_nothing() -> None:
    state = ShimState()
    for event in (ShimReady(), RunStarted(1, "a"), RunExited(1, 0), RunStarted(2, "a"), LineFed(3)):
        state.observe(event)

    state.observe(RunStarted(1, "a"))
    state.observe(RunExited(1, 0))
    state.observe(LineFed(1))

    assert state == ShimState(is_ready=True, started=2, exited=1, fed=3)
    assert state.is_running
