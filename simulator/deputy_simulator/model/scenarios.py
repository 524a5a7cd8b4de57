"""The scenarios that every scripted model knows.

A line `[[script: slow]]` anywhere in a prompt chooses one, `[[script: slow 5]]` with an argument.
They are made for the repository that a simulated forge begins with.
"""

from collections.abc import Callable, Mapping

from deputy_simulator.model.script import Call, Scenario, Turn, edit, read, shell, write

DEFAULT = "default"

#: Steps of the slow scenario, and how long each takes, in seconds.
SLOW_STEPS = 20
_STEP_SECONDS = 2

_CODE = "shop/basket.py"
_TESTS = "tests/test_basket.py"

_NEW_TEST = """\
    def test_discount_is_a_percentage(self) -> None:
        self.assertEqual(total([1000], discount_percent=10), 900)

    def test_empty_basket_costs_nothing(self) -> None:
"""

_SUMMARY = """\
The discount was divided by 10 where it should be divided by 100, so ten percent made a basket \
free. `total` now divides by 100, and a test holds it to that. All tests pass.\
"""

_LATER = (
    Turn(
        thinking="**Following up**\nThere is something new to take care of.",
        text="Noted: {prompt}",
        calls=(write("NOTES.md", "# Notes\n\n{prompt}\n"),),
    ),
    Turn(
        text="That gets a commit of its own.",
        calls=(shell('git add -A && git commit -m "Note what was asked"', "Commit the note"),),
    ),
    Turn(text="Noted: {prompt}\n\nIt is in `NOTES.md`, in a commit of its own."),
)


def follow_up() -> tuple[Turn, ...]:
    """Return what is said to every prompt but the first, unless a scenario says otherwise."""
    return _LATER


def built_in(name: str, argument: str) -> Scenario | None:
    """Return a scenario by its name; None where there is none of that name."""
    make = _SCENARIOS.get(name)
    return None if make is None else Scenario(name, make(argument), _LATER)


def names() -> tuple[str, ...]:
    """Return the names of all scenarios."""
    return tuple(_SCENARIOS)


def _fix(_argument: str) -> tuple[Turn, ...]:
    """Find the mistake, correct it, test it, commit it."""
    return (
        Turn(
            thinking="**Planning**\nFirst the code, then its tests.",
            text="I will look at the code first.",
            calls=(read(_CODE), read(_TESTS)),
        ),
        Turn(
            thinking="**Finding the mistake**\nTen percent of a basket is the whole basket.",
            text="The discount is divided by 10, not by 100.",
            calls=(edit(_CODE, "discount_percent // 10\n", "discount_percent // 100\n"),),
        ),
        Turn(
            text="A test shall hold that.",
            calls=(
                edit(
                    _TESTS,
                    "    def test_empty_basket_costs_nothing(self) -> None:\n",
                    _NEW_TEST,
                ),
            ),
        ),
        Turn(text="Now the tests.", calls=(shell("python3 -m unittest", "Run the tests"),)),
        Turn(calls=(_commit("Divide the discount by 100"),)),
        Turn(text=_SUMMARY),
    )


def _slow(argument: str) -> tuple[Turn, ...]:
    """Work for a while, in small steps, so that there is time to speak up or to stop."""
    steps = int(argument) if argument.isdecimal() and argument != "0" else SLOW_STEPS
    return (
        *(_slow_step(step, steps) for step in range(1, steps + 1)),
        Turn(text="The steps are done.", calls=(_commit("Write down the steps"),)),
        Turn(text=f"All {steps} steps are done and committed."),
    )


def _slow_step(step: int, steps: int) -> Turn:
    command = f"sleep {_STEP_SECONDS} && echo 'step {step}' >> STEPS.md"
    return Turn(
        text=f"Step {step} of {steps}.", calls=(shell(command, f"Take step {step} of {steps}"),)
    )


def _no_changes(_argument: str) -> tuple[Turn, ...]:
    """Look, and find that nothing has to be done."""
    return (
        Turn(text="I will look at the code first.", calls=(read(_CODE),)),
        Turn(text="The code does what the issue asks for already; I changed nothing."),
    )


def _note(_argument: str) -> tuple[Turn, ...]:
    """Change one thing, in any repository."""
    return (
        Turn(
            text="I will write it down.",
            calls=(write("NOTES.md", "# Notes\n\nThis was asked for.\n"),),
        ),
        Turn(calls=(_commit("Write down what was asked"),)),
        Turn(text="It is written down in `NOTES.md`."),
    )


def _uncommitted(_argument: str) -> tuple[Turn, ...]:
    """Change one thing and forget to commit it."""
    return (_note("")[0], Turn(text="It is written down in `NOTES.md`."))


def _fails(_argument: str) -> tuple[Turn, ...]:
    """Begin, then get no more answers: the agent has to give up."""
    return (
        Turn(text="I will look at the code first.", calls=(read(_CODE),)),
        Turn(refusal=400),
    )


def _dies(_argument: str) -> tuple[Turn, ...]:
    """Have the agent's own process killed in the middle of its work."""
    return (
        Turn(text="I will look at the code first.", calls=(read(_CODE),)),
        Turn(text="Now for the risky part.", calls=(shell("kill -9 $PPID", "Take a risk"),)),
        Turn(text="That did not do what it should."),
    )


def _commit(message: str) -> Call:
    return shell(f'git add -A && git commit -m "{message}"', "Commit the change")


_SCENARIOS: Mapping[str, Callable[[str], tuple[Turn, ...]]] = {
    DEFAULT: _fix,
    "slow": _slow,
    "no-changes": _no_changes,
    "note": _note,
    "uncommitted": _uncommitted,
    "fails": _fails,
    "dies": _dies,
}
