"""How processes reach Linear and forges: whom they trust, and by which proxy."""

import asyncio
import datetime as dt
import pathlib

import httpx
import pytest
from aiohttp import web

from deputy.processes.outbound import http_client
from deputy.relay.ca import server_context
from deputy.relay.certificates import make_ca
from deputy.settings import InvalidSetting, WebhookSettings

NOW = dt.datetime.now(dt.UTC)


def settings_of(**variables: str) -> WebhookSettings:
    required = {"DEPUTY_NAMESPACE": "deputy", "DEPUTY_POD_NAME": "pod-1"}
    return WebhookSettings.from_environment(required | variables)


async def test_a_forge_with_a_private_authority_is_trusted_where_it_is_named(
    tmp_path: pathlib.Path,
) -> None:
    ca, path = make_ca(NOW), tmp_path / "ca.crt"
    path.write_bytes(ca.certificate)
    app = web.Application()
    app.router.add_get("/", _answer)
    runner = web.AppRunner(app)
    await runner.setup()
    context = server_context(ca, "https://127.0.0.1", NOW)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        async with http_client(settings_of(DEPUTY_EXTRA_CA=str(path)), 5.0) as trusting:
            assert (await trusting.get(url)).text == "forge"
        async with http_client(settings_of(), 5.0) as other:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await other.get(url)
    finally:
        await runner.cleanup()


async def _answer(_: web.Request) -> web.Response:
    return web.Response(text="forge")


def test_the_public_authorities_are_trusted_as_well(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "ca.crt"
    path.write_bytes(make_ca(NOW).certificate)
    public = httpx.create_ssl_context().cert_store_stats()["x509_ca"]

    client = http_client(settings_of(DEPUTY_EXTRA_CA=str(path)), 5.0)

    transport = client._transport
    assert isinstance(transport, httpx.AsyncHTTPTransport)
    context = transport._pool._ssl_context
    assert context is not None
    assert context.cert_store_stats()["x509_ca"] == public + 1


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_ca_that_is_none_is_told_at_the_start(
    tmp_path: pathlib.Path, content: bytes | None
) -> None:
    path = tmp_path / "ca.crt"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(
        InvalidSetting, match=r"DEPUTY_EXTRA_CA names .*ca\.crt, which holds no cert"
    ):
        http_client(settings_of(DEPUTY_EXTRA_CA=str(path)), 5.0)


async def test_a_proxy_is_used_but_not_for_what_is_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1,::1,.svc,.cluster.local")
        async with http_client(settings_of(), 5.0) as http:
            await http.get("http://linear.example.com/graphql")
            with pytest.raises(httpx.ConnectError):
                await http.get("http://forge.agents.svc:9/")

    assert asked == [b"GET http://linear.example.com/graphql HTTP/1.1\r\n"]
