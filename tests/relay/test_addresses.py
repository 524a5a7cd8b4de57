"""The relay on IPv4 and IPv6: it listens on both, and its certificate is for either."""

import datetime as dt
import pathlib
import socket

import pytest
from aiohttp import web

from deputy.relay.ca import server_context
from deputy.relay.certificates import make_ca
from deputy.relay.server import start_server
from deputy_sidecar.relay.client import RelayClient, address_of


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"] if _has_ipv6() else ["127.0.0.1"])
async def test_a_sidecar_reaches_the_relay_by_either_family(
    host: str, tmp_path: pathlib.Path
) -> None:
    now = dt.datetime.now(dt.UTC)
    ca, port, hosts = make_ca(now), _free_port(), []
    url = f"https://{host}:{port}"
    (tmp_path / "token").write_text("token")

    async def inbox(request: web.Request) -> web.Response:
        hosts.append(request.headers["Host"])
        return web.json_response({"messages": []})

    app = web.Application()
    app.router.add_get("/v1/inbox", inbox)
    runner = await start_server(app, port, server_context(ca, url, now))
    client = RelayClient(address_of(url, ca.certificate.decode(), tmp_path / "token"))
    try:
        assert await client.inbox("", 0) == []
    finally:
        client.close()
        await runner.cleanup()

    assert hosts == [f"{host}:{port}"]
