"""The fold: the same inputs at the same places give the same events."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deputy.wire import (
    Answered,
    Asked,
    Event,
    Finished,
    Hello,
    MessageKind,
    NumberedEvent,
    Outcome,
    Thought,
    ToolFinished,
    TurnStarted,
    Workspace,
)
from deputy_sidecar.agent.adapters.acp import AcpAdapter
from deputy_sidecar.agent.adapters.exec import ExecAdapter
from deputy_sidecar.agent.adapters.model import Adapter
from deputy_sidecar.agent.conversation import Conversation, ConversationPhase
from deputy_sidecar.agent.process import AgentProcess
from deputy_sidecar.agent.termination import TerminationStep
from deputy_sidecar.desired import InputLine
from deputy_sidecar.journal import (
    Elapsed,
    Input,
    JournalEntry,
    ProcessExited,
    ProcessStarted,
    Received,
    Saved,
    SidecarStarted,
    Terminating,
)

BRANCH = "deputy/eng-1"
WORKSPACE = Workspace("run", "uid", 1, "ACP", "", "", "", branch=BRANCH)
PROMPT, STOP, FINISH = MessageKind.PROMPT, MessageKind.STOP, MessageKind.FINISH


class Story:
    """A conversation and a record of everything that happened in it."""

    def __init__(self, adapter: Adapter | None = None) -> None:
        self.conversation = Conversation(WORKSPACE, adapter or AcpAdapter())
        self.entries: list[JournalEntry] = []
        self.frames = b""
        self.numbered: list[NumberedEvent] = []

    @property
    def events(self) -> list[Event]:
        return [one.event for one in self.numbered]

    @property
    def process(self) -> AgentProcess:
        return self.conversation.process

    def is_in(self, phase: ConversationPhase) -> bool:
        return self.conversation.phase is phase

    def take(self, item: Input) -> "Story":
        self.entries.append(JournalEntry(self.conversation.consumed, item))
        self.conversation.take(item)
        self.numbered.extend(self.conversation.fetch())
        return self

    def read(self, data: bytes) -> "Story":
        self.frames += data
        self.conversation.read(data)
        self.numbered.extend(self.conversation.fetch())
        return self

    def say(self, **message: Any) -> "Story":
        return self.read(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def prompt(self, key: str, text: str = "do it") -> "Story":
        return self.take(Received(key, PROMPT, text))

    def start(self) -> "Story":
        """Go through the handshake."""
        assert self.process.run is not None
        self.take(ProcessStarted(self.process.run.number, "agent"))
        self.answer({"agentInfo": {"name": "test"}})
        return self.answer({"sessionId": "s"})

    def answer(self, result: dict[str, Any]) -> "Story":
        return self.say(id=json.loads(self.process.lines[-1].text)["id"], result=result)

    def text(self, text: str) -> "Story":
        update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}
        return self.say(method="session/update", params={"sessionId": "s", "update": update})

    def tool(self, key: str, title: str) -> "Story":
        update = {
            "sessionUpdate": "tool_call", "toolCallId": key, "title": title,
            "kind": "execute", "status": "completed",
        }  # fmt: skip
        return self.say(method="session/update", params={"sessionId": "s", "update": update})

    def end(self) -> "Story":
        sent = [json.loads(line.text) for line in self.process.lines if line.text]
        key = [one["id"] for one in sent if one.get("method") == "session/prompt"][-1]
        return self.say(id=key, result={"stopReason": "end_turn"})

    def save(self, commits: int = 0, **facts: Any) -> "Story":
        assert self.conversation.job is not None
        head = "abc" if commits else ""
        return self.take(Saved(self.conversation.job.number, head, commits, **facts))


def a_turn(key: str = "task") -> Story:
    return Story().prompt(key).start()


def test_a_turn_ends_once_its_work_is_saved() -> None:
    story = a_turn().text("One.").tool("t", "ls").text("Done.").end()
    assert story.is_in(ConversationPhase.SAVING)

    story.save(commits=2)

    assert story.events == [
        TurnStarted("task"),
        Thought("One."),
        ToolFinished("Ran", "ls"),
        Finished(Outcome.COMPLETED, "Completed", "Done.", "task", BRANCH, "abc", 2),
    ]
    assert [one.seq for one in story.numbered] == [1, 2, 3, 4]


def test_what_the_agent_forgot_is_committed_in_its_own_words() -> None:
    story = a_turn().text("\n## Fix the *thing* `now`\n\nMore.").end()

    assert story.conversation.job is not None
    assert story.conversation.job.subject == "Fix the *thing* `now"


def test_prompts_in_mid_turn_make_one_turn_and_the_text_before_is_a_thought() -> None:
    story = a_turn().prompt("two", "b").prompt("three", "c").text("First.").end()

    assert story.events[1:] == [Thought("First."), TurnStarted("two"), TurnStarted("three")]
    prompt = json.loads(story.process.lines[-1].text)
    assert prompt["params"]["prompt"][0]["text"] == "b\n\nc"
    story.text("All.").end().save()
    assert story.events[-1] == Finished(Outcome.COMPLETED, "Completed", "All.", "three")


def test_a_prompt_while_the_work_is_saved_begins_the_next_turn() -> None:
    story = a_turn().text("First.").end().prompt("two", "b")
    assert story.is_in(ConversationPhase.SAVING)

    story.save(commits=1)

    assert story.events[1:] == [Thought("First."), TurnStarted("two")]
    assert story.is_in(ConversationPhase.WORKING)


def test_a_message_that_comes_twice_is_taken_once() -> None:
    story = a_turn().prompt("task").text("Done.").end().save().prompt("task")

    assert sum(isinstance(one, TurnStarted) for one in story.events) == 1


def test_a_blank_prompt_is_no_turn() -> None:
    assert Story().prompt("x", " \n").events == []


def test_the_answer_to_a_question_is_no_prompt() -> None:
    story = a_turn()
    schema = {"type": "object", "properties": {"a": {"type": "string", "enum": ["x", "y"]}}}
    params = {"sessionId": "s", "mode": "form", "message": "Which?", "requestedSchema": schema}
    story.say(id=9, method="elicitation/create", params=params)

    story.prompt("answer", "y")

    assert story.events[1:] == [Asked("Which?", ("x", "y")), Answered("answer")]
    result = {"action": "accept", "content": {"a": "y"}}
    assert json.loads(story.process.lines[-1].text)["result"] == result
    story.text("Done.").end().save()
    assert story.events[-1] == Finished(Outcome.COMPLETED, "Completed", "Done.", "answer")


def test_a_failed_push_is_a_failed_run_with_the_agents_last_words() -> None:
    story = a_turn().text("Done.").end().save(reason="PushRejected", message="No. Do this.")

    assert story.events[-1] == Finished(
        Outcome.FAILED,
        "PushRejected",
        "No. Do this.\n\nThe agent's last words:\n\nDone.",
        "task",
    )


def let_step_pass(story: Story) -> None:
    """Let the time of a step of the termination pass."""
    story.take(Elapsed(story.conversation.timers["termination"].number))


def test_the_termination_is_cancel_close_term_kill() -> None:
    story = a_turn().text("Working.")
    rungs: list[Any] = []

    story.take(Received("stop", STOP))
    rungs.append(json.loads(story.process.lines[-1].text)["method"])
    let_step_pass(story)
    rungs.append(story.process.lines[-1].text)
    for _ in range(2):
        let_step_pass(story)
        assert story.process.signal is not None
        rungs.append(story.process.signal.name)
    let_step_pass(story)

    assert rungs == ["session/cancel", "", "TERM", "KILL"]
    assert story.conversation.timers == {}
    story.save()
    assert story.events[-1] == Finished(Outcome.STOPPED, "Stopped", "Stopped, as asked.", "task")


def test_the_termination_is_shorter_than_the_time_a_stop_may_take() -> None:
    assert sum(step.seconds for step in TerminationStep) < 10


def test_an_agent_that_obeys_spares_the_rest_of_the_termination() -> None:
    story = a_turn().take(Received("stop", STOP))
    key = json.loads(story.process.lines[-2].text)["id"]

    story.say(id=key, result={"stopReason": "cancelled"})
    assert story.process.lines[-1] == InputLine(len(story.process.lines), 1, "")
    story.take(ProcessExited(1, 0))

    assert story.process.signal is None
    assert story.conversation.job is not None
    assert story.conversation.job.subject == "Save uncommitted work"


def test_nothing_is_said_after_a_stop_but_the_end() -> None:
    story = a_turn().take(Received("stop", STOP))
    before = len(story.events)

    story.text("But.").tool("t", "ls").prompt("late").take(ProcessExited(1, 0)).save(commits=1)

    assert story.events[before:] == [
        Finished(Outcome.STOPPED, "Stopped", "Stopped, as asked.", "task", BRANCH, "abc", 1)
    ]


@pytest.mark.parametrize("phase", ["idle", "working", "saving"])
def test_a_stop_wins_whenever_it_comes(phase: str) -> None:
    story = Story() if phase == "idle" else a_turn()
    if phase == "saving":
        story.text("Done.").end()

    story.take(Received("stop", STOP)).take(Received("stop", STOP))
    if story.process.is_wanted:
        story.take(ProcessExited(1, 143))
    story.save()

    assert [one.outcome for one in story.events if isinstance(one, Finished)] == [Outcome.STOPPED]
    assert story.is_in(ConversationPhase.STOPPED)


def test_a_run_that_was_stopped_before_it_began_is_killed_if_it_begins_all_the_same() -> None:
    story = Story().prompt("task").take(Received("stop", STOP)).save()
    assert not story.process.is_wanted

    story.take(ProcessStarted(1, "agent"))

    assert story.process.signal is not None
    assert story.process.signal.name == "KILL"


def test_finish_ends_at_once_what_has_nothing_to_save() -> None:
    for story in (Story(), a_turn().text("Done.").end().save()):
        story.take(Received("finish", FINISH))

        story.prompt("late").take(Received("stop", STOP)).take(Terminating(gone=True))

        assert story.conversation.is_over
        assert story.conversation.job is None
        assert story.conversation.timers == {}


def test_finish_lets_a_save_that_goes_on_come_to_its_end() -> None:
    story = a_turn().text("Done.").end()
    job = story.conversation.job

    story.take(Received("finish", FINISH)).prompt("late")

    assert (story.is_in(ConversationPhase.SAVING), story.conversation.job) == (True, job)
    story.save(commits=1)
    assert story.conversation.is_over


@pytest.mark.parametrize("before", ["the agent is gone", "the agent goes"])
def test_finish_after_a_stop_waits_until_the_work_is_saved(before: str) -> None:
    story = a_turn().take(Received("stop", STOP))
    if before == "the agent is gone":
        story.take(ProcessExited(1, 143))

    story.take(Received("finish", FINISH))

    assert story.is_in(ConversationPhase.ENDING)
    if before == "the agent goes":
        story.take(ProcessExited(1, 143))
    story.save(commits=1)
    assert story.conversation.is_over
    assert story.conversation.timers == {}


def test_finish_in_the_middle_of_a_turn_ends_the_agent_and_saves_what_it_did() -> None:
    story = a_turn().take(Received("finish", FINISH))
    assert story.is_in(ConversationPhase.ENDING)

    story.prompt("late").take(ProcessExited(1, 143)).save(commits=1)

    assert story.conversation.is_over


def test_a_save_that_outlives_the_pods_time_ends_after_finish_too() -> None:
    story = a_turn().text("Done.").end().take(Received("finish", FINISH))

    story.take(Terminating(gone=True)).save(reason="PushRejected", message="no time")

    assert story.conversation.is_over
    assert story.conversation.is_settled


@pytest.mark.parametrize(("outcome", "code"), [("end_turn", 0), ("refusal", 1)])
def test_the_containers_exit_status_is_the_runs_outcome(outcome: str, code: int) -> None:
    story = a_turn()
    key = json.loads(story.process.lines[-1].text)["id"]

    story.say(id=key, result={"stopReason": outcome}).save()

    assert story.conversation.exit_code == code


def test_the_end_of_the_pod_is_reported_with_what_was_saved() -> None:
    story = a_turn().take(Terminating(gone=False))
    assert story.process.signal is not None
    story.take(ProcessExited(1, 143)).take(Terminating(gone=True))
    assert story.is_in(ConversationPhase.ENDING)

    story.save(commits=1)

    assert story.conversation.is_settled
    ended = story.events[-1]
    assert isinstance(ended, Finished)
    assert (ended.outcome, ended.reason, ended.commits) == (Outcome.STOPPED, "WorkspaceEnded", 1)


def test_a_turn_that_was_over_when_the_pod_ended_is_reported_as_it_was() -> None:
    story = a_turn().text("Done.").end().prompt("late").take(Terminating(gone=True))

    story.save(commits=1)

    assert story.conversation.is_settled
    assert story.events[-1] == Finished(
        Outcome.COMPLETED, "Completed", "Done.", "task", BRANCH, "abc", 1
    )


def test_the_end_of_the_pod_after_the_report_says_nothing_more() -> None:
    story = a_turn().text("Done.").end().save()
    before = len(story.events)

    story.take(Terminating(gone=True))

    assert story.events[before:] == []
    assert story.conversation.is_settled


def test_a_program_is_started_again_for_the_next_prompt() -> None:
    story = Story(ExecAdapter()).prompt("one", "a").take(ProcessStarted(1, "sh"))
    story.read(b"out").take(ProcessExited(1, 0)).save()
    story.prompt("two", "b")

    assert story.events == [
        TurnStarted("one"),
        Finished(Outcome.COMPLETED, "Completed", "out", "one"),
        TurnStarted("two"),
    ]
    assert story.process.run is not None
    assert (story.process.run.number, story.process.run.prompt) == (
        2,
        "b",
    )


def test_an_agent_without_a_handshake_is_killed_before_it_is_started_anew() -> None:
    story = Story().prompt("one").take(ProcessStarted(1, "agent"))
    story.take(Elapsed(story.conversation.timers["handshake"].number)).save()

    story.prompt("two")

    assert story.process.signal is not None
    assert (story.process.signal.run, story.process.signal.name) == (
        1,
        "KILL",
    )
    assert story.process.run is not None
    assert story.process.run.number == 2


def test_secrets_are_masked_and_texts_are_bounded() -> None:
    token = "ghp_" + "a" * 36
    story = a_turn().text(f"The token is {token}.").tool("t", f"curl -H {token}")

    assert story.events[1:] == [
        Thought("The token is [secret]."),
        ToolFinished("Ran", "curl -H [secret]"),
    ]


def long_story() -> Story:
    """A story with everything in it."""
    story = Story().take(SidecarStarted()).prompt("task").start()
    story.text("One. ").text("Grüße.").tool("a", "ls").prompt("two", "more").tool("b", "pwd")
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    params = {"sessionId": "s", "mode": "form", "message": "Which?", "requestedSchema": schema}
    story.say(id=9, method="elicitation/create", params=params)
    story.prompt("answer", "x").text("Fine.").end().text("Two.").end().prompt("late", "y")
    story.save(commits=1).text("Three.").take(SidecarStarted()).take(ProcessExited(1, 1, "oops"))
    story.save().prompt("again", "z").start().text("Four.").take(Received("stop", STOP))
    let_step_pass(story)
    return story.take(ProcessExited(2, 0)).save(commits=2)


STORY = long_story()


def replay(entries: list[JournalEntry], frames: bytes, cuts: list[int]) -> list[NumberedEvent]:
    """Fold the story again, its bytes cut elsewhere."""
    conversation = Conversation(WORKSPACE, AcpAdapter())
    ends = sorted({*cuts, *(entry.at for entry in entries), len(frames)})
    waiting = list(entries)
    position = 0
    for end in ends:
        if end > len(frames):
            break
        conversation.read(frames[position:end])
        position = end
        while waiting and waiting[0].at == end:
            conversation.take(waiting.pop(0).input)
    return conversation.fetch()


@given(st.lists(st.integers(0, len(STORY.frames)), max_size=60))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_however_the_bytes_are_cut_the_events_are_the_same(cuts: list[int]) -> None:
    assert replay(STORY.entries, STORY.frames, cuts) == STORY.numbered


@given(st.integers(0, len(STORY.entries)), st.integers(0, len(STORY.frames)))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_whenever_it_is_killed_the_new_one_says_what_the_old_one_said(
    entries: int, frames: int
) -> None:
    # Bytes beyond the last input may be there already; never less than what it came after.
    known = STORY.entries[:entries]
    least = known[-1].at if known else 0
    most = STORY.entries[entries].at if entries < len(STORY.entries) else len(STORY.frames)
    there = STORY.frames[: min(max(least, frames), most)]

    events = replay(known, there, [])

    assert events == STORY.numbered[: len(events)]


def test_the_story_has_everything_in_it() -> None:
    kinds = {type(event) for event in STORY.events}

    assert kinds == {Hello, TurnStarted, Thought, ToolFinished, Asked, Answered, Finished}
    assert [one.seq for one in STORY.numbered] == list(range(1, len(STORY.numbered) + 1))
