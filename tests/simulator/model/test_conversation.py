"""Facts of what the scripted model says next."""

from hypothesis import given
from hypothesis import strategies as st

from deputy.core.prompt import follow_up
from deputy.trackers.models import Issue, Team
from deputy_simulator.model.conversation import (
    Answer,
    Choice,
    Conversation,
    Entry,
    Prompt,
    choose,
    conversation,
    prompt_of,
)
from deputy_simulator.model.scenarios import built_in, names
from deputy_simulator.model.script import Scenario, Turn, shell, write

TOOLS = frozenset({"run_shell_command"})


def at(*prompts: str, answers: int = 0) -> Conversation:
    return Conversation(prompts, answers, TOOLS)


def own(*, opening: str = "opening", later: str = "later {prompt}") -> dict[str, Scenario]:
    return {"default": Scenario("default", (Turn(opening), Turn("end")), (Turn(later),))}


def test_first_prompt_is_answered_turn_by_turn_from_the_history_alone() -> None:
    said = [choose(at("Fix it", answers=answers), own()) for answers in range(4)]

    assert said == [
        Choice("default", 0, Turn("opening")),
        Choice("default", 1, Turn("end")),
        Choice("default", 1, Turn("end")),
        Choice("default", 1, Turn("end")),
    ]


def test_later_prompt_gets_its_own_answer_that_quotes_it() -> None:
    assert choose(at("Fix it", "Also  say\nhello"), own()).turn == Turn("later Also say hello")


def test_answers_are_counted_since_the_last_prompt() -> None:
    entries: list[Entry] = [Prompt("a"), Answer(), Answer(), Prompt("b"), Answer()]

    assert conversation(entries, TOOLS) == at("a", "b", answers=1)


def test_mark_in_a_prompt_chooses_the_scenario() -> None:
    chosen = choose(at("Work on this.\n[[script: no-changes]]\nThanks"), own())

    assert chosen.scenario == "no-changes"


def test_mark_may_carry_an_argument() -> None:
    steps = built_in("slow", "3")

    assert steps is not None
    assert len(steps.opening) == 3 + 2
    assert choose(at("[[script: slow 3]]", answers=4), {}).turn == steps.opening[4]


def test_mark_of_the_first_prompt_holds_for_later_ones() -> None:
    chosen = choose(at("[[script: slow 3]]", "hello"), {})

    assert (chosen.scenario, chosen.step) == ("slow", 0)
    assert chosen.turn.text == "Noted: hello"


def test_mark_in_a_later_prompt_begins_that_scenario() -> None:
    no_changes = built_in("no-changes", "")

    assert no_changes is not None
    assert choose(at("Fix it", "[[script: no-changes]]"), {}).turn == no_changes.opening[0]


def test_unknown_mark_is_none() -> None:
    assert choose(at("[[script: unheard-of]]"), {}).scenario == "default"


def test_run_that_goes_on_with_earlier_work_is_answered_as_a_later_prompt() -> None:
    team = Team("team-1", "ENG", "Engineering")
    issue = Issue("issue-1", "ENG-1", "Fix", "", team, "[[script: slow]]")

    chosen = choose(at(follow_up("", issue, "Use cents")), {})

    assert chosen.scenario == "slow"
    assert chosen.turn.text == "Noted: Use cents"


def test_what_was_asked_is_filled_into_files_but_never_into_commands() -> None:
    turn = Turn(calls=(write("a", "{prompt}"), shell("echo {prompt}", "")))
    scenario = Scenario("default", (turn,), (turn,))

    said = choose(at("x; rm -rf /"), {"default": scenario}).turn

    assert said.calls == (write("a", "x; rm -rf /"), shell("echo {prompt}", ""))


def test_context_that_an_agent_adds_by_itself_is_no_prompt() -> None:
    context = "<session_context>\nThis is the Gemini CLI.\n</session_context>"

    assert prompt_of([context, "Fix it"]) == [Prompt("Fix it")]
    assert prompt_of([context, " "]) == []


@given(st.lists(st.text(max_size=40), max_size=4), st.integers(min_value=0, max_value=50))
def test_there_is_always_an_answer(prompts: list[str], answers: int) -> None:
    chosen = choose(at(*prompts, answers=answers), {})

    assert chosen.scenario in names()


def test_every_scenario_ends() -> None:
    for name in names():
        scenario = built_in(name, "")
        assert scenario is not None
        for turns in (scenario.opening, scenario.follow_up):
            assert turns[-1].calls == ()
            assert all(turn.calls for turn in turns[:-1])
