"""Facts of script files."""

import json
import pathlib

import pytest

from deputy_simulator.model.cli import run
from deputy_simulator.model.script import (
    Call,
    Scenario,
    ScriptWrong,
    Turn,
    edit,
    parse,
    read,
    shell,
    write,
)

LATER = (Turn("later"),)


def test_script_names_scenarios_made_of_turns() -> None:
    calls = [
        {"act": "read", "path": "a"},
        {"act": "edit", "path": "a", "old": "1", "new": "2"},
        {"act": "write", "path": "a", "text": "1"},
        {"act": "shell", "command": "ls", "why": "Look"},
        {"name": "glob", "input": {"pattern": "*"}},
    ]
    opening = [{"text": "Hello", "thinking": "Hm", "delay": 0.5, "calls": calls}, {"refusal": 429}]
    given = {"scenarios": {"mine": {"opening": opening, "followUp": [{"text": "Bye"}]}}}

    (mine,) = parse(given, LATER).values()

    acts = (read("a"), edit("a", "1", "2"), write("a", "1"), shell("ls", "Look"))
    first, second, third, fourth = acts
    assert mine.name == "mine"
    assert mine.follow_up == (Turn("Bye"),)
    assert mine.opening[1] == Turn(refusal=429)
    assert mine.opening[0].calls[3:] == (fourth, Call("glob", {"pattern": "*"}))
    assert [call.act for call in mine.opening[0].calls[:3]] == [first.act, second.act, third.act]
    assert dict(mine.opening[0].calls[1].input) == {"path": "a", "old": "1", "new": "2", "why": ""}


def test_script_of_turns_alone_is_the_default_scenario() -> None:
    assert parse({"turns": [{"text": "Hello"}]}, LATER) == {
        "default": Scenario("default", (Turn("Hello"),), LATER)
    }


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "a script is a JSON object"),
        ({"scenarios": {}}, "at least one scenario"),
        ({"scenarios": {"a": []}}, "scenario 'a' is not an object"),
        ({}, "scenario 'default' has no list of turns"),
        ({"turns": []}, "has no list of turns"),
        ({"turns": [{"txt": "x"}]}, "turn 1: a turn is an object with calls, delay"),
        ({"turns": [{"calls": [{"act": "fly"}]}]}, "a call has a name, or an act"),
        ({"turns": [{"calls": [{"act": "edit", "path": "a"}]}]}, "a call has a name, or an act"),
    ],
)
def test_script_of_another_form_is_refused_in_words(given: object, says: str) -> None:
    with pytest.raises(ScriptWrong, match=says):
        parse(given, LATER)


@pytest.mark.parametrize("text", ["{", json.dumps({"turns": []}), None])
def test_process_does_not_start_with_a_script_that_is_none(
    text: str | None, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "script.json"
    if text is not None:
        path.write_text(text)

    assert run(["--script", str(path)]) == 2
    assert capsys.readouterr().err.startswith("deputy-simulate model: ")
