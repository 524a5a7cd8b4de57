"""Facts of what the operator itself tells: the start, the wait and the end."""

import pytest

from deputy.core.notifications import (
    Recipients,
    closing,
    end,
    keep_alive,
    progress,
    start,
    waiting,
)
from deputy.core.outcome import RunOutcome
from deputy.core.phase import Phase
from deputy.core.reason import RunReason
from deputy.trackers.updates import (
    AddLinks,
    ChangeIssue,
    Failure,
    PostActivity,
    PostComment,
    Priority,
    Response,
    SessionLink,
    SetPlan,
)
from deputy.wire import Step, StepStatus, Thought, stable_id

RECIPIENTS = Recipients(
    run_uid="uid-1",
    run_name="linear-abc-1",
    issue_id="issue-1",
    session="first",
    sessions=("first", "second"),
    app_user_id="deputy",
    in_progress="state-progress",
    in_review="state-review",
    needs_human="state-human",
    has_repository=True,
)
PLAIN = Recipients("uid-1", "linear-abc-1", "issue-1", "first", ("first",))
OPENED = RunOutcome(RunReason.PULL_REQUEST_OPENED, "pull request https://forge/pr/1", "Fixed.")
FAILED = RunOutcome(RunReason.OOM_KILLED, "too little memory", "This did not work.")
STOPPED = RunOutcome(RunReason.STOPPED_BY_USER, "stopped, as asked", "Stopped, as asked.")


def test_the_start_sets_delegate_and_state_and_shows_the_plan() -> None:
    assert start(RECIPIENTS) == (
        ChangeIssue("issue-1", state_id="state-progress", delegate_id="deputy", session_id="first"),
        SetPlan(
            "first",
            (
                Step("Read the issue", StepStatus.COMPLETED),
                Step("Set up the workspace", StepStatus.IN_PROGRESS),
                Step("Run the agent", StepStatus.PENDING),
                Step("Open the pull request", StepStatus.PENDING),
            ),
        ),
    )


def test_what_is_not_known_of_an_issue_is_left_as_it_is() -> None:
    assert start(PLAIN)[0] == ChangeIssue("issue-1", session_id="first")


def test_every_session_is_told_why_its_run_waits() -> None:
    updates = waiting(RECIPIENTS, "number 2")

    assert updates == tuple(
        PostActivity(
            session,
            stable_id("uid-1", f"queued/{session}"),
            Thought("Not started yet: number 2. It starts by itself; send `/stop` to withdraw it."),
            Priority.NORMAL,
        )
        for session in ("first", "second")
    )


def test_a_wait_is_told_under_the_same_id_however_often() -> None:
    first, again = waiting(PLAIN, "number 2")[0], waiting(PLAIN, "number 1")[0]

    assert isinstance(first, PostActivity)
    assert isinstance(again, PostActivity)
    assert first.activity_id == again.activity_id


def test_progress_is_the_plan_with_the_agents_steps() -> None:
    agents = (Step("Fix it", StepStatus.IN_PROGRESS),)

    assert progress(RECIPIENTS, Phase.RUNNING, agents) == (
        SetPlan(
            "first",
            (
                Step("Read the issue", StepStatus.COMPLETED),
                Step("Set up the workspace", StepStatus.COMPLETED),
                *agents,
                Step("Open the pull request", StepStatus.PENDING),
            ),
        ),
    )


def test_the_sign_of_life_vanishes_with_the_next_word() -> None:
    (update,) = keep_alive(PLAIN, Phase.RUNNING, 1)

    assert isinstance(update, PostActivity)
    assert update.content == Thought("Still working.", ephemeral=True)
    assert update.priority is Priority.EPHEMERAL


def test_a_good_end_links_moves_to_review_comments_and_closes_last_of_all() -> None:
    updates = end(RECIPIENTS, OPENED, Phase.RUNNING, (), "https://forge/pr/1")

    assert updates == (
        AddLinks("first", (SessionLink("Pull request", "https://forge/pr/1"),)),
        SetPlan(
            "first",
            (
                Step("Read the issue", StepStatus.COMPLETED),
                Step("Set up the workspace", StepStatus.COMPLETED),
                Step("Run the agent", StepStatus.COMPLETED),
                Step("Open the pull request", StepStatus.COMPLETED),
            ),
        ),
        ChangeIssue("issue-1", state_id="state-review", session_id="first"),
        PostComment(
            "issue-1",
            stable_id("uid-1", "audit"),
            "Run `linear-abc-1`: pull request https://forge/pr/1.",
            "first",
        ),
        PostActivity(
            "first", stable_id("uid-1", "end/first"), Response("Fixed."), Priority.TERMINAL
        ),
        PostActivity(
            "second",
            stable_id("uid-1", "end/second"),
            Response("The run that this session had joined is over.\n\nFixed."),
            Priority.TERMINAL,
        ),
    )


def test_a_failure_asks_for_a_person_and_closes_as_an_error() -> None:
    updates = end(RECIPIENTS, FAILED, Phase.RUNNING, (), "")

    assert ChangeIssue("issue-1", state_id="state-human", session_id="first") in updates
    assert [type(u.content) for u in updates if isinstance(u, PostActivity)] == [Failure, Failure]


def test_states_that_the_blueprint_does_not_name_are_left_to_the_comment() -> None:
    updates = end(PLAIN, FAILED, Phase.RUNNING, (), "")

    assert [type(update) for update in updates] == [SetPlan, PostComment, PostActivity]


def test_a_stop_writes_nothing_but_the_plan_and_the_closing_words() -> None:
    updates = end(RECIPIENTS, STOPPED, Phase.RUNNING, (), "")

    assert [type(update) for update in updates] == [SetPlan, PostActivity, PostActivity]


@pytest.mark.parametrize("outcome", [STOPPED, FAILED], ids=["stopped", "failed"])
def test_a_run_that_never_began_leaves_the_issue_as_it_is(outcome: RunOutcome) -> None:
    assert end(RECIPIENTS, outcome, Phase.QUEUED, (), "") == closing(RECIPIENTS, outcome)


def test_every_session_gets_exactly_one_closing_activity() -> None:
    updates = closing(RECIPIENTS, OPENED)

    assert [(one.session_id, one.priority) for one in updates if isinstance(one, PostActivity)] == [
        ("first", Priority.TERMINAL),
        ("second", Priority.TERMINAL),
    ]


@pytest.mark.parametrize("outcome", [STOPPED, FAILED, OPENED], ids=["stopped", "failed", "opened"])
def test_whoever_posts_an_end_posts_it_under_the_same_id(outcome: RunOutcome) -> None:
    ids = [one.activity_id for one in closing(RECIPIENTS, outcome) if isinstance(one, PostActivity)]

    assert ids == [stable_id("uid-1", "end/first"), stable_id("uid-1", "end/second")]
