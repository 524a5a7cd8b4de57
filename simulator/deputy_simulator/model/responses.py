"""OpenAI Responses: `/v1/responses`."""

import json
import time

from aiohttp import web

from deputy_simulator.model.conversation import (
    Answer,
    Conversation,
    Entry,
    Prompt,
    conversation,
    prompt_of,
)
from deputy_simulator.model.reply import INPUT_TOKENS, OUTPUT_TOKENS, Reply
from deputy_simulator.model.wire import Events, Json, objects, texts, words

_OWN = ("function_call", "custom_tool_call", "local_shell_call", "reasoning")


def read(body: Json) -> Conversation:
    """Understand a request.

    An answer is several items here, one after another: they count once.
    """
    given = body.get("input")
    if isinstance(given, str):
        given = [{"type": "message", "role": "user", "content": given}]
    entries: list[Entry] = []
    was_own = False
    for item in objects(given):
        is_own = _is_own(item)
        if is_own and not was_own:
            entries.append(Answer())
        was_own = is_own
        if item.get("role") == "user":
            entries += _prompt(item)
    offered = (str(tool.get("name")) for tool in objects(body.get("tools")))
    return conversation(entries, offered)


def _is_own(item: Json) -> bool:
    kind = item.get("type", "message")
    return kind in _OWN or (kind == "message" and item.get("role") == "assistant")


def _prompt(item: Json) -> list[Prompt]:
    return prompt_of(texts(item.get("content"), kinds=("input_text", "text")))


async def write(request: web.Request, body: Json, reply: Reply) -> web.StreamResponse:
    """Say the reply, at once or in pieces."""
    items = _items(reply)
    head: Json = {
        "id": f"resp_{reply.step}",
        "object": "response",
        "created_at": int(time.time()),
        "model": body.get("model"),
        "status": "in_progress",
        "output": [],
    }
    whole = head | {"status": "completed", "output": items, "usage": _USAGE}
    if not body.get("stream"):
        await reply.wait()
        return web.json_response(whole)
    events = Events(request)
    await events.begin()
    await events.send(
        _numbered(0, {"type": "response.created", "response": head}), "response.created"
    )
    await reply.wait()
    pieces = [event for at, item in enumerate(items) for event in _item_events(at, item)]
    pieces.append({"type": "response.completed", "response": whole})
    for number, event in enumerate(pieces, 1):
        await events.send(_numbered(number, event), event["type"])
    return await events.end()


_USAGE = {
    "input_tokens": INPUT_TOKENS,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": OUTPUT_TOKENS,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
}


def _numbered(number: int, event: Json) -> Json:
    return event | {"sequence_number": number}


def _items(reply: Reply) -> list[Json]:
    items: list[Json] = []
    if reply.thinking:
        summary = [{"type": "summary_text", "text": reply.thinking}]
        items.append({"type": "reasoning", "id": f"rs_{reply.step}", "summary": summary})
    if reply.text:
        content = [{"type": "output_text", "text": reply.text, "annotations": []}]
        head = {"type": "message", "id": f"msg_{reply.step}", "role": "assistant"}
        items.append({**head, "status": "completed", "content": content})
    for index, use in enumerate(reply.uses):
        head = {"type": "function_call", "id": f"fc_{reply.call_id(index)}", "name": use.name}
        call = {"call_id": reply.call_id(index), "arguments": json.dumps(use.input)}
        items.append({**head, **call, "status": "completed"})
    return items


def _item_events(at: int, item: Json) -> list[Json]:
    empty: Json = {"message": {"content": []}, "reasoning": {"summary": []}}.get(item["type"], {})
    place = {"item_id": item["id"], "output_index": at}
    events: list[Json] = [
        {"type": "response.output_item.added", "output_index": at, "item": {**item, **empty}}
    ]
    if item["type"] == "message":
        delta = {"type": "response.output_text.delta", **place, "content_index": 0}
        events += [{**delta, "delta": piece} for piece in words(item["content"][0]["text"])]
    if item["type"] == "reasoning":
        part = {**place, "summary_index": 0}
        nothing = {"type": "summary_text", "text": ""}
        text = item["summary"][0]["text"]
        events += [
            {"type": "response.reasoning_summary_part.added", **part, "part": nothing},
            {"type": "response.reasoning_summary_text.delta", **part, "delta": text},
        ]
    return [*events, {"type": "response.output_item.done", "output_index": at, "item": item}]
