"""Facts of the status that is written: whole, and never an illegal move."""

import datetime as dt
from typing import Any

import pytest

from deputy.api.agentrun import AgentRun
from deputy.api.facts import outcome_of
from deputy.api.meta import micro_timestamp, timestamp
from deputy.controller.status import concluded, finished, moved
from deputy.core.outcome import RunOutcome
from deputy.core.phase import TERMINAL, TRANSITIONS, IllegalMove, Phase
from deputy.core.reason import RunReason

EARLY = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
NOW = EARLY + dt.timedelta(minutes=5)
STOPPED = RunOutcome(RunReason.STOPPED_BY_USER, "stopped, as asked", "Stopped, as asked.")


def run(status: dict[str, Any] | None = None) -> AgentRun:
    return AgentRun.model_validate(
        {
            "metadata": {"name": "linear-abc-1", "uid": "uid-1", "generation": 3},
            "spec": {"blueprintRef": {"name": "api"}, "prompt": "Fix it."},
            "status": status or {},
        }
    )


def running() -> AgentRun:
    admitted = moved(run(), Phase.CLAIMED, RunReason.ADMITTED, "has a slot", EARLY)
    launched = moved(run(admitted), Phase.LAUNCHING, RunReason.POD_CREATED, "starts", EARLY)
    return run(moved(run(launched), Phase.RUNNING, RunReason.WORKING, "works", EARLY))


def awaiting() -> AgentRun:
    status = moved(running(), Phase.AWAITING_INPUT, RunReason.AWAITING_ANSWER, "waits", EARLY)
    return run(status)


def test_a_status_tells_phase_reason_message_and_all_conditions() -> None:
    status = moved(run(), Phase.QUEUED, RunReason.WAITING_FOR_SLOT, "number 2", NOW)

    def condition(name: str, status: str, message: str) -> dict[str, Any]:
        return {
            "type": name,
            "status": status,
            "observedGeneration": 3,
            "lastTransitionTime": "2026-11-21T12:05:00Z",
            "reason": "WaitingForSlot",
            "message": message,
        }

    assert status == {
        "observedGeneration": 3,
        "phase": "Queued",
        "reason": "WaitingForSlot",
        "message": "number 2",
        "conditions": [
            condition("Admitted", "False", "number 2"),
            condition("WorkspaceReady", "Unknown", "the workspace does not answer yet"),
            condition("Succeeded", "Unknown", "number 2"),
            condition("Finished", "False", "not over"),
        ],
    }


def test_a_condition_keeps_the_time_of_its_last_change() -> None:
    status = concluded(running(), STOPPED, NOW)

    assert {c["type"]: c["lastTransitionTime"] for c in status["conditions"]} == {
        "Admitted": "2026-11-21T12:00:00Z",
        "WorkspaceReady": "2026-11-21T12:00:00Z",
        "Succeeded": "2026-11-21T12:05:00Z",
        "Finished": "2026-11-21T12:00:00Z",
    }


def test_a_decided_end_is_recorded_before_the_phase_tells_it() -> None:
    status = concluded(running(), STOPPED, NOW)

    assert (status["phase"], status["reason"], status["response"]) == (
        "Running",
        "StoppedByUser",
        "Stopped, as asked.",
    )
    assert outcome_of(run(status)) == STOPPED


def test_a_run_whose_end_is_decided_awaits_no_answer_any_more() -> None:
    assert awaiting().status.phase is Phase.AWAITING_INPUT
    assert concluded(awaiting(), STOPPED, NOW)["phase"] == "Running"


def test_a_finished_run_tells_its_end_and_when() -> None:
    decided = run(concluded(running(), STOPPED, NOW))

    status = finished(decided, STOPPED, NOW)

    assert (status["phase"], status["completionTime"], status["queuePosition"]) == (
        "Stopped",
        "2026-11-21T12:05:00Z",
        0,
    )
    assert outcome_of(run(status)) == STOPPED


@pytest.mark.parametrize("made", [run, running, awaiting], ids=["queued", "running", "awaiting"])
def test_the_end_of_a_run_that_goes_on_is_open(made: Any) -> None:
    assert outcome_of(made()) is None


def test_the_model_reads_back_every_status_that_is_written() -> None:
    status = run(finished(running(), STOPPED, NOW)).status

    assert status.phase is Phase.STOPPED
    assert [condition.type for condition in status.conditions] == [
        "Admitted",
        "WorkspaceReady",
        "Succeeded",
        "Finished",
    ]


@pytest.mark.parametrize("phase", sorted(TERMINAL))
def test_a_run_that_is_over_is_never_written_into_another_phase(phase: Phase) -> None:
    over = run({"phase": phase})

    for other in set(Phase) - {phase}:
        with pytest.raises(IllegalMove):
            moved(over, other, RunReason.WORKING, "works", NOW)


def test_a_run_that_never_worked_cannot_be_recorded_as_done() -> None:
    done = RunOutcome(RunReason.COMPLETED, "the agent finished", "Done.")

    with pytest.raises(IllegalMove):
        concluded(run(), done, NOW)
    assert Phase.SUCCEEDED not in TRANSITIONS[Phase.QUEUED]


def test_times_are_written_as_kubernetes_writes_them() -> None:
    moment = dt.datetime(2026, 11, 21, 13, 0, 0, 123456, tzinfo=dt.timezone(dt.timedelta(hours=1)))

    assert timestamp(moment) == "2026-11-21T12:00:00Z"
    assert micro_timestamp(moment) == "2026-11-21T12:00:00.123456Z"
