"""Facts of the relay's certificates: a client that trusts the authority trusts the server."""

import asyncio
import datetime as dt
import pathlib
import ssl

import pytest
from cryptography import x509

from deputy.relay.certificates import KeyPair, is_good, make_ca, make_server

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def authority() -> KeyPair:
    return make_ca(NOW)


async def greeted(server: KeyPair, trusted: KeyPair, name: str, folder: pathlib.Path) -> str:
    """Return what a TLS client hears that trusts `trusted` and expects `name`."""
    listens = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    (folder / "both.pem").write_bytes(server.key + server.certificate)
    listens.load_cert_chain(folder / "both.pem")

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\n")
        writer.close()
        await writer.wait_closed()

    calls = ssl.create_default_context(cadata=trusted.certificate.decode())
    async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=listens) as listening:
        port = listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=calls, server_hostname=name
        )
        heard = await reader.readline()
        writer.close()
        await writer.wait_closed()
    return heard.decode()


@pytest.mark.parametrize("name", ["relay.deputy.svc", "127.0.0.1"])
async def test_a_client_that_trusts_the_authority_trusts_its_server(
    authority: KeyPair, name: str, tmp_path: pathlib.Path
) -> None:
    server = make_server(authority, ["relay.deputy.svc", "127.0.0.1"], NOW)

    assert await greeted(server, authority, name, tmp_path) == "hello\n"


async def test_another_name_is_not_trusted(authority: KeyPair, tmp_path: pathlib.Path) -> None:
    server = make_server(authority, ["relay.deputy.svc"], NOW)

    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
        await greeted(server, authority, "evil.example", tmp_path)


async def test_another_authority_is_not_trusted(authority: KeyPair, tmp_path: pathlib.Path) -> None:
    server = make_server(authority, ["relay.deputy.svc"], NOW)

    with pytest.raises(ssl.SSLCertVerificationError):
        await greeted(server, make_ca(NOW), "relay.deputy.svc", tmp_path)


async def test_a_new_leaders_server_is_trusted_by_old_sidecars(
    authority: KeyPair, tmp_path: pathlib.Path
) -> None:
    make_server(authority, ["relay.deputy.svc"], NOW)
    newer = make_server(authority, ["relay.deputy.svc"], NOW + DAY / 1440)

    assert await greeted(newer, authority, "relay.deputy.svc", tmp_path) == "hello\n"


@pytest.mark.parametrize(("days", "good"), [(0, True), (3469, True), (3471, False), (4000, False)])
def test_an_authority_is_replaced_before_it_runs_out(
    authority: KeyPair,
    days: int,
    good: bool,  # noqa: FBT001  a column
) -> None:
    assert is_good(authority, NOW + days * DAY) is good


def test_an_empty_secret_holds_no_authority() -> None:
    assert not is_good(KeyPair(b"", b""), NOW)


def test_the_authority_signs_servers_and_a_server_signs_nobody(authority: KeyPair) -> None:
    server = make_server(authority, ["relay.deputy.svc"], NOW)

    def is_authority(pair: KeyPair) -> bool:
        certificate = x509.load_pem_x509_certificate(pair.certificate)
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca

    assert (is_authority(authority), is_authority(server)) == (True, False)


def test_a_key_is_never_shown(authority: KeyPair) -> None:
    assert "PRIVATE KEY" not in repr(authority)
