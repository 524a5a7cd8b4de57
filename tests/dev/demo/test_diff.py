"""Every change of an issue and its session is told, once."""

from typing import Any

from dev.demo.diff import Seen, changes
from dev.demo.screen import UNBREAKABLE, Line

UNSTARTED = {"state": {"name": "Todo"}}
IN_PROGRESS = {"state": {"name": "In Progress"}}


def activity(key: str, content: dict[str, Any], *, ephemeral: bool = False) -> dict[str, Any]:
    return {"id": key, "type": content["type"], "content": content, "ephemeral": ephemeral}


def session(*activities: dict[str, Any], plan: Any = None, urls: Any = ()) -> dict[str, Any]:
    return {"history": list(activities), "plan": plan, "externalUrls": list(urls)}


THOUGHT = activity("1", {"type": "thought", "body": "On it."})


def test_nothing_new_is_nothing_told() -> None:
    seen, _ = changes(Seen(), UNSTARTED, session(THOUGHT))

    assert changes(seen, UNSTARTED, session(THOUGHT)) == (seen, [])


def test_an_activity_is_told_once() -> None:
    seen, first = changes(Seen(), UNSTARTED, session(THOUGHT))
    later = activity("2", {"type": "response", "body": "Done."})

    _, second = changes(seen, UNSTARTED, session(THOUGHT, later))

    assert first == [Line("session", "thought", "On it.")]
    assert second == [Line("session", "response", "Done.", "green")]


def test_what_a_person_says_is_a_persons() -> None:
    prompt = activity("1", {"type": "prompt", "body": "And the README?"})

    assert changes(Seen(), UNSTARTED, session(prompt))[1] == [
        Line("person", "prompt", "And the README?", "magenta")
    ]


def test_a_passing_thought_is_dim() -> None:
    passing = activity("1", {"type": "thought", "body": "Looking…"}, ephemeral=True)

    assert changes(Seen(), UNSTARTED, session(passing))[1] == [
        Line("session", "thought", "Looking…", "dim")
    ]


def test_an_action_shows_the_beginning_of_its_result() -> None:
    content = {"type": "action", "action": "Ran", "parameter": "ls", "result": "a\nb\nc\nd\ne"}

    assert changes(Seen(), UNSTARTED, session(activity("1", content)))[1] == [
        Line("session", "action", "Ran  ls\n  a\n  b\n  c\n  … 2 more lines", "cyan")
    ]


def test_a_long_row_of_a_result_is_cut() -> None:
    content = {"type": "action", "action": "Ran", "parameter": "ls", "result": "x" * 200}

    (line,) = changes(Seen(), UNSTARTED, session(activity("1", content)))[1]

    assert line.text.splitlines()[1] == f"  {'x' * 67}…"


def test_plan_links_and_state_are_told_when_they_change() -> None:
    seen, _ = changes(Seen(), UNSTARTED, session())
    plan = [
        {"content": "Read the issue", "status": "completed"},
        {"content": "Answer", "status": "pending"},
    ]
    told = session(plan=plan, urls=[{"label": "Pull request", "url": "http://forge/1"}])

    now, lines = changes(seen, IN_PROGRESS, told)

    assert [(line.what, line.text.replace(UNBREAKABLE, " ")) for line in lines] == [
        ("state", "Todo → In Progress"),
        ("plan", "[x] Read the issue  [ ] Answer"),
        ("link", "http://forge/1"),
    ]
    assert changes(now, IN_PROGRESS, told) == (now, [])
