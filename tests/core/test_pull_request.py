"""Facts of the pull request: its branch, its title and its body."""

import re
import subprocess

from hypothesis import example, given, settings
from hypothesis import strategies as st

from deputy.core.pull_request import (
    MAX_BRANCH,
    MAX_SUMMARY,
    MAX_TITLE,
    CompletedWork,
    branch_name,
    pull_request_body,
    pull_request_title,
)

WORK = CompletedWork(
    "uid-1",
    "linear-abc-1",
    "Fixed the rounding.",
    identifier="ENG-123",
    title="Prices are rounded down",
    url="https://linear.app/acme/issue/ENG-123",
)

#: What `git check-ref-format` forbids in a branch name.
FORBIDDEN = re.compile(
    r"(^|/)[.-]|\.\.|[\x00-\x20\x7f~^:?*\[\\]|^/|/$|//|\.$|@\{|\.lock(/|$)|^@$|^HEAD$"
)


def test_the_branch_of_an_issue_is_named_after_its_identifier() -> None:
    assert branch_name("deputy/", "ENG-123") == "deputy/eng-123"
    assert branch_name("bots/deputy/", "ENG-123") == "bots/deputy/eng-123"


def test_branch_of_a_run_made_by_hand_is_named_after_the_run() -> None:
    assert branch_name("deputy/", "fix-the-build") == "deputy/fix-the-build"


def test_issue_called_main_does_not_work_on_the_branch_main() -> None:
    assert branch_name("deputy/", "main") == "deputy/main"


@given(st.text())
@example("../..")
@example("HEAD")
@example("x.lock")
@example("-" * 200 + "x")
@example("x-" * 100)
def test_every_branch_name_is_valid_bounded_and_deputys_own(subject: str) -> None:
    name = branch_name("deputy/", subject)

    assert name.startswith("deputy/")
    assert len(name) > len("deputy/")
    assert not FORBIDDEN.search(name)
    assert len(name) <= MAX_BRANCH
    assert branch_name("deputy/", subject) == name


@given(st.text(alphabet="ab./-@{~^:lock\\ *?[", max_size=30))
@settings(max_examples=60, deadline=None)
def test_git_itself_takes_every_branch_name(subject: str) -> None:
    name = branch_name("deputy/", subject)

    done = subprocess.run(["git", "check-ref-format", "--branch", name], check=False)

    assert done.returncode == 0


def test_title_begins_with_the_identifier_and_is_one_bounded_line() -> None:
    words = "one\ntwo\u2028three " + "x" * 500

    title = pull_request_title(CompletedWork("uid", "run", "", identifier="ENG-1", title=words))

    assert pull_request_title(WORK) == "ENG-123: Prices are rounded down"
    assert title.startswith("ENG-1: one two three xxx")
    assert len(title) == MAX_TITLE


def test_title_of_a_run_made_by_hand_is_the_first_line_of_its_prompt_or_its_name() -> None:
    asked = CompletedWork("uid", "nightly", "", task="\n Update the lock file \nand test it")

    assert pull_request_title(asked) == "Update the lock file"
    assert pull_request_title(CompletedWork("uid", "nightly", "")) == "nightly"


def test_body_holds_the_summary_the_issue_and_the_mark() -> None:
    assert pull_request_body(WORK) == (
        "```text\nFixed the rounding.\n```\n\n"
        "Fixes [ENG-123](https://linear.app/acme/issue/ENG-123)\n\n"
        "Made by Deputy in run `linear-abc-1`.\n\n"
        "<!-- deputy-run: uid-1 -->\n"
    )


def test_body_of_a_silent_run_made_by_hand_holds_the_run_and_the_mark() -> None:
    body = pull_request_body(CompletedWork("uid-1", "nightly", "  \n"))

    assert body == "Made by Deputy in run `nightly`.\n\n<!-- deputy-run: uid-1 -->\n"


@given(st.text(alphabet="`~a\n@#<!-> \u200b", max_size=200))
def test_summary_never_leaves_its_fence(summary: str) -> None:
    lines = pull_request_body(CompletedWork("uid-1", "nightly", summary)).split("\n")

    fence = lines[0].removesuffix("text")
    if fence != lines[0] and set(fence) == {"`"}:
        assert [number for number, line in enumerate(lines) if line.startswith(fence)] == [
            0,
            len(lines) - 6,
        ]


def test_summary_is_bounded_and_its_long_lines_are_broken() -> None:
    body = pull_request_body(CompletedWork("uid-1", "nightly", "word " * 10_000))

    assert len(body) < MAX_SUMMARY + 200
    assert max(len(line) for line in body.split("\n")) <= 100


def test_address_that_is_none_is_not_made_a_link() -> None:
    odd = CompletedWork("uid", "run", "", identifier="ENG-1", title="x", url="javascript:alert(1)")

    assert "Fixes ENG-1\n" in pull_request_body(odd)
