"""OpenAI Chat Completions: `/v1/chat/completions`."""

import json
import time

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
        elif message.get("role") == "user":
            entries += prompt_of(texts(message.get("content")))
    offered = (str((tool.get("function") or {}).get("name")) for tool in objects(body.get("tools")))
    return conversation(entries, offered)


async def write(request: web.Request, body: Json, reply: Reply) -> web.StreamResponse:
    """Say the reply, at once or in pieces."""
    calls, finish = _calls(reply), "tool_calls" if reply.uses else "stop"
    head = {
        "id": f"chatcmpl-{reply.step}",
        "created": int(time.time()),
        "model": body.get("model"),
    }
    if not body.get("stream"):
        await reply.wait()
        message: Json = {"role": "assistant", "content": reply.text}
        message |= {"tool_calls": calls} if calls else {}
        choice = {"index": 0, "message": message, "finish_reason": finish}
        whole = {"object": "chat.completion", "choices": [choice], "usage": _USAGE}
        return web.json_response(head | whole)
    head |= {"object": "chat.completion.chunk"}
    events = Events(request)
    await events.begin()
    await reply.wait()
    for delta in _deltas(reply, calls):
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        await events.send(head | {"choices": [choice]})
    choice = {"index": 0, "delta": {}, "finish_reason": finish}
    await events.send(head | {"choices": [choice]})
    await events.send(head | {"choices": [], "usage": _USAGE})
    await events.send("[DONE]")
    return await events.end()


_USAGE = {
    "prompt_tokens": INPUT_TOKENS,
    "completion_tokens": OUTPUT_TOKENS,
    "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
}


def _calls(reply: Reply) -> list[Json]:
    return [
        {
            "index": index,
            "id": reply.call_id(index),
            "type": "function",
            "function": {"name": use.name, "arguments": json.dumps(use.input)},
        }
        for index, use in enumerate(reply.uses)
    ]


def _deltas(reply: Reply, calls: list[Json]) -> list[Json]:
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    if reply.thinking:
        deltas.append({"reasoning_content": reply.thinking})
    deltas += [{"content": piece} for piece in words(reply.text) if piece]
    return deltas + [{"tool_calls": [call]} for call in calls]
