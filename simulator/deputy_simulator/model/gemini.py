"""Gemini: `models/<model>:generateContent` and `:streamGenerateContent`."""

from aiohttp import web

from deputy_simulator.model.conversation import Answer, Conversation, Entry, conversation, prompt_of
from deputy_simulator.model.reply import INPUT_TOKENS, OUTPUT_TOKENS, Reply
from deputy_simulator.model.wire import Events, Json, objects


def read(body: Json) -> Conversation:
    """Understand a request."""
    entries: list[Entry] = []
    for content in objects(body.get("contents")):
        if content.get("role") == "model":
            entries.append(Answer())
        else:
            parts = objects(content.get("parts"))
            entries += prompt_of(str(part["text"]) for part in parts if "text" in part)
    declared = [
        declaration
        for tool in objects(body.get("tools"))
        for declaration in objects(tool.get("functionDeclarations"))
    ]
    wanted = body.get("generationConfig") or {}
    wants_json = wanted.get("responseMimeType") == "application/json"
    offered = (str(declaration.get("name")) for declaration in declared)
    return conversation(entries, offered, wants_json=wants_json)


async def write(request: web.Request, body: Json, reply: Reply) -> web.StreamResponse:
    """Say the reply, at once or in pieces."""
    del body
    parts = _parts(reply)
    if "stream" not in request.path:
        await reply.wait()
        return web.json_response(_response(reply, parts, "STOP"))
    events = Events(request)
    await events.begin()
    await reply.wait()
    for part in parts:
        await events.send(_response(reply, [part]))
    await events.send(_response(reply, [{"text": ""}], "STOP"))
    return await events.end()


def _parts(reply: Reply) -> list[Json]:
    parts: list[Json] = []
    if reply.thinking:
        parts.append({"text": reply.thinking, "thought": True})
    if reply.text:
        parts.append({"text": reply.text})
    for index, use in enumerate(reply.uses):
        call = {"id": reply.call_id(index), "name": use.name, "args": use.input}
        parts.append({"functionCall": call})
    return parts


def _response(reply: Reply, parts: list[Json], finish: str = "") -> Json:
    candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": INPUT_TOKENS,
            "candidatesTokenCount": OUTPUT_TOKENS,
            "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
        },
        "modelVersion": "scripted",
        "responseId": f"response-{reply.step}",
    }
