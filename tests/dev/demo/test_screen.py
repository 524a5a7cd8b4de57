"""What the demo prints is readable in a terminal and in a file."""

import pytest

from dev.demo.screen import UNBREAKABLE, Line, Screen, clock, rows


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00.0"), (4.06, "0:04.1"), (62.5, "1:02.5"), (600, "10:00.0")]
)
def test_times_are_minutes_seconds_and_tenths(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_long_text_goes_on_below_itself() -> None:
    line = Line("session", "thought", "The discount is divided by ten, not by a hundred.")

    assert rows(line, 4.0, 70) == [
        " 0:04.0  session   thought   The discount is divided by ten, not by a",
        "                             hundred.",
    ]


def test_line_breaks_of_a_text_stay() -> None:
    assert rows(Line("session", "action", "Ran  ls\n  a\n\n  b"), 0, 100) == [
        " 0:00.0  session   action    Ran  ls",
        "                               a",
        "",
        "                               b",
    ]


def test_an_empty_text_is_a_line_all_the_same() -> None:
    assert rows(Line("session", "thought", ""), 0, 100) == [" 0:00.0  session   thought"]


def test_no_row_ends_within_a_step_of_the_plan() -> None:
    step = "[ ] Open the pull request".replace(" ", UNBREAKABLE)

    assert rows(Line("session", "plan", f"[x] Done  {step}"), 0, 70) == [
        " 0:00.0  session   plan      [x] Done  [ ] Open the pull request",
    ]
    assert rows(Line("session", "plan", f"[x] All is read  {step}"), 0, 66)[1].strip() == (
        "[ ] Open the pull request"
    )


def test_a_file_gets_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().diff("+++ b/x\n+new\n-old\n@@ -1 +1 @@")

    assert capsys.readouterr().out == "    +++ b/x\n    +new\n    -old\n    @@ -1 +1 @@\n"
