"""Facts of pods: what a status of the API server means for the run."""

import datetime as dt
from typing import Any

import pytest

from deputy.core.observed import PodSeen
from deputy.core.outcome import Problem
from deputy.core.reason import RunReason
from deputy.workspace.status import (
    MAX_RESTARTS,
    PULL_TIMEOUT,
    SCHEDULE_TIMEOUT,
    pod_seen,
    stuck_containers,
)

CREATED = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
LONG = SCHEDULE_TIMEOUT + SECOND
GOOD = PodSeen(attempt=1)


def pod(phase: str = "Running", metadata: dict[str, Any] | None = None, **status: Any) -> Any:
    return {
        "metadata": {
            "name": "linear-abc-1-1",
            "creationTimestamp": "2026-11-21T12:00:00Z",
            "annotations": {"deputy.dev/attempt": "1"},
        }
        | (metadata or {}),
        "status": {"phase": phase} | status,
    }


def container(name: str, state: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return {
        "name": name,
        "image": "localhost/agent:1",
        "ready": False,
        "restartCount": 0,
        "state": state,
    } | facts


def waiting(name: str, reason: str, message: str = "", **facts: Any) -> dict[str, Any]:
    told = {"reason": reason} | ({"message": message} if message else {})
    return container(name, {"waiting": told}, **facts)


def ended(name: str, code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    told = {"exitCode": code, "reason": reason} | ({"message": message} if message else {})
    return container(name, {"terminated": told})


def running(name: str) -> dict[str, Any]:
    return container(name, {"running": {"startedAt": "2026-11-21T12:00:05Z"}}, ready=True)


def seen(manifest: Any, age: dt.timedelta = LONG) -> PodSeen:
    """What is seen of a pod that was as it is from its creation on."""
    return pod_seen(manifest, CREATED + age, stuck_containers(manifest, {}, CREATED))


def problem_of(manifest: Any, age: dt.timedelta = LONG) -> Problem:
    problem = seen(manifest, age).problem
    assert problem is not None
    return problem


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (pod("Pending"), GOOD),
        ({"metadata": pod()["metadata"]}, GOOD),
        (
            pod(
                initContainerStatuses=[ended("prepare", 0, "Completed"), running("status-sync")],
                containerStatuses=[running("agent")],
            ),
            PodSeen(attempt=1, serving_since=CREATED + 5 * SECOND),
        ),
        (
            pod(
                "Pending",
                initContainerStatuses=[waiting("prepare", "PodInitializing")],
                containerStatuses=[waiting("agent", "PodInitializing")],
            ),
            GOOD,
        ),
        (
            pod(metadata={"deletionTimestamp": "2026-11-21T12:00:30Z"}),
            PodSeen(attempt=1, deleting=True, overdue=True, abandoned=True),
        ),
        (pod("Succeeded"), PodSeen(attempt=1, over=True)),
        (pod(metadata={"annotations": {"deputy.dev/attempt": "3"}}), PodSeen(attempt=3)),
        (pod(metadata={"annotations": None}), GOOD),
    ],
    ids=[
        "pending",
        "no status yet",
        "running",
        "preparing",
        "deleting",
        "succeeded",
        "third attempt",
        "no annotations",
    ],
)
def test_a_pod_without_trouble_is_seen_as_it_is(manifest: Any, expected: PodSeen) -> None:
    assert seen(manifest) == expected


@pytest.mark.parametrize(("seconds", "overdue"), [(30, False), (50, False), (51, True)])
def test_a_deleted_pod_is_overdue_where_a_quota_stops_to_count_it(
    seconds: int, *, overdue: bool
) -> None:
    deleted = {
        "deletionTimestamp": "2026-11-21T12:00:30Z",
        "deletionGracePeriodSeconds": 20,
    }
    looked = seen(pod("Running", metadata=deleted), dt.timedelta(seconds=seconds))

    assert (looked.deleting, looked.overdue, looked.grace) == (True, overdue, 20 * SECOND)


@pytest.mark.parametrize(("grace", "seconds"), [(0, 10), (1, 11), (20, 30)])
def test_a_deleted_pod_is_abandoned_ten_seconds_after_its_time(grace: int, seconds: int) -> None:
    deleted = {
        "deletionTimestamp": "2026-11-21T12:00:30Z",
        "deletionGracePeriodSeconds": grace,
    }
    running = pod("Running", metadata=deleted)

    assert not seen(running, dt.timedelta(seconds=30 + seconds)).abandoned
    assert seen(running, dt.timedelta(seconds=31 + seconds)).abandoned


def test_an_image_has_its_time_from_when_it_was_first_seen_not_to_come() -> None:
    pulling = pod("Pending", containerStatuses=[waiting("agent", "ContainerCreating")])
    failing = pod("Pending", containerStatuses=[waiting("agent", "ErrImagePull")])
    later = pod("Pending", containerStatuses=[waiting("agent", "ImagePullBackOff")])
    moments = [CREATED + dt.timedelta(minutes=3) + PULL_TIMEOUT * n for n in (0, 1, 2)]

    problems, since = [], stuck_containers(pulling, {}, CREATED)
    for moment, body in zip(moments, (failing, later, failing), strict=True):
        since = stuck_containers(body, since, moment)
        problems.append(pod_seen(body, moment, since).problem)

    assert problems[:2] == [None, None]
    assert problems[2] is not None
    assert stuck_containers(pulling, since, moments[2]) == {}


def test_a_sidecar_should_be_heard_from_when_its_container_runs() -> None:
    begun = [ended("prepare", 0, "Completed"), running("status-sync")]
    waits = [ended("prepare", 0, "Completed"), waiting("status-sync", "CrashLoopBackOff")]

    assert seen(pod(initContainerStatuses=begun)).serving_since == CREATED + 5 * SECOND
    assert seen(pod(initContainerStatuses=waits)).serving_since is None


PULLS = ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "RegistryUnavailable"]


@pytest.mark.parametrize("reason", PULLS)
def test_an_image_that_does_not_come_fails_the_run_after_half_a_minute(reason: str) -> None:
    said = 'Back-off pulling image "localhost/agent:1": not found'
    manifest = pod("Pending", containerStatuses=[waiting("agent", reason, said)])

    assert seen(manifest, PULL_TIMEOUT) == GOOD
    assert problem_of(manifest, PULL_TIMEOUT + SECOND) == Problem(
        RunReason.IMAGE_PULL_FAILED,
        f"image `localhost/agent:1` cannot be pulled ({said}); correct `spec.agent.image` of the "
        "Blueprint, or give the namespace the pull secret that it needs.",
    )


def test_an_image_that_is_no_image_fails_the_run_at_once() -> None:
    manifest = pod("Pending", containerStatuses=[waiting("agent", "InvalidImageName")])

    assert problem_of(manifest, dt.timedelta()).reason is RunReason.IMAGE_PULL_FAILED


@pytest.mark.parametrize(
    "reason", ["CreateContainerConfigError", "CreateContainerError", "RunContainerError"]
)
def test_a_container_that_cannot_be_created_fails_the_run_with_the_kubelets_words(
    reason: str,
) -> None:
    manifest = pod(
        "Pending", containerStatuses=[waiting("agent", reason, 'secret "key" not found')]
    )

    assert seen(manifest, PULL_TIMEOUT) == GOOD
    assert problem_of(manifest) == Problem(
        RunReason.POD_REFUSED,
        'container `agent` cannot be created (secret "key" not found); correct `spec.agent` of '
        "the Blueprint.",
    )


def test_a_sidecar_that_restarts_is_given_many_chances() -> None:
    def crashing(restarts: int) -> Any:
        sidecar = waiting("status-sync", "CrashLoopBackOff", "back-off", restartCount=restarts)
        return pod(initContainerStatuses=[sidecar], containerStatuses=[running("agent")])

    assert seen(crashing(MAX_RESTARTS)) == GOOD
    assert problem_of(crashing(MAX_RESTARTS + 1)).reason is RunReason.AGENT_LOST


def test_a_pod_that_no_node_takes_fails_the_run_after_a_quarter_of_an_hour() -> None:
    said = "0/3 nodes are available: 3 Insufficient memory."
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": said,
    }
    manifest = pod("Pending", conditions=[condition])

    assert seen(manifest, SCHEDULE_TIMEOUT) == GOOD
    assert problem_of(manifest) == Problem(
        RunReason.UNSCHEDULABLE,
        f"no node takes the workspace ({said}); ask for less in `spec.workspace.resources` of "
        "the Blueprint, or add nodes.",
    )


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (
            {"reason": "Evicted", "message": "ephemeral-storage"},
            RunReason.POD_EVICTED,
            "ephemeral-storage",
        ),
        ({"reason": "DeadlineExceeded"}, RunReason.TIMED_OUT, "time limit"),
        (
            {"initContainerStatuses": [ended("prepare", 1, message="cannot clone acme/api")]},
            RunReason.PREPARE_FAILED,
            "could not be prepared: cannot clone acme/api",
        ),
        (
            {"initContainerStatuses": [ended("prepare", 137, "OOMKilled")]},
            RunReason.PREPARE_FAILED,
            "exit code 137, for want of memory; raise that of `prepare` in `spec.workspace.pod",
        ),
        (
            {
                "initContainerStatuses": [
                    ended("prepare", 0, "Completed"),
                    ended("status-sync", 143),
                    ended("setup", 2, message="make: no rule"),
                ]
            },
            RunReason.SETUP_FAILED,
            "`spec.workspace.setupCommand` of the Blueprint failed: make: no rule",
        ),
        (
            {"containerStatuses": [ended("agent", 137, "OOMKilled")]},
            RunReason.OOM_KILLED,
            "spec.workspace.resources.limits.memory",
        ),
        (
            {
                "initContainerStatuses": [ended("status-sync", 137, "OOMKilled")],
                "containerStatuses": [ended("agent", 137)],
            },
            RunReason.AGENT_KILLED,
            "killed from outside (SIGKILL)",
        ),
        (
            {"containerStatuses": [ended("agent", 0, "Completed"), ended("postgres", 1)]},
            RunReason.AGENT_LOST,
            "no reason given",
        ),
        ({"message": "Pod was terminated"}, RunReason.AGENT_LOST, "Pod was terminated"),
    ],
    ids=[
        "evicted",
        "deadline",
        "prepare failed",
        "prepare out of memory",
        "setup failed",
        "agent out of memory",
        "agent killed",
        "another container failed",
        "node shut down",
    ],
)
def test_a_pod_that_failed_says_why(status: Any, reason: RunReason, words: str) -> None:
    pod_seen_now = seen(pod("Failed", **status))

    assert pod_seen_now.over
    assert pod_seen_now.problem is not None
    assert pod_seen_now.problem.reason is reason
    assert words in pod_seen_now.problem.message


def test_an_agents_container_that_was_killed_is_seen_while_its_pod_still_saves() -> None:
    killed = seen(pod(containerStatuses=[ended("agent", 137)])).killed
    starved = seen(pod(containerStatuses=[ended("agent", 137, "OOMKilled")])).killed

    assert killed is not None
    assert starved is not None
    assert (killed.reason, starved.reason) == (RunReason.AGENT_KILLED, RunReason.OOM_KILLED)


@pytest.mark.parametrize(
    "manifest",
    [
        pod(containerStatuses=[running("agent")]),
        pod(containerStatuses=[ended("agent", 143)]),
        pod(
            metadata={"deletionTimestamp": "2026-11-21T12:00:30Z"},
            containerStatuses=[ended("agent", 137)],
        ),
        pod("Failed", reason="Terminated", containerStatuses=[ended("agent", 137)]),
    ],
    ids=["running", "asked to go", "pod deleted", "node shut down"],
)
def test_an_agents_container_that_was_not_killed_is_not_called_so(manifest: Any) -> None:
    assert seen(manifest).killed is None


def test_only_the_end_of_a_long_message_is_kept() -> None:
    long = ended("prepare", 1, message="x" * 4000 + " the end")
    problem = problem_of(pod("Failed", initContainerStatuses=[long]))

    assert problem.message.endswith("the end")
    assert len(problem.message) < 600
