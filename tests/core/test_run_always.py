"""Facts of the decision that hold whatever is seen of a run."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from deputy.core.action import (
    Conclude,
    CreatePod,
    DeletePod,
    DeleteRun,
    MoveTo,
    OpenPullRequest,
)
from deputy.core.admission import NO_SLOT, Slot
from deputy.core.observed import BlueprintState, Observed, PodSeen, PullRequestSeen
from deputy.core.phase import ACTIVE, TERMINAL, TRANSITIONS, Phase
from deputy.core.pod_delay import PodDelay, PodObstacle
from deputy.core.reason import RunReason
from deputy.core.run import POD_GRACE, SAVED_GRACE, decide
from deputy.wire import Outcome
from tests.core.observed import ENDING, GRANTED, HOUR, NOW, PROBLEM, report

problems = st.sampled_from([None, PROBLEM])
pods = st.none() | st.builds(
    PodSeen,
    attempt=st.integers(1, 2),
    deleting=st.booleans(),
    over=st.booleans(),
    overdue=st.booleans(),
    abandoned=st.booleans(),
    grace=st.none() | st.sampled_from([SAVED_GRACE, POD_GRACE]),
    serving_since=st.none() | st.integers(0, 7200).map(lambda ago: NOW - dt.timedelta(seconds=ago)),
    problem=problems,
)
moments = st.none() | st.integers(0, 7200).map(lambda ago: NOW - dt.timedelta(seconds=ago))
reports = st.none() | st.builds(
    report, st.sampled_from(Outcome), commits=st.integers(0, 1), head_sha=st.sampled_from(["", "a"])
)
anything = st.builds(
    Observed,
    now=st.just(NOW),
    phase=st.sampled_from(Phase),
    created=st.just(NOW - HOUR),
    attempt=st.integers(1, 2),
    status_attempt=st.integers(1, 2),
    has_issue=st.booleans(),
    has_repository=st.booleans(),
    stop_wanted=st.booleans(),
    started=moments,
    completed=moments,
    blueprint=st.sampled_from(BlueprintState),
    acknowledged=st.booleans(),
    issue_read=st.booleans(),
    refusal=problems,
    slot=st.sampled_from([NO_SLOT, GRANTED, Slot(granted=False, position=1)]),
    pod=pods,
    pod_delay=st.none()
    | st.builds(
        PodDelay,
        st.just(PodObstacle(RunReason.QUOTA_EXCEEDED, "no room")),
        since=st.just(NOW - HOUR),
        retry_at=st.integers(-60, 60).map(lambda left: NOW + dt.timedelta(seconds=left)),
    ),
    delay_noted=st.booleans(),
    last_contact=moments,
    connected=st.booleans(),
    awaiting=st.booleans(),
    stop_asked=moments,
    report=reports,
    pull_request=st.none() | st.just(PullRequestSeen("https://forge/pr/1", 1, "a")),
    pull_request_problem=problems,
    outcome=st.sampled_from([None, ENDING]),
    log_saved=st.booleans(),
    notified=st.booleans(),
    queue_noted=st.booleans(),
)


@given(anything)
def test_deciding_twice_on_the_same_facts_gives_the_same_plan(facts: Observed) -> None:
    assert decide(facts) == decide(facts)


@given(anything)
def test_nothing_is_ever_left_without_something_to_do_or_a_time_to_look_again(
    facts: Observed,
) -> None:
    plan = decide(facts)

    assert plan.actions or plan.requeue_after
    assert plan.requeue_after is None or plan.requeue_after > dt.timedelta()


@given(anything)
def test_no_pod_is_made_for_a_run_without_a_slot(facts: Observed) -> None:
    actions = decide(facts).actions

    assert facts.phase in ACTIVE or CreatePod() not in actions
    assert not (CreatePod() in actions and facts.outcome is not None)


@given(anything)
def test_a_run_that_is_over_only_loses_its_pod_and_in_time_itself(facts: Observed) -> None:
    if facts.phase in TERMINAL:
        assert set(decide(facts).actions) <= {DeletePod(POD_GRACE), DeleteRun()}


@given(anything)
def test_no_pull_request_is_opened_once_a_stop_is_wanted(facts: Observed) -> None:
    if facts.stop_wanted:
        assert OpenPullRequest() not in decide(facts).actions


@given(anything)
def test_no_stop_is_concluded_while_a_sidecar_may_still_save(facts: Observed) -> None:
    cut_short = facts.stop_wanted or (facts.started or NOW) + facts.timeout <= NOW
    may_save = facts.pod is not None and not facts.pod.is_silenced and facts.report is None
    if cut_short and may_save and facts.phase in ACTIVE:
        assert not any(isinstance(action, Conclude) for action in decide(facts).actions)


@given(anything)
def test_a_decided_end_is_never_decided_anew(facts: Observed) -> None:
    if facts.outcome is not None:
        told = [action for action in decide(facts).actions if isinstance(action, Conclude)]
        assert told == []


@given(anything)
def test_every_conclusion_is_a_legal_move(facts: Observed) -> None:
    ends = [
        action.outcome.phase for action in decide(facts).actions if isinstance(action, Conclude)
    ]
    moves = [action.phase for action in decide(facts).actions if isinstance(action, MoveTo)]

    assert set(ends) | set(moves) <= TRANSITIONS[facts.phase]
