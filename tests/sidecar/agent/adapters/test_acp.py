"""The ACP adapter: recorded agents, questions, failures."""

import itertools
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from deputy.wire import Outcome, PlanChanged, Step, StepStatus, Thought, ToolFinished
from deputy_sidecar.agent.adapters.acp import AcpAdapter
from deputy_sidecar.agent.adapters.model import (
    Output,
    ProcessExit,
    Question,
    SendLine,
    SetTimer,
    StartProcess,
    TurnEnded,
)
from deputy_sidecar.agent.profiles import DEFAULT, profile_named
from tests.sidecar.agent.adapters.transcripts import SCHEMA, Replay, names

PLAN_ENTRIES = (
    PlanChanged(
        (Step("Create hello.txt", StepStatus.IN_PROGRESS), Step("Verify", StepStatus.PENDING))
    ),
    PlanChanged(
        (Step("Create hello.txt", StepStatus.COMPLETED), Step("Verify", StepStatus.COMPLETED))
    ),
)
DONE = TurnEnded(Outcome.COMPLETED, "Completed", "Done: hello.txt was created and checked.")


def shown(outputs: list[Output]) -> list[Output]:
    """What people see of the outputs."""
    return [one for one in outputs if not isinstance(one, StartProcess | SendLine | SetTimer)]


def test_codex_is_told_as_people_like_it() -> None:
    assert shown(Replay("acp-codex-acp").run()) == [
        PLAN_ENTRIES[0],
        Thought("I will plan, then create the file."),
        Thought("Writing the file now."),
        ToolFinished("Edited", "hello.txt", "+1 -0"),
        ToolFinished(
            "Ran",
            "cat hello.txt && git status --short",
            "hello from the scripted model\n?? hello.txt\n",
        ),
        PLAN_ENTRIES[1],
        DONE,
    ]


def test_gemini_is_told_as_people_like_it() -> None:
    assert shown(Replay("acp-gemini").run()) == [
        Thought("I will create the file."),
        Thought("Writing the file now."),
        ToolFinished("Edited", "hello.txt", "+1 -0"),
        ToolFinished("Ran", "cat hello.txt && git status --short"),
        DONE,
    ]


def test_claude_is_told_as_people_like_it() -> None:
    outputs = shown(Replay("acp-claude-acp").run())

    assert [one for one in outputs if not isinstance(one, PlanChanged)] == [
        Thought("I will plan the work and then create the greeting file."),
        Thought("Writing the file now."),
        ToolFinished("Edited", "hello.txt", "+1 -0"),
        ToolFinished(
            "Ran",
            "cat hello.txt && git status --short",
            "hello from the scripted model\n?? hello.txt",
        ),
        DONE,
    ]
    plans = [one for one in outputs if isinstance(one, PlanChanged)]
    assert len(plans) == 5
    assert all(one != other for one, other in itertools.pairwise(plans))


@pytest.mark.parametrize("name", names())
def test_no_agent_has_a_blank_or_noisy_event(name: str) -> None:
    for event in shown(Replay(name).run(answer="SQLite")):
        match event:
            case Thought(body):
                assert body.strip()
                assert not body.startswith(("Warning: ", "[MODE_UPDATE]"))
            case ToolFinished(action, parameter):
                assert action.strip()
                assert parameter.strip()
            case PlanChanged(steps):
                assert steps
            case _:
                assert isinstance(event, TurnEnded | Question)


#: Tools that are shown in another way, told together with others, or were cut off.
_QUIET = ("write_todos", "AskUserQuestion")


@pytest.mark.parametrize("name", names())
def test_every_agent_has_one_event_for_a_finished_tool(name: str) -> None:
    replay = Replay(name)

    outputs = replay.run(answer="SQLite")

    ended = {
        update["toolCallId"]
        for frame in replay.frames_of_turns
        if (update := frame.get("params", {}).get("update", {})).get("status")
        in ("completed", "failed")
        and not any(word in json.dumps(frame) for word in _QUIET)
    }
    told = [one for one in outputs if isinstance(one, ToolFinished)]
    assert len(told) == len(ended)


@pytest.mark.parametrize("name", names())
def test_no_agent_is_given_a_second_prompt_while_it_works(name: str) -> None:
    replay = Replay(name)

    replay.run(answer="SQLite")

    prompts = sum(one.get("method") == "session/prompt" for one in replay.sent)
    turns = sum(isinstance(one, TurnEnded) for one in replay.outputs)
    assert prompts - turns in (-1, 0)


@pytest.mark.parametrize("name", [name for name in names() if "elicitation" in name])
def test_a_question_is_asked_and_its_answer_is_the_agents(name: str) -> None:
    replay = Replay(name)

    outputs = replay.run(answer="sqlite.")

    assert Question("Which database?", ("Postgres", "SQLite")) in outputs
    assert {"action": "accept", "content": {"question_0": "SQLite"}} in [
        one.get("result") for one in replay.sent
    ]


def test_another_answer_than_the_options_goes_into_the_forms_free_field() -> None:
    replay = Replay("acp-claude-acp-elicitation")

    replay.run(answer="MariaDB, please")

    assert {"action": "accept", "content": {"question_0_custom": "MariaDB, please"}} in [
        one.get("result") for one in replay.sent
    ]


class AgentSession:
    """An agent that a test speaks for."""

    def __init__(self, profile: str = "", modes: dict[str, Any] | None = None) -> None:
        self.adapter = AcpAdapter(profile_named(profile) if profile else DEFAULT)
        self.sent: list[dict[str, Any]] = []
        self.heard: list[Output] = []
        self._modes = modes

    def begin(self, text: str = "do it") -> "AgentSession":
        self.take(self.adapter.prompt(text))
        self.answer({"protocolVersion": 1})
        self.answer({"sessionId": "s", **({"modes": self._modes} if self._modes else {})})
        return self

    def take(self, outputs: list[Output]) -> list[Output]:
        self.heard.extend(shown(outputs))
        self.sent.extend(json.loads(one.line) for one in outputs if isinstance(one, SendLine))
        return outputs

    def say(self, **message: Any) -> list[Output]:
        return self.take(self.adapter.line(json.dumps({"jsonrpc": "2.0", **message}).encode()))

    def answer(self, result: Any) -> list[Output]:
        return self.say(id=self.sent[-1]["id"], result=result)

    def update(self, **update: Any) -> list[Output]:
        return self.say(method="session/update", params={"sessionId": "s", "update": update})

    def text(self, text: str, message: str | None = None) -> list[Output]:
        chunk: dict[str, Any] = {"content": {"type": "text", "text": text}}
        if message:
            chunk["messageId"] = message
        return self.update(sessionUpdate="agent_message_chunk", **chunk)

    def tool(self, key: str, **facts: Any) -> list[Output]:
        return self.update(sessionUpdate="tool_call", toolCallId=key, **facts)

    def end(self, reason: str = "end_turn") -> None:
        prompt = next(one for one in self.sent[::-1] if one.get("method") == "session/prompt")
        self.say(id=prompt["id"], result={"stopReason": reason})


def test_a_turn_begins_with_the_handshake_and_the_agents_unattended_mode() -> None:
    modes = {"currentModeId": "default", "availableModes": [{"id": "default"}, {"id": "yolo"}]}
    session = AgentSession("gemini", modes).begin()
    session.answer({})

    assert [one["method"] for one in session.sent] == [
        "initialize",
        "session/new",
        "session/set_mode",
        "session/prompt",
    ]
    assert session.sent[1]["params"] == {"cwd": "/workspace/repo", "mcpServers": []}
    assert session.sent[2]["params"]["modeId"] == "yolo"
    assert session.sent[3]["params"]["prompt"] == [{"type": "text", "text": "do it"}]


def test_a_mode_that_the_agent_refuses_is_done_without() -> None:
    modes = {"currentModeId": "default", "availableModes": [{"id": "yolo"}]}
    session = AgentSession("gemini", modes).begin()

    session.say(id=session.sent[-1]["id"], error={"code": -32603, "message": "not as root"})

    assert session.sent[-1]["method"] == "session/prompt"


def test_the_second_turn_goes_to_the_same_session() -> None:
    session = AgentSession().begin()
    session.end()

    session.take(session.adapter.prompt("more"))

    assert [one["method"] for one in session.sent[2:]] == ["session/prompt", "session/prompt"]


@pytest.mark.parametrize("profile", ["claude", "codex", "gemini", "opencode"])
def test_known_agents_get_their_permissions_for_good(profile: str) -> None:
    session = AgentSession(profile).begin()

    session.say(id="p", method="session/request_permission", params=PERMISSION)

    assert session.sent[-1]["result"] == {"outcome": {"outcome": "selected", "optionId": "always"}}


PERMISSION = {
    "sessionId": "s",
    "toolCall": {"toolCallId": "t", "title": "rm -rf build", "kind": "execute"},
    "options": [
        {"optionId": "once", "name": "Allow", "kind": "allow_once"},
        {"optionId": "always", "name": "Always allow", "kind": "allow_always"},
        {"optionId": "no", "name": "Reject", "kind": "reject_once"},
    ],
}


@pytest.mark.parametrize(
    ("words", "choice", "left"),
    [
        ("Allow", "once", ""),
        ("always allow", "always", ""),
        ("yes", "once", ""),
        ("No.", "no", ""),
        ("Move it to /tmp instead", "no", "Move it to /tmp instead"),
    ],
)
def test_a_person_answers_the_permissions_of_an_agent_nobody_knows(
    words: str, choice: str, left: str
) -> None:
    session = AgentSession().begin()
    session.text("I have to clean up.")
    session.say(id=7, method="session/request_permission", params=PERMISSION)

    outputs, rest = session.adapter.answer(words)
    session.take(outputs)

    assert session.heard == [
        Thought("I have to clean up."),
        Question(
            "The agent asks for permission: rm -rf build", ("Allow", "Always allow", "Reject")
        ),
    ]
    assert session.sent[-1]["id"] == 7
    assert session.sent[-1]["result"] == {"outcome": {"outcome": "selected", "optionId": choice}}
    assert rest == left


def form(**properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties}
    return {"sessionId": "s", "mode": "form", "message": "Tell me", "requestedSchema": schema}


@pytest.mark.parametrize(
    ("shape", "words", "value"),
    [
        ({"type": "string"}, " free text ", "free text"),
        ({"type": "integer"}, "42", 42),
        ({"type": "number"}, "1.5", 1.5),
        ({"type": "boolean"}, "No", False),
        ({"type": "boolean"}, "sure", True),
        ({"type": "string", "enum": ["a", "b"]}, "B", "b"),
        ({"type": "array", "items": {"enum": ["a", "b", "c"]}}, "a, C", ["a", "c"]),
    ],
)
def test_a_persons_words_become_the_forms_value(
    shape: dict[str, Any], words: str, value: Any
) -> None:
    session = AgentSession().begin()
    session.say(id=1, method="elicitation/create", params=form(field=shape))

    session.take(session.adapter.answer(words)[0])

    assert session.sent[-1]["result"] == {"action": "accept", "content": {"field": value}}


def test_words_that_fit_no_field_decline_the_form_and_are_not_lost() -> None:
    session = AgentSession().begin()
    session.say(id=1, method="elicitation/create", params=form(field={"type": "integer"}))

    outputs, left = session.adapter.answer("it depends")
    session.take(outputs)

    assert session.sent[-1]["result"] == {"action": "decline"}
    assert left == "it depends"


def test_a_form_of_several_fields_is_asked_one_by_one() -> None:
    session = AgentSession().begin()
    fields = {"a": {"type": "string", "title": "First"}, "b": {"type": "boolean", "title": "2nd"}}
    session.say(id=1, method="elicitation/create", params=form(**fields))

    session.take(session.adapter.answer("one")[0])
    session.take(session.adapter.answer("yes")[0])

    assert session.heard == [Question("Tell me\n\nFirst"), Question("2nd", ("Yes", "No"))]
    assert session.sent[-1]["result"] == {"action": "accept", "content": {"a": "one", "b": True}}


def test_questions_that_come_together_are_asked_one_after_the_other() -> None:
    session = AgentSession().begin()
    session.say(id=1, method="elicitation/create", params=form(a={"type": "string"}))
    session.say(id=2, method="elicitation/create", params=form(b={"type": "string"}))

    session.take(session.adapter.answer("one")[0])
    session.take(session.adapter.answer("two")[0])

    assert [one["id"] for one in session.sent[-2:]] == [1, 2]
    assert len(session.heard) == 2


def test_a_cancel_answers_what_was_asked() -> None:
    session = AgentSession().begin()
    session.say(id=7, method="session/request_permission", params=PERMISSION)

    session.take(session.adapter.cancel())

    assert session.sent[-2]["method"] == "session/cancel"
    assert session.sent[-1] == {
        "jsonrpc": "2.0",
        "id": 7,
        "result": {"outcome": {"outcome": "cancelled"}},
    }


def test_words_for_a_question_that_was_taken_back_are_no_answer() -> None:
    session = AgentSession().begin()
    session.say(id=7, method="session/request_permission", params=PERMISSION)
    session.say(method="$/cancel_request", params={"requestId": 7})

    assert session.adapter.answer("Allow") == ([], "Allow")


@pytest.mark.parametrize(
    "method", ["fs/read_text_file", "terminal/create", "_vendor/new", "session/whatever"]
)
def test_what_we_do_not_offer_is_refused_as_the_protocol_wants(method: str) -> None:
    session = AgentSession().begin()

    session.say(id=3, method=method, params={})

    assert session.sent[-1]["error"]["code"] == -32601


def test_reads_and_searches_are_told_together_before_what_follows() -> None:
    session = AgentSession().begin()
    for number in range(3):
        where = [{"path": f"/workspace/repo/src/{number}.py"}]
        session.tool(f"r{number}", kind="read", title="Read", locations=where, status="completed")
    session.tool("s", kind="search", title="grep x", status="completed")
    session.tool("e", kind="execute", title="pytest", status="completed", rawOutput="1 passed")
    session.end()

    assert session.heard == [
        ToolFinished("Looked at", "3 files, 1 search", "src/0.py\nsrc/1.py\nsrc/2.py"),
        ToolFinished("Ran", "pytest", "1 passed"),
        TurnEnded(Outcome.COMPLETED, "Completed", ""),
    ]


def test_a_read_that_fails_is_told() -> None:
    session = AgentSession().begin()

    session.tool("r", kind="read", title="Read x", status="failed", rawOutput="no such file")

    assert session.heard == [ToolFinished("Failed to read", "Read x", "no such file")]


def test_an_edit_tells_how_many_lines_it_changed() -> None:
    session = AgentSession().begin()
    diff = {
        "type": "diff",
        "path": "/workspace/repo/a.py",
        "oldText": "a\nb\nc\n",
        "newText": "a\nB\nc\nd\n",
    }

    session.tool("e", kind="edit", title="Edit", status="completed", content=[diff])

    assert session.heard == [ToolFinished("Edited", "a.py", "+2 -1")]


def test_a_tool_that_ends_twice_is_told_once() -> None:
    session = AgentSession().begin()
    for status in ("completed", "completed", "failed"):
        session.tool("e", kind="execute", title="ls", status=status)

    assert session.heard == [ToolFinished("Ran", "ls")]


def test_chunks_of_one_message_are_one_text_whatever_comes_between() -> None:
    session = AgentSession().begin()
    session.text("One ", "m1")
    thought = {"type": "text", "text": "hm"}
    session.update(sessionUpdate="agent_thought_chunk", content=thought, messageId="t1")
    session.update(sessionUpdate="usage_update", used=1, size=2)
    session.text("text.", "m1")
    session.text("Another.", "m2")
    session.end()

    assert session.heard == [
        Thought("One text."),
        TurnEnded(Outcome.COMPLETED, "Completed", "Another."),
    ]


def test_a_to_do_tool_is_a_plan() -> None:
    session = AgentSession("opencode").begin()
    todos = [{"content": "a", "status": "completed"}, {"content": "b", "status": "cancelled"}]

    session.tool("t", title="todowrite", status="completed", rawInput={"todos": todos})

    assert session.heard == [
        PlanChanged((Step("a", StepStatus.COMPLETED), Step("b", StepStatus.CANCELED)))
    ]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("max_tokens", "limit of tokens"),
        ("max_turn_requests", "as many requests"),
        ("refusal", "refused the request"),
        ("cancelled", "nobody asked"),
    ],
)
def test_a_turn_that_stops_early_is_a_failure_in_words(reason: str, words: str) -> None:
    session = AgentSession().begin()
    session.text("So far.")

    session.end(reason)

    (ended,) = session.heard
    assert isinstance(ended, TurnEnded)
    assert (ended.outcome, ended.reason) == (Outcome.FAILED, "AgentFailed")
    assert words in ended.text
    assert ended.text.endswith("Its last words:\n\nSo far.")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"code": -32000, "message": "Authentication required"}, "spec.agent.env"),
        ({"code": -32603, "message": "Internal", "data": {"details": "429 Quota"}}, "quota"),
        ({"code": -32603, "message": "boom"}, "failed in mid-work"),
    ],
)
def test_an_error_of_the_agent_is_a_failure_that_names_the_next_step(
    error: dict[str, Any], words: str
) -> None:
    session = AgentSession().begin()

    session.say(id=session.sent[-1]["id"], error=error)

    (ended,) = session.heard
    assert isinstance(ended, TurnEnded)
    assert ended.outcome is Outcome.FAILED
    assert words in ended.text
    assert error["message"] in ended.text


def test_an_agent_that_never_says_who_it_is_is_given_up() -> None:
    session = AgentSession()
    session.take(session.adapter.prompt("x"))
    (timer,) = session.adapter.started()
    assert isinstance(timer, SetTimer)

    session.take(session.adapter.elapsed(timer.timer))

    (ended,) = session.heard
    assert isinstance(ended, TurnEnded)
    assert "spec.agent.protocol" in ended.text
    assert isinstance(session.adapter.prompt("again")[0], StartProcess)


def test_an_agent_that_dies_in_mid_turn_fails_and_starts_anew() -> None:
    session = AgentSession().begin()

    session.take(session.adapter.exited(ProcessExit(1, "agent", "Error: no disk")))

    (ended,) = session.heard
    assert isinstance(ended, TurnEnded)
    assert ended.reason == "AgentFailed"
    assert "Error: no disk" in ended.text
    assert isinstance(session.adapter.prompt("again")[0], StartProcess)


@pytest.mark.parametrize(
    "line",
    [b"", b"no json", b"[]", b"3", b'"x"', b"{}", b'{"id": 99, "result": {}}', b"\xff\xfe",
     b'{"method": "session/update"}', b'{"method": "session/update", "params": []}',
     b'{"method": "session/update", "params": {"update": {"sessionUpdate": "tool_call"}}}',
     b'{"method": "session/update", "params": {"update": {"sessionUpdate": "plan"}}}',
     b'{"id": {}, "method": "session/request_permission"}', b"[" * 100_000],
)  # fmt: skip
def test_no_line_whatever_is_too_much(line: bytes) -> None:
    session = AgentSession().begin()

    session.take(session.adapter.line(line))
    session.end()

    assert isinstance(session.heard[-1], TurnEnded)


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(SCHEMA.read_text())
    return schema


@pytest.mark.parametrize("name", names())
def test_what_we_send_is_what_the_protocol_allows(name: str, schema: dict[str, Any]) -> None:
    replay = Replay(name)
    replay.run(answer="SQLite")

    for sent in replay.sent:
        shape = {
            "initialize": "InitializeRequest",
            "session/new": "NewSessionRequest",
            "session/prompt": "PromptRequest",
            "session/set_mode": "SetSessionModeRequest",
            "session/cancel": "CancelNotification",
        }.get(sent.get("method", ""))
        if shape is not None:
            checked = {**schema, "$ref": f"#/$defs/{shape}", "anyOf": [{}]}
            Draft202012Validator(checked).validate(sent["params"])
