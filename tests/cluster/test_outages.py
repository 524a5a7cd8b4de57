"""What everything stands on goes away in mid-run and comes back: every run ends, told once."""

import asyncio
import datetime as dt
import pathlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager

import pytest

from deputy.kube import resources
from dev.cluster.processes import Record
from tests.cluster import machine
from tests.cluster.conftest import Place
from tests.cluster.linear import Linear
from tests.cluster.numbered import (
    SCRIPT,
    TOLD,
    Started,
    assert_told_as_far_as_it_came,
    prepare,
    start,
    undisturbed,
)
from tests.cluster.replicas import Replicas
from tests.cluster.runs import Objects

pytestmark = pytest.mark.cluster

MINUTE = 60.0
#: Seconds that something is away: the subject of its test, and nothing that is waited for.
AWAY = 10.0
#: Where the simulated Linear listens.
PORT = 8080
#: Seconds until everybody must have noticed that what was away is back, and caught up.
PATIENCE = 150.0


@pytest.fixture
async def operators(objects: Objects) -> AsyncIterator[Replicas]:
    """The operator's replicas; afterwards there are two again that nothing has happened to."""
    replicas = Replicas(objects, "operator")
    await replicas.refresh()
    yield replicas
    await replicas.scale(2)
    await replicas.refresh()


@pytest.fixture
async def impatient(linear: Linear) -> AsyncIterator[Linear]:
    """A Linear that delivers again soon; afterwards it has no faults."""
    before = (await linear.see("webhook"))["retryDelays"]
    await linear.do("webhook", retryDelays=[1, 2, 2, 4, 4, 8])
    yield linear
    await linear.do("webhook", retryDelays=before)
    await linear.clear_faults()


async def works(place: Place) -> Started:
    """Return a run whose agent has begun to work."""
    started = await start(place)
    await place.linear.until_said(started.session, "step 1")
    return started


async def assert_undisturbed(*runs: Started) -> None:
    """Each of the runs ends as if nothing had been."""
    for started in runs:
        seen = await started.over(PATIENCE)
        assert await started.outcome(seen) == undisturbed(seen), seen.story()


async def test_linear_may_fail_for_a_minute(place: Place, impatient: Linear) -> None:
    await prepare(place)
    before = await works(place)
    # The first answers are lost after the deed, which is the harder half.
    lost = {"kind": "lost", "status": 502, "seconds": MINUTE / 4}
    refused = {"kind": "status", "status": 503, "seconds": MINUTE}
    await impatient.do("faults", requests=[lost, refused])

    meanwhile = await start(place)

    await assert_undisturbed(before, meanwhile)


async def until_services_follow(objects: Objects) -> None:
    """Return once a new Service leads to its pods.

    kube-proxy takes up to a minute until it follows an API server that was away; until then a
    leader that has just changed cannot be reached by anybody.
    """
    folder = f"/api/v1/namespaces/{objects.namespace}/services"
    known = (await objects.kube.get(f"{folder}/linear"))["spec"]
    spec = {"selector": known["selector"], "ports": [{"port": PORT}]}
    body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "new"}, "spec": spec}
    address = (await objects.kube.create(folder, body))["spec"]["clusterIP"]
    try:
        async with asyncio.timeout(PATIENCE):
            while not await answers(address):  # noqa: ASYNC110  nobody tells when rules are set
                await asyncio.sleep(0.2)
    finally:
        await objects.kube.delete(f"{folder}/new")


async def answers(address: str) -> bool:
    """Say whether a connection comes about within a second."""
    try:
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection(address, PORT)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


@pytest.mark.parametrize("away", [machine.frozen, machine.gone], ids=["frozen", "gone"])
async def test_the_api_server_may_be_away_for_ten_seconds(
    away: Callable[[Record], AbstractContextManager[None]],
    place: Place,
    impatient: Linear,
    operators: Replicas,
    kubeconfig: pathlib.Path,
) -> None:
    await prepare(place)
    record = machine.api_server(kubeconfig)
    before = await works(place)
    issue = await place.issue(SCRIPT)

    with away(record):
        session = await impatient.delegate(issue)
        await asyncio.sleep(AWAY)

    run = await place.objects.run_of_soon(await impatient.issue(issue))
    await assert_undisturbed(before, Started(place, session, run))
    (delivery,) = await impatient.deliveries(session)
    first, *_, last = (attempt["status"] for attempt in delivery["attempts"])
    assert (first, last) == (503, 200)
    await operators.until_led(dt.datetime.now(dt.UTC))
    await until_services_follow(place.objects)


async def test_a_leader_that_was_frozen_finds_another_one_and_does_no_harm(
    place: Place, operators: Replicas
) -> None:
    await prepare(place)
    before = await works(place)
    leader = operators.process(await operators.leader())

    with leader.frozen():
        await operators.until_led(dt.datetime.now(dt.UTC))
        meanwhile = await works(place)

    await assert_undisturbed(before, meanwhile)


async def test_the_operator_may_be_away(place: Place, operators: Replicas) -> None:
    await prepare(place)
    before = await works(place)

    await operators.scale(0)
    meanwhile = await start(place)
    await asyncio.sleep(AWAY / 2)
    await operators.scale(2)

    await assert_undisturbed(before, meanwhile)


TAKEN_AWAY = (
    "This did not work: the workspace was ended from outside (a node was drained, or its pod was "
    "deleted). The work so far is on branch `{branch}` (`{sha}`). To try again, reply here or "
    "delegate the issue anew."
)
LOST = (
    "This did not work: the workspace's pod disappeared before the agent was done; look at the "
    "node's and the namespace's events. To try again, reply here or delegate the issue anew."
)
DELETED = (
    "Stopped: its AgentRun `{run}` was deleted. To try again, reply here or delegate the issue "
    "anew."
)


async def delete_pod(started: Started, **how: int) -> None:
    """Delete the pod of a run."""
    (pod,) = await started.place.objects.pods_of(started.run)
    path = resources.pods(pod["metadata"]["namespace"], pod["metadata"]["name"])
    await started.place.objects.kube.delete(path, **how)


async def test_a_pod_that_is_deleted_by_hand_saves_its_work_and_names_the_branch(
    place: Place,
) -> None:
    await prepare(place)
    started = await works(place)

    await delete_pod(started)

    seen = await started.over()
    outcome = await started.outcome(seen)
    run = await place.objects.run(started.run["metadata"]["name"])
    branch = run["status"]["branch"]
    sha = (await place.forge.repository(place.repository))["branches"][branch]
    assert seen.closing == [("error", TAKEN_AWAY.format(branch=branch, sha=sha[:10]))]
    assert (outcome.phase, outcome.reason) == ("Failed", "PodEvicted")
    assert_told_as_far_as_it_came(outcome)


async def test_a_pod_that_is_lost_ends_its_run_with_the_reason(place: Place) -> None:
    await prepare(place)
    started = await works(place)

    await delete_pod(started, gracePeriodSeconds=0)

    seen = await started.over()
    outcome = await started.outcome(seen)
    assert seen.closing == [("error", LOST)]
    assert (outcome.phase, outcome.reason) == ("Failed", "PodDisappeared")


async def test_a_live_run_that_is_deleted_says_a_closing_word(place: Place) -> None:
    await prepare(place)
    started = await works(place)
    name = started.run["metadata"]["name"]

    await place.objects.kube.delete(resources.agentruns(place.deputy.namespace, name))

    seen = await started.over()
    await place.objects.until_no_pod(started.run)
    later = await place.linear.session(started.session)
    assert seen.closing == [("response", DELETED.format(run=name))]
    assert later.told() == seen.told()
    assert later.told()[:-1] == TOLD[: len(later.told()) - 1]
