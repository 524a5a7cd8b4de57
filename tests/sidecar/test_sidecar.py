"""The sidecar as a process, with the shim and an agent beside it."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from deputy.wire import (
    Asked,
    Finished,
    Hello,
    MessageKind,
    Outcome,
    Thought,
    ToolFinished,
    TurnStarted,
)
from tests.sidecar.conftest import MakePod
from tests.sidecar.fake_relay import FakeRelay
from tests.sidecar.pod import SHELLS, Pod, python


async def begin(
    pod: Pod, relay: FakeRelay, task: str, *command: str, shell: tuple[str, ...] = ("sh",)
) -> None:
    relay.prompt("task-1", task)
    await pod.start_sidecar()
    await pod.start_agent(*command, shell=shell)


def started(relay: FakeRelay) -> bool:
    return any(isinstance(event, TurnStarted) for event in relay.events)


def thought(relay: FakeRelay, text: str) -> bool:
    return Thought(text) in relay.events


async def ended(process: asyncio.subprocess.Process | None) -> int:
    assert process is not None
    async with asyncio.timeout(20):
        return await process.wait()


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
async def test_an_agent_is_served_through_any_posix_shell(
    shell: tuple[str, ...], relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod()
    await begin(pod, relay, "say one\nrun echo hi\nsay two", shell=shell)

    finished = await relay.finished()

    assert finished == Finished(Outcome.COMPLETED, "Completed", "two", "task-1")
    assert relay.events[1:-1] == [
        TurnStarted("task-1"),
        Thought("one"),
        ToolFinished("Ran", "echo hi", "hi"),
    ]


async def test_a_prompt_that_comes_in_mid_turn_waits_and_is_answered(
    relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod()
    await begin(pod, relay, "say first\nask Wait?: yes\nsay end of first")
    await relay.until(lambda: any(isinstance(one, Asked) for one in relay.events))
    relay.prompt("answer", "yes\nsleep 0.1")
    relay.prompt("more-1", "say a")
    relay.prompt("more-2", "say b")

    finished = await relay.finished()

    # The answer is no option, so its words are a prompt; with the others it makes one turn.
    assert finished.delivered_through == "more-2"
    assert finished.text == "a b"
    assert len(relay.endings) == 1


async def test_a_prompt_of_any_size_and_alphabet_reaches_the_agent(
    relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod()
    text = "echo\n" + "Grüße, 世界! \\n $HOME `x` \"quoted\" 'single' \\\\ \x07 " * 4000
    await begin(pod, relay, text)

    finished = await relay.finished()

    assert finished.text.startswith('echo\nGrüße, 世界! \\n $HOME `x` "quoted"')


async def test_finish_ends_the_agents_container_and_then_the_sidecar(
    relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod()
    await begin(pod, relay, "say done")
    await relay.finished()

    relay.say("finish", MessageKind.FINISH)

    assert await ended(pod.agent) == 0
    assert pod.sidecar is not None
    pod.sidecar.terminate()
    assert await ended(pod.sidecar) == 0


@pytest.mark.parametrize("task", ["sleep 600", "run sleep 600", "ask What now?: a, b"])
async def test_stop_cancels_the_agent_and_ends_it(
    task: str, relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod()
    await begin(pod, relay, f"say working\nthink\nrun true\n{task}\nsay not any more")
    await relay.until(lambda: ToolFinished("Ran", "true") in relay.events)

    relay.say("stop", MessageKind.STOP)

    finished = await relay.finished()
    assert finished == Finished(Outcome.STOPPED, "Stopped", "Stopped, as asked.", "task-1")
    assert (pod.link / "exit.1").exists()


async def test_stop_is_reported_in_time_though_the_agent_ignores_it_and_kills_its_killer(
    relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod(protocol="Exec")
    # Of its own container a process may kill everything but itself and the first one.
    hostile = "trap '' TERM INT; kill -9 -1; echo working; while :; do sleep 1; done"
    relay.prompt("task-1", "Go.")
    await pod.start_sidecar()
    await pod.start_agent("sh", "-c", hostile)
    await relay.until(lambda: Thought("working") in relay.events)

    relay.say("stop", MessageKind.STOP)

    finished = await relay.finished(deadline=13)
    assert finished.outcome is Outcome.STOPPED


async def test_stop_ends_an_agent_that_is_deaf_to_everything_but_sigkill(
    relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod()
    relay.prompt("task-1", "deaf\nsay working\nrun true\nsleep 600")
    await pod.start_sidecar()
    await pod.start_agent(environment={"FAKE_AGENT_DEAF": "yes"})
    await relay.until(lambda: ToolFinished("Ran", "true") in relay.events)

    began = time.monotonic()
    relay.say("stop", MessageKind.STOP)

    assert (await relay.finished()).outcome is Outcome.STOPPED
    assert (pod.link / "exit.1").read_text() == "137\n"
    # A promise to users, not a measurement: within 15 seconds it is gone.
    assert time.monotonic() - began < 15


async def test_a_stop_before_the_agents_container_is_up_keeps_the_agent_from_starting(
    relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod()
    relay.prompt("task-1", "say never")
    await pod.start_sidecar()
    await relay.until(lambda: started(relay))
    relay.say("stop", MessageKind.STOP)
    finished = await relay.finished()

    await pod.start_agent()
    relay.say("finish", MessageKind.FINISH)

    assert await ended(pod.agent) == 1
    assert finished.outcome is Outcome.STOPPED
    assert not (pod.link / "pid").exists()


async def test_an_agent_killed_by_somebody_is_a_failure_that_says_so(
    relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod()
    await begin(pod, relay, "say working\nrun true\nsleep 600")
    await relay.until(lambda: thought(relay, "working"))
    agent = int((pod.link / "pid").read_text())
    tree = f"/proc/{pod.shim()}/task/{pod.shim()}/children"
    with open(tree) as children:  # noqa: ASYNC230, PTH123
        outside = [int(one) for one in children.read().split()]
    victim = next(one for one in outside if f"NSpid:\t{one}\t{agent}\n" in _status(one))

    os.kill(victim, signal.SIGKILL)

    finished = await relay.finished()
    assert finished.reason == "AgentKilled"
    assert finished.text.startswith("The agent was killed by signal 9 (SIGKILL). If it was short")


def _status(pid: int) -> str:
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123
        return status.read()


async def test_a_prompt_after_a_crash_starts_the_agent_anew(
    relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod()
    await begin(pod, relay, "say working\ncrash 3")
    failed = await relay.finished(1)

    relay.prompt("again", "say better")

    assert (await relay.finished(2)).text == "better"
    assert failed.reason == "AgentFailed"
    assert failed.text == (
        f"The agent `{Path(python()).name}` ended with exit status 3 in mid-work.\n\n"
        "Its last lines:\n```\nthe last words on stderr\n```"
    )


@pytest.mark.parametrize(
    ("command", "fact"),
    [("no-such-agent", "`no-such-agent` was not found"), ("/etc/passwd", "is not executable")],
)
async def test_an_agent_that_cannot_be_started_is_named(
    command: str, fact: str, relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod()
    await begin(pod, relay, "say hello", command)

    finished = await relay.finished()

    assert finished.reason == "AgentNotStarted"
    assert fact in finished.text
    assert "spec.agent.command" in finished.text


async def test_garbage_among_the_frames_is_passed_over(relay: FakeRelay, make_pod: MakePod) -> None:
    pod = make_pod()
    await begin(pod, relay, "say one\ngarbage\nrun true\ngarbage\nsay two")

    assert (await relay.finished()).text == "two"


async def test_the_pods_end_stops_the_agent_and_is_reported(
    relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod()
    await begin(pod, relay, "say working\nrun true\nsleep 600")
    await relay.until(lambda: thought(relay, "working"))

    os.kill(pod.shim(), signal.SIGTERM)
    await ended(pod.agent)
    assert pod.sidecar is not None
    pod.sidecar.terminate()

    assert await ended(pod.sidecar) == 0
    assert [(one.outcome, one.reason) for one in relay.endings] == [
        (Outcome.STOPPED, "WorkspaceEnded")
    ]


async def test_the_end_of_a_container_that_is_killed_as_a_whole_is_reported(
    relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod()
    await begin(pod, relay, "say working\nrun true\nsleep 600")
    await relay.until(lambda: thought(relay, "working"))

    os.kill(pod.shim(), signal.SIGKILL)
    await ended(pod.agent)
    assert pod.sidecar is not None
    pod.sidecar.terminate()

    assert await ended(pod.sidecar) == 0
    assert [one.reason for one in relay.endings] == ["WorkspaceEnded"]


async def test_nonsense_in_the_shims_name_is_no_harm(relay: FakeRelay, make_pod: MakePod) -> None:
    pod = make_pod()
    forged = "exited one two\nexited\nfed x\nstarted\n\nhello there\nexited 7 0\n"
    await begin(pod, relay, f"run printf '{forged}' >$DEPUTY_LINK/events\nsay done")

    assert (await relay.finished()).text == "done"


async def test_an_idle_shim_ends_when_its_pod_does(relay: FakeRelay, make_pod: MakePod) -> None:
    pod = make_pod()
    await pod.start_sidecar()
    await pod.start_agent()
    await relay.until(lambda: Hello() in relay.events)
    async with asyncio.timeout(10):
        while "ready" not in (pod.outbox / "happened").read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    os.kill(pod.shim(), signal.SIGTERM)

    assert await ended(pod.agent) == 143


async def test_a_relay_that_is_away_for_a_while_gets_everything(
    relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod()
    relay.failing = 5
    await begin(pod, relay, "say one\nrun echo hi\nsay two")

    await relay.finished()

    assert relay.gaps == []
    assert relay.tokens_seen == {"Bearer relay-token-of-the-pod"}


async def test_no_words_and_no_token_are_logged(relay: FakeRelay, make_pod: MakePod) -> None:
    pod = make_pod()
    await begin(pod, relay, "say a-word-of-the-agent\nrun true\nsay two")
    await relay.finished()

    log = pod.log.read_text()

    assert "a-word-of-the-agent" not in log
    assert "relay-token-of-the-pod" not in log


async def test_a_program_is_run_for_each_prompt(relay: FakeRelay, make_pod: MakePod) -> None:
    pod = make_pod(protocol="Exec")
    script = 'echo "got: $(cat "$DEPUTY_PROMPT_FILE")"; cat; printf "last line"'
    await begin(pod, relay, "the task", "sh", "-c", script)
    first = await relay.finished(1)

    relay.prompt("more", "something else")

    assert first.text == "got: the task\nlast line"
    assert (await relay.finished(2)).text == "got: something else\nlast line"


async def test_a_program_that_fails_is_reported_with_its_last_lines(
    relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod(protocol="Exec")
    await begin(pod, relay, "x", "sh", "-c", "echo trying; echo no luck >&2; exit 4")

    finished = await relay.finished()

    assert finished.reason == "AgentFailed"
    assert "exit status 4" in finished.text
    assert "trying" in finished.text
    assert "no luck" in finished.text


async def test_a_program_that_ignores_sigterm_is_stopped(
    relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod(protocol="Exec")
    await begin(pod, relay, "x", "sh", "-c", "trap '' TERM; echo here; while :; do sleep 1; done")
    await relay.until(lambda: thought(relay, "here"))

    relay.say("stop", MessageKind.STOP)

    assert (await relay.finished()).outcome is Outcome.STOPPED
