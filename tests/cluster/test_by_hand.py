"""A run that somebody makes with `kubectl create`, without any tracker."""

import base64
import gzip
from unittest.mock import ANY

import pytest

from deputy.kube import resources
from tests.cluster.blueprints import shell
from tests.cluster.conftest import Place
from tests.cluster.runs import conditions_of
from tests.conftest import Kubectl

pytestmark = pytest.mark.cluster


async def test_a_run_made_by_hand_runs_its_agent_and_succeeds(
    place: Place, kubectl: Kubectl
) -> None:
    script = 'echo starting; sleep 1; cat "$DEPUTY_PROMPT_FILE"; echo; echo done >&2'
    await place.blueprint(shell(script), linear=False)

    name = await place.objects.start(place.name, "Say hello")
    run = await place.objects.run_until_over(name)

    assert conditions_of(run) == {
        "Admitted": ("True", "Admitted"),
        "WorkspaceReady": ("True", "WorkspaceReady"),
        "Succeeded": ("True", "Completed"),
        "Finished": ("True", "Completed"),
    }
    assert run["status"] == {
        "observedGeneration": 1,
        "phase": "Succeeded",
        "reason": "Completed",
        "message": "the agent finished",
        "response": "starting\nSay hello",
        "conditions": ANY,
        "queuePosition": 0,
        "priority": 0,
        "attempt": 1,
        "podName": f"{name}-1",
        "branch": "",
        "sessions": [],
        "inbox": {"deliveredThrough": "task-1"},
        "blueprint": {"generation": 1, "hash": ANY, "linear": ANY},
        "startTime": ANY,
        "completionTime": ANY,
    }
    words = kubectl("get", "run", name, "-n", place.deputy.namespace, "--no-headers").split()
    assert words[:4] == [name, place.name, "Succeeded", "Completed"]


async def test_a_finished_run_keeps_its_log_and_leaves_no_pod(place: Place) -> None:
    await place.blueprint(shell("echo to stdout; echo to stderr >&2"), linear=False)
    name = await place.objects.start(place.name, "Say hello")

    run = await place.objects.run_until_over(name)

    kept = await place.objects.kube.get(
        resources.configmaps(place.deputy.namespace),
        labelSelector=f"deputy.dev/run={run['metadata']['uid']}",
    )
    (log,) = kept["items"]
    (owner,) = log["metadata"]["ownerReferences"]
    assert owner["uid"] == run["metadata"]["uid"]
    texts = {
        key: gzip.decompress(base64.b64decode(text)).decode()
        for key, text in log["binaryData"].items()
    }
    assert texts["agent.log.gz"] == "to stderr\n"
    await place.objects.until_no_pod(run)


async def test_a_run_is_stopped_by_its_desired_state(place: Place, kubectl: Kubectl) -> None:
    await place.blueprint(shell("echo I begin; sleep 600"), linear=False)
    name = await place.objects.start(place.name, "Take your time")
    await place.objects.run_until(name, "Running")

    patch = '{"spec":{"desiredState":"Stopped"}}'
    kubectl("patch", "run", name, "-n", place.deputy.namespace, "--type=merge", "-p", patch)

    run = await place.objects.run_until_over(name)
    assert (run["status"]["phase"], run["status"]["reason"]) == ("Stopped", "StoppedByUser")
    await place.objects.until_no_pod(run)


async def test_a_raised_attempt_begins_anew_in_a_fresh_workspace(
    place: Place, kubectl: Kubectl
) -> None:
    script = "test -e old && echo old || echo fresh; touch old; sleep 600"
    await place.blueprint(shell(script), linear=False)
    name = await place.objects.start(place.name, "Take your time")
    await place.objects.run_until(name, "Running")

    patch = '{"spec":{"attempt":2}}'
    kubectl("patch", "run", name, "-n", place.deputy.namespace, "--type=merge", "-p", patch)

    run = await place.objects.run_until_attempt(name, 2)
    (pod,) = await place.objects.pods_until(run, lambda there: set(there) == {f"{name}-2"})
    assert pod["metadata"]["name"] == f"{name}-2"
    await place.objects.run_until(name, "Running")
