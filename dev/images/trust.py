"""Certificate authorities that builds trust, as that of a proxy which inspects TLS."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Where an image of Debian has its authorities.
INSIDE = Path("/etc/ssl/certs/ca-certificates.crt")

#: Variables that name a file of authorities; the first one that is set counts.
VARIABLES = (
    "DEPUTY_CA_BUNDLE",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
)
#: Where systems keep theirs: Debian, Fedora, a Mac.
SYSTEM = (INSIDE, Path("/etc/pki/tls/certs/ca-bundle.crt"), Path("/etc/ssl/cert.pem"))


def authorities(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the file of authorities that this machine trusts; None where it has none."""
    named = [Path(environment[name]) for name in VARIABLES if environment.get(name)]
    return next((path for path in (*named, *SYSTEM) if path.is_file()), None)
