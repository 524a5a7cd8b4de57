"""The sidecar's small HTTP client, against a real server and against a bad one."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from aiohttp import web

from deputy.wire import (
    EventsAnswer,
    GitToken,
    Message,
    MessageKind,
    NumberedEvent,
    Thought,
    to_json,
)
from deputy_sidecar.errors import RelayRefused, RelayUnreachable
from deputy_sidecar.relay.client import RelayClient, address_of
from tests.sidecar.certificates import authority_and_server

Handler: TypeAlias = Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]
Serve: TypeAlias = Callable[..., Coroutine[Any, Any, str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    runners: list[web.AppRunner] = []

    async def start(handler: Handler, context: ssl.SSLContext | None = None, port: int = 0) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
        runners.append(runner)
        scheme = "https" if context else "http"
        return f"{scheme}://localhost:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("first\n")
    return path


async def test_events_are_posted_as_the_wire_has_them(serve: Serve, token_file: Path) -> None:
    seen: list[Any] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, request.path, await request.json()))
        return web.json_response({"acked": 2, "refused": {"2": "too long"}, "news": True})

    client = RelayClient(address_of(await serve(handler), "", token_file))
    batch = [NumberedEvent(1, Thought("Grüße 世界")), NumberedEvent(2, Thought("x"))]

    answer = await client.events(batch)

    assert answer == EventsAnswer(2, {2: "too long"})
    assert seen == [("POST", "/v1/events", {"events": [to_json(one) for one in batch]})]
    client.close()


async def test_the_inbox_is_read_after_the_last_message(serve: Serve, token_file: Path) -> None:
    seen: list[dict[str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(dict(request.query))
        message = {"id": "m", "kind": "Prompt", "text": "hi", "sender": "A", "more": 1}
        return web.json_response({"messages": [message]})

    client = RelayClient(address_of(await serve(handler), "", token_file))

    messages = await client.inbox("a/b &c", 2.5)

    assert messages == [Message("m", MessageKind.PROMPT, "hi", "A")]
    assert seen == [{"after": "a/b &c", "wait": "2.5"}]
    client.close()


def replace(token_file: Path, token: str) -> None:
    token_file.write_text(token)


async def test_the_token_is_read_anew_for_each_call(serve: Serve, token_file: Path) -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        token = GitToken("user", "pass", 60)
        return web.json_response(to_json(token))

    client = RelayClient(address_of(await serve(handler), "", token_file))
    await client.git_token()
    replace(token_file, "second")

    assert await client.git_token() == GitToken("user", "pass", 60)
    assert seen == ["Bearer first", "Bearer second"]
    client.close()


async def test_an_answer_in_chunks_is_put_together(serve: Serve, token_file: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for part in (b'{"acked"', b": 7", b"}"):
            await response.write(part)
        return response

    client = RelayClient(address_of(await serve(handler), "", token_file))

    assert await client.events([]) == EventsAnswer(7)
    assert await client.events([]) == EventsAnswer(7)
    client.close()


async def test_a_relay_that_was_restarted_is_called_on_a_new_connection(
    serve: Serve, token_file: Path
) -> None:
    async def handler(request: web.Request) -> web.Response:
        response = web.json_response({"acked": 1})
        asyncio.get_running_loop().call_soon(_drop, request)
        return response

    client = RelayClient(address_of(await serve(handler), "", token_file))

    assert await client.events([]) == EventsAnswer(1)
    await asyncio.sleep(0)
    assert await client.events([]) == EventsAnswer(1)
    client.close()


def _drop(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()


@pytest.mark.parametrize(
    ("status", "final"),
    [(400, True), (401, False), (403, False), (409, False), (413, True), (429, False),
     (500, False), (503, False)],
)  # fmt: skip
async def test_a_refusal_has_its_status_and_the_relays_words(
    status: int, final: object, serve: Serve, token_file: Path
) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response({"error": "because"}, status=status)

    client = RelayClient(address_of(await serve(handler), "", token_file))

    with pytest.raises(RelayRefused) as caught:
        await client.git_token()

    assert (caught.value.status, caught.value.message) == (status, "because")
    assert caught.value.is_final is final
    client.close()


async def test_nobody_there_is_unreachable(token_file: Path) -> None:
    client = RelayClient(address_of("http://127.0.0.1:9", "", token_file))

    with pytest.raises(RelayUnreachable, match="cannot be reached"):
        await client.git_token()


@pytest.mark.parametrize(
    "answer",
    [b"", b"no http\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
     b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
     b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000],
)  # fmt: skip
async def test_what_is_no_relay_is_unreachable(answer: bytes, token_file: Path) -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = RelayClient(address_of(f"http://127.0.0.1:{port}", "", token_file))

    with pytest.raises(RelayUnreachable):
        await client.events([])

    client.close()
    server.close()


async def test_a_relay_is_known_by_the_operators_authority(
    serve: Serve, token_file: Path, tmp_path: Path
) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response({"acked": 3})

    authority, context = authority_and_server(tmp_path)
    url = await serve(handler, context)

    with contextlib.closing(RelayClient(address_of(url, authority, token_file))) as client:
        assert await client.events([]) == EventsAnswer(3)
    for other in ("", authority_and_server(tmp_path)[0]):
        with pytest.raises(RelayUnreachable, match="certificate"):
            await RelayClient(address_of(url, other, token_file)).events([])


async def test_a_message_of_a_newer_operator_is_passed_over(serve: Serve, token_file: Path) -> None:
    later = Message("m-2", MessageKind.PROMPT, "go on", "jane")

    async def handler(_request: web.Request) -> web.Response:
        return web.json_response({"messages": [{"id": "m-1", "kind": "Dance"}, to_json(later)]})

    client = RelayClient(address_of(await serve(handler), "", token_file))

    assert await client.inbox("", 0) == [later]
    client.close()
