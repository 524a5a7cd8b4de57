"""A sidecar may be killed at any moment: nothing is lost, nothing is said or done twice."""

import asyncio
import random

import pytest

from deputy.wire import (
    Answered,
    Asked,
    Event,
    Finished,
    Hello,
    Outcome,
    PlanChanged,
    Step,
    StepStatus,
    Thought,
    ToolFinished,
    TurnStarted,
)
from tests.sidecar.conftest import MakePod
from tests.sidecar.fake_relay import FakeRelay
from tests.sidecar.pod import Pod

TASK = """\
say one
run echo 1 | tee -a ran
sleep 0.15
say two
run echo 2 | tee -a ran
plan a | b
read x
sleep 0.15
ask Which one?: A, B
say three
run echo 3 | tee -a ran
sleep 0.15
plan a* | b*
say all done"""

FOLLOW_UP = """\
run echo 4 | tee -a ran
say bye"""


def ran(number: int) -> ToolFinished:
    return ToolFinished("Ran", f"echo {number} | tee -a ran", str(number))


EXPECTED: list[Event] = [
    TurnStarted("task-1"),
    Thought("one"),
    ran(1),
    Thought("two"),
    ran(2),
    PlanChanged((Step("a", StepStatus.PENDING), Step("b", StepStatus.PENDING))),
    Asked("Which one?", ("A", "B")),
    Answered("answer"),
    ToolFinished("Looked at", "1 file", "x"),
    Thought("answer: B. three"),
    ran(3),
    PlanChanged((Step("a", StepStatus.COMPLETED), Step("b", StepStatus.COMPLETED))),
    Finished(Outcome.COMPLETED, "Completed", "all done", "answer"),
    TurnStarted("follow-up"),
    ran(4),
    Finished(Outcome.COMPLETED, "Completed", "bye", "follow-up"),
]


async def converse(relay: FakeRelay) -> None:
    """Say everything that a person says in this conversation."""
    relay.prompt("task-1", TASK)
    await relay.until(lambda: any(isinstance(one, Asked) for one in relay.events))
    relay.prompt("answer", "b")
    await relay.finished(1)
    relay.prompt("follow-up", FOLLOW_UP)
    await relay.finished(2)


async def kill_again_and_again(pod: Pod, chance: random.Random, enough: asyncio.Event) -> None:
    while not enough.is_set():
        # The moment is the test's subject: nothing is waited for.
        await asyncio.sleep(chance.uniform(0.0, 0.7))
        await pod.kill_sidecar()
        await pod.start_sidecar()


@pytest.mark.parametrize("seed", range(10))
async def test_a_sidecar_that_is_killed_again_and_again_tells_everything_once(
    seed: int, relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod()
    await pod.start_sidecar()
    await pod.start_agent()
    enough = asyncio.Event()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(kill_again_and_again(pod, random.Random(seed), enough))  # noqa: S311
        await converse(relay)
        enough.set()

    told = [event for event in relay.events if not isinstance(event, Hello)]
    assert told == EXPECTED
    assert relay.contradictions == []
    assert relay.gaps == []
    assert (pod.repository / "ran").read_text() == "1\n2\n3\n4\n"


async def test_a_new_sidecar_says_hello_and_goes_on_with_the_conversation(
    relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod()
    await pod.start_sidecar()
    await pod.start_agent()
    relay.prompt("task-1", "say one\nrun true\nask Go on?: yes\nsay done")
    await relay.until(lambda: any(isinstance(one, Asked) for one in relay.events))

    await pod.kill_sidecar()
    relay.prompt("answer", "yes")
    await pod.start_sidecar()

    await relay.finished()
    assert relay.events == [
        Hello(),
        TurnStarted("task-1"),
        Thought("one"),
        ToolFinished("Ran", "true"),
        Asked("Go on?", ("yes",)),
        Hello("fake-agent"),
        Answered("answer"),
        Finished(Outcome.COMPLETED, "Completed", "answer: yes. done", "answer"),
    ]
