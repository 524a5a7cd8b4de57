"""A whole workspace with the users it has in a cluster, whose work goes to a forge."""

import asyncio

from deputy.wire import Finished, GitToken, MessageKind, Outcome, Thought, ToolFinished, TurnStarted
from tests.sidecar.conftest import Forge, MakePod
from tests.sidecar.fake_relay import FakeRelay
from tests.sidecar.pod import Pod

BRANCH = "deputy/eng-42"
COMMIT = "run git add -A && git commit -q -m 'Add a greeting'"


async def begin(
    forge: Forge, relay: FakeRelay, make_pod: MakePod, task: str, base: str = ""
) -> Pod:
    pod = make_pod(users=True, repository_url=forge.repository, branch=BRANCH, base_branch=base)
    relay.prompt("task-1", task)
    assert await pod.prepare() == (0, "")
    await pod.start_sidecar()
    await pod.start_agent()
    return pod


def log(forge: Forge) -> list[str]:
    return forge.git("log", "--reverse", "--format=%s", f"main..{BRANCH}").splitlines()


async def test_what_the_agent_commits_is_pushed_to_the_runs_branch(
    forge: Forge, relay: FakeRelay, make_pod: MakePod
) -> None:
    await begin(forge, relay, make_pod, f"file hello.txt hi\n{COMMIT}\nsay Done.")

    finished = await relay.finished()

    head = forge.git("rev-parse", BRANCH)
    assert finished == Finished(Outcome.COMPLETED, "Completed", "Done.", "task-1", BRANCH, head, 1)
    assert log(forge) == ["Add a greeting"]
    assert forge.git("log", "-1", "--format=%an <%ae>", BRANCH) == (
        "deputy[bot] <deputy[bot]@users.noreply.deputy.dev>"
    )


async def test_what_the_agent_forgot_to_commit_is_committed_in_its_words(
    forge: Forge, relay: FakeRelay, make_pod: MakePod
) -> None:
    await begin(forge, relay, make_pod, "file hello.txt hi\nsay **Greet the world.** More.")

    assert (await relay.finished()).commits == 1
    assert log(forge) == ["Greet the world.** More."]


async def test_nothing_done_is_nothing_pushed(
    forge: Forge, relay: FakeRelay, make_pod: MakePod
) -> None:
    await begin(forge, relay, make_pod, "say All is well.")

    finished = await relay.finished()

    assert finished == Finished(Outcome.COMPLETED, "Completed", "All is well.", "task-1")
    assert forge.git("branch", "--format=%(refname:short)") == "main"


async def test_a_follow_up_in_a_new_workspace_goes_on_from_the_branch(
    forge: Forge, relay: FakeRelay, make_pod: MakePod
) -> None:
    first = await begin(forge, relay, make_pod, f"file hello.txt hi\n{COMMIT}\nsay Done.")
    await relay.finished()
    await first.stop()
    relay.received.clear()
    relay.messages.clear()

    await begin(forge, relay, make_pod, "run cat hello.txt\nfile more.txt x\nsay More.")

    assert (await relay.finished()).commits == 2
    assert log(forge) == ["Add a greeting", "More."]


async def test_a_stop_saves_what_is_uncommitted(
    forge: Forge, relay: FakeRelay, make_pod: MakePod
) -> None:
    await begin(forge, relay, make_pod, "file hello.txt hi\nsay half\nrun true\nsleep 600")
    await relay.until(lambda: Thought("half") in relay.events)

    relay.say("stop", MessageKind.STOP)

    finished = await relay.finished()
    assert (finished.outcome, finished.commits) == (Outcome.STOPPED, 1)
    assert log(forge) == ["Save uncommitted work"]


async def test_a_finish_in_the_middle_of_a_push_waits_for_it_and_then_ends_the_agent(
    forge: Forge, relay: FakeRelay, make_pod: MakePod
) -> None:
    pushing, go_on = forge.bare / "pushing", forge.bare / "go-on"
    hook = forge.bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n: >{pushing}\nwhile [ ! -e {go_on} ]; do sleep 0.05; done\n")
    hook.chmod(0o755)
    task = "file hello.txt hi\nsay half\nrun true\nsleep 600"
    pod = await begin(forge, relay, make_pod, task)
    await relay.until(lambda: Thought("half") in relay.events)
    relay.say("stop", MessageKind.STOP)
    async with asyncio.timeout(20):
        while not pushing.exists():  # noqa: ASYNC110  the forge's own process makes it
            await asyncio.sleep(0.02)

    relay.say("finish", MessageKind.FINISH)
    go_on.touch()

    finished = await relay.finished()
    assert (finished.outcome, finished.commits) == (Outcome.STOPPED, 1)
    assert log(forge) == ["Save uncommitted work"]
    assert pod.agent is not None
    async with asyncio.timeout(20):
        await pod.agent.wait()


async def test_the_end_of_the_pod_saves_what_is_uncommitted(
    forge: Forge, relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = await begin(forge, relay, make_pod, "file hello.txt hi\nsay half\nrun true\nsleep 600")
    await relay.until(lambda: Thought("half") in relay.events)

    assert pod.sidecar is not None
    pod.sidecar.terminate()
    async with asyncio.timeout(20):
        assert await pod.sidecar.wait() == 0

    assert log(forge) == ["Save uncommitted work"]
    assert [one.head_sha for one in relay.endings] == [forge.git("rev-parse", BRANCH)]


async def test_a_push_waits_for_a_relay_that_is_away(
    forge: Forge, relay: FakeRelay, make_pod: MakePod
) -> None:
    await begin(forge, relay, make_pod, "file hello.txt hi\nsay half\nsleep 0.3\nsay Done.")
    await relay.until(lambda: TurnStarted("task-1") in relay.events)
    relay.failing = 8

    assert (await relay.finished()).commits == 1


async def test_a_token_that_may_not_push_is_a_failure_that_names_the_secret(
    forge: Forge, relay: FakeRelay, make_pod: MakePod
) -> None:
    relay.token = GitToken("x-access-token", "read-only", 3600)
    await begin(forge, relay, make_pod, "file hello.txt hi\nsay Done.")

    finished = await relay.finished()

    assert (finished.outcome, finished.reason) == (Outcome.FAILED, "CredentialsMissing")
    assert "spec.repository.credentialsSecretRef" in finished.text
    assert "read-only" not in finished.text
    assert finished.text.endswith("Done.")


async def test_a_branch_that_somebody_else_moved_is_a_failure_that_says_so(
    forge: Forge, relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = await begin(forge, relay, make_pod, "file hello.txt hi\nask Go on?: yes\nsay Done.")
    await relay.until(lambda: any("Edited" in str(one) for one in relay.events))
    tree = forge.git("rev-parse", "main^{tree}")
    theirs = forge.git("-c", "user.name=A", "-c", "user.email=a@b", "commit-tree", tree, "-m", "x")
    forge.git("update-ref", f"refs/heads/{BRANCH}", theirs)

    relay.prompt("answer", "yes")

    finished = await relay.finished()
    assert (finished.outcome, finished.reason) == (Outcome.FAILED, "PushRejected")
    assert BRANCH in finished.text
    assert forge.git("rev-parse", BRANCH) == theirs
    assert pod.sidecar is not None


async def test_the_agent_finds_no_credential_in_its_container(
    forge: Forge, relay: FakeRelay, make_pod: MakePod
) -> None:
    pod = make_pod(users=True, repository_url=forge.repository, branch=BRANCH)
    paths = f"/proc/[0-9]*/environ {pod.root} {pod.link} {pod.outbox} {pod.token_file}"
    # The words are put together in the shell: the prompt is a file, too.
    search = f'run a=gt b=relay-token; grep -rlsa -e "$a"ok -e "$b"-of {paths} || echo none'
    relay.prompt("task-1", f"{search}\nsay Done.")
    await pod.prepare()
    await pod.start_sidecar()
    await pod.start_agent()

    await relay.finished()

    (result,) = [event.result for event in relay.events if isinstance(event, ToolFinished)]
    assert result == "none"
