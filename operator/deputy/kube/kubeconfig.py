"""A connection from a kubeconfig, for people and tests outside of the cluster."""

import base64
import pathlib
import ssl
import tempfile
from typing import Any

import yaml

from deputy.kube.client import Connection


def from_kubeconfig(path: pathlib.Path) -> Connection:
    """Return the connection of the current context; raise `KeyError` where one is incomplete."""
    config = yaml.safe_load(path.read_text())
    context = _named(config["contexts"], config["current-context"])["context"]
    cluster = _named(config["clusters"], context["cluster"])["cluster"]
    user = _named(config["users"], context["user"])["user"]
    tls = ssl.create_default_context(
        cadata=_data(cluster, "certificate-authority", path).decode() or None
    )
    if certificate := _data(user, "client-certificate", path):
        _load(tls, certificate, _data(user, "client-key", path))
    return Connection(cluster["server"], tls, user.get("token", ""))


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


def _data(holder: dict[str, Any], key: str, path: pathlib.Path) -> bytes:
    if f"{key}-data" in holder:
        return base64.b64decode(holder[f"{key}-data"])
    return (path.parent / holder[key]).read_bytes() if key in holder else b""


def _load(tls: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Give `tls` a client certificate; OpenSSL takes it from a file only."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate + b"\n" + key)
        file.flush()
        tls.load_cert_chain(file.name)
