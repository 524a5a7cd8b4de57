"""Facts of the four dialects: what a request means, and what its answer holds."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from deputy_simulator.model.app import ASIDE, make_app
from deputy_simulator.model.script import Scenario, Turn, read, shell

Json = dict[str, Any]
Client = TestClient[Request, Application]

SCRIPT = Scenario(
    "default",
    (
        Turn("Let me look.", "Hm.", (read("a.py"), shell("ls", "Look"))),
        Turn("All done now."),
    ),
    (Turn("Noted: {prompt}"),),
)

ANTHROPIC, RESPONSES = "/v1/messages", "/v1/responses"
CHAT = "/v1/chat/completions"
GEMINI = "/v1beta/models/gemini-2.5-flash:"


@pytest.fixture
async def model() -> AsyncIterator[Client]:
    async with TestClient(TestServer(make_app({"default": SCRIPT}))) as client:
        yield client


async def ask(model: Client, path: str, body: Json) -> Json:
    async with model.post(path, json=body) as answer:
        assert answer.status == 200
        found: Json = await answer.json()
        return found


async def stream(model: Client, path: str, body: Json) -> list[Json]:
    async with model.post(path, json=body) as answer:
        assert answer.content_type == "text/event-stream"
        lines = (await answer.text()).splitlines()
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    return [json.loads(text) for text in data if text != "[DONE]"]


def anthropic(messages: list[Json], **more: Any) -> Json:
    return {"model": "m", "messages": messages, "tools": [{"name": "Bash"}], **more}


def responses(items: list[Json], **more: Any) -> Json:
    tool = {"type": "function", "name": "exec_command"}
    return {"model": "m", "input": items, "tools": [tool], **more}


def chat(messages: list[Json], **more: Any) -> Json:
    tool = {"type": "function", "function": {"name": "bash"}}
    return {"model": "m", "messages": messages, "tools": [tool], **more}


def gemini(contents: list[Json], **more: Any) -> Json:
    tool = {"functionDeclarations": [{"name": "run_shell_command"}]}
    return {"contents": contents, "tools": [tool], **more}


USER: Json = {"role": "user", "content": [{"type": "text", "text": "Fix it"}]}
INPUT: Json = {"type": "message", "role": "user"} | {
    "content": [{"type": "input_text", "text": "Fix it"}]
}
SAID: Json = {"role": "user", "parts": [{"text": "Fix it"}]}


async def test_anthropic_answers_with_blocks(model: Client) -> None:
    answer = await ask(model, ANTHROPIC, anthropic([USER]))

    assert answer["stop_reason"] == "tool_use"
    assert [block["type"] for block in answer["content"]] == [
        "thinking",
        "text",
        "tool_use",
        "tool_use",
    ]
    assert answer["content"][2]["input"] == {"command": "cat a.py", "description": ""}


async def test_anthropic_streams_the_same_blocks(model: Client) -> None:
    whole = await ask(model, ANTHROPIC, anthropic([USER]))

    events = await stream(model, ANTHROPIC, anthropic([USER], stream=True))

    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    text = "".join(delta.get("text", "") for delta in deltas)
    uses = [json.loads(delta["partial_json"]) for delta in deltas if "partial_json" in delta]
    assert text == whole["content"][1]["text"]
    assert uses == [block["input"] for block in whole["content"][2:]]
    assert [event["type"] for event in events][:1] == ["message_start"]
    assert [event["type"] for event in events][-2:] == ["message_delta", "message_stop"]


async def test_anthropic_tool_results_are_no_prompts(model: Client) -> None:
    result = {"type": "tool_result", "tool_use_id": "toolu_call_1000_0", "content": "x"}
    history = [
        USER,
        {"role": "assistant", "content": [{"type": "tool_use", "name": "Bash"}]},
        {"role": "user", "content": [result]},
    ]

    answer = await ask(model, ANTHROPIC, anthropic(history))

    assert [block.get("text") for block in answer["content"]] == ["All done now."]
    assert answer["stop_reason"] == "end_turn"


async def test_responses_answer_with_items(model: Client) -> None:
    answer = await ask(model, RESPONSES, responses([INPUT]))

    assert [item["type"] for item in answer["output"]] == [
        "reasoning",
        "message",
        "function_call",
        "function_call",
    ]
    assert json.loads(answer["output"][2]["arguments"]) == {"cmd": "cat a.py"}


async def test_responses_stream_ends_with_the_whole(model: Client) -> None:
    whole = await ask(model, RESPONSES, responses([INPUT]))

    events = await stream(model, RESPONSES, responses([INPUT], stream=True))

    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[-1]["type"] == "response.completed"
    assert events[-1]["response"]["output"] == whole["output"]
    text = "".join(
        event["delta"] for event in events if event["type"] == "response.output_text.delta"
    )
    assert text == "Let me look."


async def test_responses_count_the_items_of_one_answer_once(model: Client) -> None:
    own: list[Json] = [
        {"type": "reasoning"},
        {"type": "message", "role": "assistant", "content": []},
    ]
    calls = [{"type": "function_call"}, {"type": "function_call"}]
    results = [{"type": "function_call_output"}, {"type": "function_call_output"}]

    answer = await ask(model, RESPONSES, responses([INPUT, *own, *calls, *results]))

    assert answer["output"][0]["content"][0]["text"] == "All done now."


async def test_chat_answers_with_a_message(model: Client) -> None:
    answer = await ask(model, CHAT, chat([{"role": "user", "content": "Fix it"}]))

    (choice,) = answer["choices"]
    names = [call["function"]["name"] for call in choice["message"]["tool_calls"]]
    assert (choice["finish_reason"], names) == ("tool_calls", ["bash", "bash"])


async def test_chat_streams_the_same_message(model: Client) -> None:
    body = chat([{"role": "user", "content": "Fix it"}], stream=True)

    chunks = await stream(model, CHAT, body)

    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "Let me look."
    assert sum(len(delta.get("tool_calls", [])) for delta in deltas) == 2
    assert [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]][-1] == (
        "tool_calls"
    )


async def test_chat_system_and_tool_messages_are_no_prompts(model: Client) -> None:
    history: list[Json] = [
        {"role": "system", "content": "You are"},
        {"role": "user", "content": "Fix it"},
        {"role": "assistant", "content": "", "tool_calls": []},
        {"role": "tool", "content": "x"},
    ]

    answer = await ask(model, CHAT, chat(history))

    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "All done now."}


async def test_gemini_answers_with_parts(model: Client) -> None:
    answer = await ask(model, GEMINI + "generateContent", gemini([SAID]))

    (candidate,) = answer["candidates"]
    assert candidate["finishReason"] == "STOP"
    assert candidate["content"]["parts"] == [
        {"text": "Hm.", "thought": True},
        {"text": "Let me look."},
        {
            "functionCall": {
                "id": "call_1000_0",
                "name": "read_file",
                "args": {"file_path": "a.py"},
            }
        },
        {
            "functionCall": {
                "id": "call_1000_1",
                "name": "run_shell_command",
                "args": {"command": "ls", "description": "Look"},
            }
        },
    ]


async def test_gemini_streams_the_same_parts(model: Client) -> None:
    whole = await ask(model, GEMINI + "generateContent", gemini([SAID]))

    chunks = await stream(model, GEMINI + "streamGenerateContent?alt=sse", gemini([SAID]))

    parts = [chunk["candidates"][0]["content"]["parts"] for chunk in chunks]
    assert [part for (part,) in parts][:-1] == whole["candidates"][0]["content"]["parts"]
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"


async def test_gemini_function_responses_are_no_prompts_and_a_second_prompt_is(
    model: Client,
) -> None:
    history: list[Json] = [
        {"role": "user", "parts": [{"text": "<session_context>\nx"}, {"text": "Fix it"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "read_file"}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "read_file"}}]},
    ]
    again: list[Json] = [
        {"role": "model", "parts": [{"text": "All done now."}]},
        {"role": "user", "parts": [{"text": "And hello"}]},
    ]
    path = GEMINI + "generateContent"

    first = await ask(model, path, gemini(history))
    second = await ask(model, path, gemini([*history, *again]))

    said = [answer["candidates"][0]["content"]["parts"] for answer in (first, second)]
    assert said == [[{"text": "All done now."}], [{"text": "Noted: And hello"}]]


async def test_request_without_tools_is_answered_beside_the_script(model: Client) -> None:
    path = GEMINI + "generateContent"
    wants_json = {"generationConfig": {"responseMimeType": "application/json"}}

    title = await ask(model, path, {"contents": [SAID]})
    choice = await ask(model, path, {"contents": [SAID]} | wants_json)

    assert title["candidates"][0]["content"]["parts"] == [{"text": ASIDE}]
    text = choice["candidates"][0]["content"]["parts"][0]["text"]
    assert json.loads(text)["next_speaker"] == "user"


async def test_repeated_request_gets_the_same_answer(model: Client) -> None:
    path = GEMINI + "generateContent"

    assert await ask(model, path, gemini([SAID])) == await ask(model, path, gemini([SAID]))


async def test_script_can_refuse_and_faults_can_be_ordered(model: Client) -> None:
    said = {"role": "user", "parts": [{"text": "[[script: fails]]"}]}
    history: list[Json] = [said, {"role": "model", "parts": []}]
    path = GEMINI + "generateContent"

    async with model.post(path, json=gemini(history)) as refused:
        assert refused.status == 400
    async with model.post("/control/faults", json={"count": 1, "status": 529}) as ordered:
        assert ordered.status == 201
    async with model.post(path, json=gemini([SAID])) as broken:
        assert broken.status == 529
    await ask(model, path, gemini([SAID]))


async def test_log_holds_what_was_asked_and_answered_and_no_key(model: Client) -> None:
    key = "sk-nobody-may-see-this"
    headers = {"Authorization": f"Bearer {key}", "x-goog-api-key": key}
    async with model.post(
        GEMINI + "generateContent", json=gemini([SAID]), headers=headers
    ) as answer:
        assert answer.status == 200

    async with model.get("/control/requests") as log:
        text = await log.text()

    (entry,) = json.loads(text)
    assert key not in text
    assert entry | {"time": 0} == {
        "time": 0,
        "dialect": "gemini",
        "scenario": "default",
        "step": 0,
        "prompts": ["Fix it"],
        "tools": ["run_shell_command"],
        "text": "Let me look.",
        "calls": ["read_file", "run_shell_command"],
        "status": 200,
    }


async def test_body_that_is_no_json_is_refused(model: Client) -> None:
    async with model.post(ANTHROPIC, data=b"{") as answer:
        assert answer.status == 400


async def test_counts_and_models_are_answered(model: Client) -> None:
    counted = await ask(model, ANTHROPIC + "/count_tokens", {})
    counted_too = await ask(model, GEMINI + "countTokens", {})
    async with model.get("/v1/models") as models, model.get("/healthz") as healthy:
        assert [one["id"] for one in (await models.json())["data"]] == ["scripted"]
        assert healthy.status == 200

    assert (counted, counted_too) == ({"input_tokens": 100}, {"totalTokens": 100})
