"""What leaves the sidecar is fit to be read: by people, in a tracker and in a terminal."""

import pytest

from deputy.wire import Asked, Event, Finished, Outcome, Thought, ToolFinished
from deputy_sidecar.sanitising import sanitise

RED, RESET, TITLE = "\x1b[31m", "\x1b[0m", "\x1b]0;owned\x07"


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (Thought(f"{RED}failed{RESET}\r\nagain"), Thought("failed\nagain")),
        (
            ToolFinished("Ran", f"{TITLE}make test", f"{RED}1 failed{RESET}\n\tx"),
            ToolFinished("Ran", "make test", "1 failed\n\tx"),
        ),
        (Asked("Which\x07?", ("a\x00b",)), Asked("Which?", ("ab",))),
        (
            Finished(Outcome.FAILED, "AgentFailed", f"{TITLE}it broke"),
            Finished(Outcome.FAILED, "AgentFailed", "it broke"),
        ),
        (Thought(RED + RESET), None),
    ],
    ids=["thought", "tool", "question", "report", "nothing left"],
)
def test_what_only_a_terminal_obeys_is_taken_out(event: Event, shown: Event | None) -> None:
    assert sanitise(event) == shown


def test_a_control_character_does_not_hide_a_credential() -> None:
    assert sanitise(Thought("ghp_\x00" + "a1B2" * 9)) == Thought("[secret]")
