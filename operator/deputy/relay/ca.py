"""The relay's CA lives in a Secret; every leader signs a certificate of its own with it."""

import base64
import datetime as dt
import pathlib
import ssl
import tempfile
import urllib.parse
from typing import Any

from deputy.api.names import RELAY_CA_SECRET
from deputy.errors import DeputyError
from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.errors import Conflict, NotFound
from deputy.relay.certificates import KeyPair, is_good, make_ca, make_server

_CERTIFICATE, _KEY = "ca.crt", "ca.key"


class RelayCAMissing(DeputyError):
    """The Secret for the relay's CA is not there."""


async def relay_ca(kube: Kube, namespace: str, now: dt.datetime) -> KeyPair:
    """Return the CA that the Secret holds, made and stored first where it is empty.

    Whoever stores first wins; the others read what was stored. The chart makes the Secret, empty,
    because the right to create Secrets is the right to mint any service account's token.
    Raises `RelayCAMissing` where there is no such Secret.
    """
    path = resources.secrets(namespace, RELAY_CA_SECRET)
    while True:
        try:
            secret = await kube.get(path)
        except NotFound:
            raise RelayCAMissing(
                f'Secret "{RELAY_CA_SECRET}" does not exist in namespace {namespace}; it comes '
                "with the Helm chart: run `helm upgrade` to have it back"
            ) from None
        stored = _pair_in(secret)
        if is_good(stored, now):
            return stored
        fresh = make_ca(now)
        try:
            await kube.replace(path, {**secret, "data": _data_of(fresh)})
        except Conflict:
            continue
        return fresh


def server_context(ca: KeyPair, relay_url: str, now: dt.datetime) -> ssl.SSLContext:
    """Return the TLS context of a relay that is called by `relay_url`."""
    host = urllib.parse.urlsplit(relay_url).hostname or "localhost"
    pair = make_server(ca, [host], now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with tempfile.TemporaryDirectory() as folder:
        # OpenSSL takes certificates from files only; these live for a moment, for us alone.
        path = pathlib.Path(folder) / "relay.pem"
        path.touch(0o600)
        path.write_bytes(pair.certificate + pair.key)
        context.load_cert_chain(path)
    return context


def _pair_in(secret: dict[str, Any]) -> KeyPair:
    data = secret.get("data") or {}
    return KeyPair(
        base64.b64decode(data.get(_CERTIFICATE, "")), base64.b64decode(data.get(_KEY, ""))
    )


def _data_of(pair: KeyPair) -> dict[str, str]:
    return {
        _CERTIFICATE: base64.b64encode(pair.certificate).decode(),
        _KEY: base64.b64encode(pair.key).decode(),
    }
