"""The scripted model as an aiohttp application."""

import asyncio
import collections
import dataclasses
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from deputy_simulator.model import anthropic, chat, gemini, responses
from deputy_simulator.model.conversation import Choice, Conversation, choose
from deputy_simulator.model.reply import Reply
from deputy_simulator.model.scenarios import names
from deputy_simulator.model.script import Scenario
from deputy_simulator.model.tools import tool_use
from deputy_simulator.model.wire import Json

#: What is said to an agent that asks for a title, or for anything else beside the conversation.
ASIDE = "A scripted conversation"
ASIDE_JSON = {
    "reasoning": "scripted",
    "next_speaker": "user",
    "model_choice": "flash",
    "complexity_reasoning": "scripted",
    "complexity_score": 1,
}

LOGGED = 1_000
_LONGEST_LOGGED = 4_000


@dataclasses.dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of agent asks and wants to be answered."""

    name: str
    read: Callable[[Json], Conversation]
    write: Callable[[web.Request, Json, Reply], Awaitable[web.StreamResponse]]


ANTHROPIC = Dialect("anthropic", anthropic.read, anthropic.write)
RESPONSES = Dialect("responses", responses.read, responses.write)
CHAT = Dialect("chat", chat.read, chat.write)
GEMINI = Dialect("gemini", gemini.read, gemini.write)


@dataclasses.dataclass(frozen=True, slots=True)
class Logged:
    """A request as the log has it: what was asked and what is answered, and no key."""

    time: float
    dialect: str
    scenario: str
    step: int
    prompts: list[str]
    tools: list[str]
    text: str
    calls: list[str]
    status: int


@dataclasses.dataclass(slots=True)
class Model:
    """What a scripted model holds: its script, a log, and faults to come."""

    scenarios: Mapping[str, Scenario]
    log: collections.deque[Logged] = dataclasses.field(
        default_factory=lambda: collections.deque(maxlen=LOGGED)
    )
    broken: int = 0
    broken_status: int = 503


MODEL: web.AppKey[Model] = web.AppKey("model", Model)


def make_app(scenarios: Mapping[str, Scenario] | None = None) -> web.Application:
    """Return the model; `scenarios` are beside the built-in ones, and win."""
    # Histories grow long, and agents send the whole of them each time.
    app = web.Application(client_max_size=64 * 1024**2)
    app[MODEL] = Model(scenarios or {})
    app.router.add_routes(
        [
            web.post("/v1/messages", _anthropic),
            web.post("/v1/messages/count_tokens", _count_anthropic),
            web.post("/v1/responses", _responses),
            web.post("/v1/chat/completions", _chat),
            web.get("/v1/models", _models),
            web.post(r"/{version:v1\w*}/models/{model}:countTokens", _count_gemini),
            web.post(r"/{version:v1\w*}/models/{model}:generateContent", _gemini),
            web.post(r"/{version:v1\w*}/models/{model}:streamGenerateContent", _gemini),
            web.get("/control/requests", _show_requests),
            web.delete("/control/requests", _forget_requests),
            web.get("/control/scenarios", _show_scenarios),
            web.post("/control/faults", _break),
            web.get("/healthz", _healthz),
        ]
    )
    return app


async def _anthropic(request: web.Request) -> web.StreamResponse:
    return await _answer(request, ANTHROPIC)


async def _responses(request: web.Request) -> web.StreamResponse:
    return await _answer(request, RESPONSES)


async def _chat(request: web.Request) -> web.StreamResponse:
    return await _answer(request, CHAT)


async def _gemini(request: web.Request) -> web.StreamResponse:
    return await _answer(request, GEMINI)


async def _answer(request: web.Request, dialect: Dialect) -> web.StreamResponse:
    """Understand a request, find what comes next, say it in the same dialect."""
    model = request.app[MODEL]
    try:
        body: Any = await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        body = None
    if not isinstance(body, dict):
        return _refusal(400, "the body is not a JSON object")
    seen = dialect.read(body)
    choice = None if seen.is_aside else choose(seen, model.scenarios)
    status = _status(model, choice)
    reply = _reply(seen, choice)
    model.log.append(_logged(dialect, seen, choice, reply, status))
    if status != 200:
        await asyncio.sleep(reply.delay)
        return _refusal(status, "the script has no answer here")
    return await dialect.write(request, body, reply)


def _status(model: Model, choice: Choice | None) -> int:
    if model.broken > 0:
        model.broken -= 1
        return model.broken_status
    return (choice.turn.refusal if choice else 0) or 200


def _reply(seen: Conversation, choice: Choice | None) -> Reply:
    if choice is None:
        return Reply(0, json.dumps(ASIDE_JSON) if seen.wants_json else ASIDE)
    turn = choice.turn
    uses = tuple(tool_use(call, seen.offered) for call in turn.calls)
    # Ids differ from prompt to prompt, or an agent would take a later call for an earlier one.
    step = len(seen.prompts) * 1_000 + choice.step
    return Reply(step, turn.text, turn.thinking, uses, turn.delay)


def _refusal(status: int, message: str) -> web.Response:
    """Refuse in a form that every dialect's clients understand."""
    error = {"code": status, "message": message, "status": "SCRIPTED", "type": "scripted_error"}
    return web.json_response({"type": "error", "error": error}, status=status)


def _logged(
    dialect: Dialect, seen: Conversation, choice: Choice | None, reply: Reply, status: int
) -> Logged:
    return Logged(
        time=time.time(),
        dialect=dialect.name,
        scenario=choice.scenario if choice else "",
        step=choice.step if choice else 0,
        prompts=[prompt[:_LONGEST_LOGGED] for prompt in seen.prompts],
        tools=sorted(seen.offered),
        text=reply.text,
        calls=[use.name for use in reply.uses],
        status=status,
    )


async def _count_anthropic(_request: web.Request) -> web.Response:
    return web.json_response({"input_tokens": 100})


async def _count_gemini(_request: web.Request) -> web.Response:
    return web.json_response({"totalTokens": 100})


async def _models(_request: web.Request) -> web.Response:
    one = {"id": "scripted", "object": "model", "type": "model", "display_name": "Scripted"}
    return web.json_response({"object": "list", "data": [one], "has_more": False})


async def _show_requests(request: web.Request) -> web.Response:
    return web.json_response([dataclasses.asdict(entry) for entry in request.app[MODEL].log])


async def _forget_requests(request: web.Request) -> web.Response:
    request.app[MODEL].log.clear()
    return web.json_response({})


async def _show_scenarios(request: web.Request) -> web.Response:
    return web.json_response(sorted({*names(), *request.app[MODEL].scenarios}))


async def _break(request: web.Request) -> web.Response:
    given = await request.json()
    model = request.app[MODEL]
    model.broken, model.broken_status = int(given.get("count", 1)), int(given.get("status", 503))
    return web.json_response({"count": model.broken, "status": model.broken_status}, status=201)


async def _healthz(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")
