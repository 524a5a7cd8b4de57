"""Our processes and the agent's are killed in mid-run: every run still ends, told once.

The moments are random but seeded: a moment that finds something finds it again.
"""

import asyncio
import datetime as dt
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.cluster.conftest import Place
from tests.cluster.linear import Linear, Session
from tests.cluster.numbered import (
    LIFE,
    SCRIPT,
    TOLD,
    WORK,
    Outcome,
    Started,
    assert_told_as_far_as_it_came,
    prepare,
    start,
    undisturbed,
)
from tests.cluster.processes import Process, process_of
from tests.cluster.replicas import Replicas
from tests.cluster.runs import Objects

pytestmark = pytest.mark.cluster

MOMENTS = range(10)
#: Other moments than the usual ones, for whoever wants to look further.
SEED = os.environ.get("DEPUTY_TEST_SEED", "")
#: As many runs at once as a small machine can follow.
AT_ONCE = 4

SIDECAR = "/opt/deputy/bin/python /opt/deputy/bin/deputy-sidecar run"
AGENT = "python3 /scripted/fake_agent.py"
SHIM = "/bin/sh /link/shim"


def moment(kind: str, number: int, within: float) -> float:
    """Return the moment of one kill, in seconds."""
    return random.Random(f"{SEED}{kind} {number}").uniform(0, within)  # noqa: S311  no secret


@pytest.fixture
async def operators(objects: Objects) -> AsyncIterator[Replicas]:
    """The operator's replicas, none of which waits to be started again."""
    replicas = Replicas(objects, "operator")
    await replicas.refresh()
    yield replicas
    await replicas.refresh()


@pytest.fixture
async def webhooks(objects: Objects, linear: Linear) -> AsyncIterator[Replicas]:
    """The webhook's replicas; what Linear could not deliver comes again soon."""
    replicas = Replicas(objects, "webhook")
    await replicas.refresh()
    before = (await linear.see("webhook"))["retryDelays"]
    await linear.do("webhook", retryDelays=[0.3, 0.7, 1, 1, 2, 2, 4])
    yield replicas
    await linear.do("webhook", retryDelays=before)
    await replicas.refresh()


@pytest.mark.parametrize("number", MOMENTS)
async def test_a_killed_operator_is_followed_by_one_that_loses_and_repeats_nothing(
    number: int, place: Place, operators: Replicas
) -> None:
    await prepare(place)
    leader = await operators.leader()
    victim = operators.process(leader)
    started = await start(place)

    await asyncio.sleep(moment("operator", number, LIFE))
    since = dt.datetime.now(dt.UTC)
    assert victim.kill()
    if number % 3 == 2:
        # It does not come back: the standby has to wait until the Lease has run out.
        await operators.remove(leader)
    led = await operators.until_led(since)

    seen = await started.over()
    print(f"somebody leads again after {led.total_seconds():.1f} s")  # noqa: T201  shown by -rP
    assert await started.outcome(seen) == undisturbed(seen), seen.story()


async def kill_in_each(
    place: Place, kill: Callable[[Started, int], Awaitable[None]], moments: range = MOMENTS
) -> list[tuple[Session, Outcome]]:
    """Begin a run for each moment, a few at once; `kill` in it; return what came of them."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> tuple[Session, Outcome]:
        async with gate:
            started = await start(place)
            await kill(started, number)
            session = await started.over()
            return session, await started.outcome(session)

    return await asyncio.gather(*(one(number) for number in moments))


async def pod_uid(started: Started) -> str:
    """Return the uid of the pod of a run, once it is there."""
    pod = await started.place.objects.pod_until(started.run, bool)
    uid: str = pod["metadata"]["uid"]
    return uid


async def test_a_killed_sidecar_loses_and_repeats_nothing(place: Place) -> None:
    await prepare(place)
    killed: list[bool] = []

    async def kill(started: Started, number: int) -> None:
        victim = await process_of(await pod_uid(started), SIDECAR)
        # The end, when the work is pushed and told, is a good moment too.
        await asyncio.sleep(moment("sidecar", number, WORK + 1))
        killed.append(victim.kill())

    ended = await kill_in_each(place, kill)

    assert killed.count(True) > len(MOMENTS) / 2
    for session, outcome in ended:
        assert outcome == undisturbed(session), session.story()


KILLED = (
    "This did not work: The agent was killed by signal 9 (SIGKILL). If it was short of memory, "
    "raise spec.workspace.resources.limits.memory of the Blueprint."
)
CONTAINER_KILLED = (
    "This did not work: the agent's container was killed from outside (SIGKILL); if its node was "
    "short of memory, set `spec.workspace.resources` of the Blueprint to what the agent needs."
)


@pytest.mark.parametrize(
    ("program", "reason"), [(AGENT, KILLED), (SHIM, CONTAINER_KILLED)], ids=["agent", "container"]
)
async def test_an_agent_that_was_killed_ends_its_run_as_an_error_with_the_reason(
    program: str, reason: str, place: Place
) -> None:
    await prepare(place)

    async def kill(started: Started, number: int) -> None:
        victim = await process_of(await pod_uid(started), program)
        await asyncio.sleep(moment(program, number, WORK))
        assert victim.kill()

    ended = await kill_in_each(place, kill, MOMENTS if program == AGENT else MOMENTS[:4])

    for session, outcome in ended:
        ((kind, text),) = session.closing
        assert (kind, text[: len(reason)]) == ("error", reason)
        assert (outcome.phase, outcome.reason) == ("Failed", "AgentKilled")
        assert_told_as_far_as_it_came(outcome)


PROMPTS = range(1, 5)


@pytest.mark.parametrize("number", MOMENTS)
async def test_a_killed_webhook_replica_loses_and_doubles_nothing(
    number: int, place: Place, webhooks: Replicas
) -> None:
    await prepare(place)
    pods = await webhooks.pods()
    victim = webhooks.process(pods[number // 2 % len(pods)])
    identifier = await place.issue(SCRIPT)

    # A request takes milliseconds, so the moment is one among several: in one half of the cases
    # among copies of the delegation, in the other among copies of four messages.
    async with asyncio.TaskGroup() as tasks:
        delegated = tasks.create_task(place.linear.do("delegate", issue=identifier, copies=4))
        if number % 2 == 0:
            tasks.create_task(kill_after(victim, moment("delegation", number, 0.08)))
    session = delegated.result()["sessionId"]
    run = await place.objects.run_of_soon(await place.linear.issue(identifier))
    await place.linear.until_said(session, "step 1")
    async with asyncio.TaskGroup() as tasks:
        for prompt in PROMPTS:
            said = {"session": session, "body": f"say heard {prompt}", "copies": 2}
            tasks.create_task(place.linear.do("reply", **said))
        if number % 2:
            tasks.create_task(kill_after(victim, moment("messages", number, 0.08)))

    seen = await place.linear.until_over(session)
    outcome = await Started(place, session, run).outcome(seen)
    assert outcome.told[: len(TOLD)] == TOLD
    assert heard(seen) == Counter(["all", "done", *4 * ["heard"], "1", "2", "3", "4"])
    assert [kind for kind, _ in seen.closing] == ["response"]
    assert (outcome.phase, outcome.pull_requests) == ("Succeeded", 1)


async def kill_after(victim: Process, seconds: float) -> None:
    """Kill a process at a moment."""
    await asyncio.sleep(seconds)
    assert victim.kill()


def heard(session: Session) -> Counter[str]:
    """Return every word that was said after the steps, whichever activity has it."""
    said = " ".join(text for _, text in session.told()[len(TOLD) :])
    return Counter(said.partition("Pull request:")[0].split())
