"""Anthropic Messages: `/v1/messages`."""

import json

from aiohttp import web

from deputy_simulator.model.conversation import Answer, Conversation, Entry, conversation, prompt_of
from deputy_simulator.model.reply import INPUT_TOKENS, OUTPUT_TOKENS, Reply
from deputy_simulator.model.wire import Events, Json, objects, texts, words


def read(body: Json) -> Conversation:
    """Understand a request."""
    entries: list[Entry] = []
    for message in objects(body.get("messages")):
        if message.get("role") == "assistant":
            entries.append(Answer())
        else:
            entries += prompt_of(texts(message.get("content")))
    offered = (str(tool.get("name")) for tool in objects(body.get("tools")))
    return conversation(entries, offered)


async def write(request: web.Request, body: Json, reply: Reply) -> web.StreamResponse:
    """Say the reply, at once or in pieces."""
    blocks, stop = _blocks(reply), "tool_use" if reply.uses else "end_turn"
    message = _message(body, reply)
    if not body.get("stream"):
        await reply.wait()
        return web.json_response(message | {"content": blocks, "stop_reason": stop})
    events = Events(request)
    await events.begin()
    await _send(events, {"type": "message_start", "message": message})
    await reply.wait()
    for index, block in enumerate(blocks):
        for event in _block_events(index, block):
            await _send(events, event)
    end = {"stop_reason": stop, "stop_sequence": None}
    usage = {"output_tokens": OUTPUT_TOKENS}
    await _send(events, {"type": "message_delta", "delta": end, "usage": usage})
    await _send(events, {"type": "message_stop"})
    return await events.end()


async def _send(events: Events, event: Json) -> None:
    await events.send(event, event["type"])


def _message(body: Json, reply: Reply) -> Json:
    usage = {
        "input_tokens": INPUT_TOKENS,
        "output_tokens": 1,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
    }
    return {
        "id": f"msg_{reply.step}",
        "type": "message",
        "role": "assistant",
        "model": body.get("model"),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def _blocks(reply: Reply) -> list[Json]:
    blocks: list[Json] = []
    if reply.thinking:
        signature = "c2NyaXB0ZWQ="
        blocks.append({"type": "thinking", "thinking": reply.thinking, "signature": signature})
    if reply.text:
        blocks.append({"type": "text", "text": reply.text})
    for index, use in enumerate(reply.uses):
        head = {"type": "tool_use", "id": f"toolu_{reply.call_id(index)}"}
        blocks.append({**head, "name": use.name, "input": use.input})
    return blocks


def _block_events(index: int, block: Json) -> list[Json]:
    start: Json
    match block["type"]:
        case "text":
            start = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in words(block["text"])]
        case "thinking":
            start = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [
                {"type": "thinking_delta", "thinking": block["thinking"]},
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        case _:
            start = {**block, "input": {}}
            given = json.dumps(block["input"])
            deltas = [{"type": "input_json_delta", "partial_json": given}]
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]
