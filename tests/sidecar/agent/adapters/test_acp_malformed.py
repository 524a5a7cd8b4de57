"""An agent that says what no protocol allows ends at most its own turn, never the sidecar."""

import json
from typing import Any

import pytest

from deputy.wire import Outcome
from deputy_sidecar.agent.adapters.acp import AcpAdapter
from deputy_sidecar.agent.adapters.model import Output, TurnEnded
from deputy_sidecar.agent.profiles import profile_named


def line(**message: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message}).encode()


def greeted() -> AcpAdapter:
    adapter = AcpAdapter(profile_named("claude"))
    adapter.prompt("do it")
    adapter.line(line(id=1, result={}))
    return adapter


def working() -> AcpAdapter:
    adapter = greeted()
    adapter.line(line(id=2, result={"sessionId": "s"}))
    return adapter


def form(schema: Any) -> bytes:
    params = {"mode": "form", "message": "?", "requestedSchema": schema}
    return line(id=9, method="elicitation/create", params=params)


def update(**fields: Any) -> bytes:
    return line(method="session/update", params={"update": fields})


@pytest.mark.parametrize("modes", [[], {"availableModes": 5}, {"availableModes": [1, None]}])
def test_modes_that_are_none_are_passed_over(modes: Any) -> None:
    greeted().line(line(id=2, result={"sessionId": "s", "modes": modes}))


@pytest.mark.parametrize(
    "schema",
    [
        [],
        {"properties": ["a"]},
        {"properties": {"a": {"oneOf": [1, "x"]}}},
        {"properties": {"a": {"type": "array", "items": {"type": "array", "items": {}}}}},
    ],
)
def test_a_form_that_is_none_can_still_be_answered(schema: Any) -> None:
    adapter = working()
    adapter.line(form(schema))

    outputs, _ = adapter.answer("yes")

    assert outputs


def test_a_tools_output_may_be_nested_as_deep_as_json_goes() -> None:
    deep = b"[" * 900 + b"]" * 900
    started = update(sessionUpdate="tool_call", toolCallId="t", status="completed", rawOutput=0)

    outputs = working().line(started.replace(b'"rawOutput": 0', b'"rawOutput": ' + deep))

    assert outputs


def test_half_a_character_is_replaced_before_anybody_has_to_encode_it() -> None:
    adapter = working()
    chunk = {"type": "text", "text": "cut \ud83d"}
    adapter.line(update(sessionUpdate="agent_message_chunk", content=chunk))

    outputs = adapter.line(line(id=3, result={"stopReason": "end_turn"}))

    assert ended(outputs) == TurnEnded(Outcome.COMPLETED, "Completed", "cut ?")


def test_a_whole_character_stays_as_it_is() -> None:
    adapter = working()
    chunk = {"type": "text", "text": "\U0001f600"}
    adapter.line(update(sessionUpdate="agent_message_chunk", content=chunk))

    outputs = adapter.line(line(id=3, result={"stopReason": "end_turn"}))

    assert ended(outputs) == TurnEnded(Outcome.COMPLETED, "Completed", "\U0001f600")


def ended(outputs: list[Output]) -> Output:
    return next(one for one in outputs if isinstance(one, TurnEnded))
