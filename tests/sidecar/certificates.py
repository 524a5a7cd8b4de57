"""A relay's certificate, made as the operator makes it."""

import datetime as dt
import ssl
from pathlib import Path

from deputy.relay.certificates import make_ca, make_server


def authority_and_server(folder: Path) -> tuple[str, ssl.SSLContext]:
    """Return the authority's certificate, and the context of a server that it vouches for."""
    now = dt.datetime.now(dt.UTC)
    authority = make_ca(now)
    server = make_server(authority, ["localhost"], now)
    file = folder / "server.pem"
    file.write_bytes(server.certificate + server.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return authority.certificate.decode(), context
