"""Where the API server is, as every pod is told."""

import pathlib

import pytest

from deputy.kube import client
from deputy.kube.client import Connection
from deputy.relay.certificates import make_ca
from tests.relay.test_certificates import NOW


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("10.96.0.1", "https://10.96.0.1:443"),
        ("fd00:10:96::1", "https://[fd00:10:96::1]:443"),
        ("api.example.com", "https://api.example.com:443"),
    ],
)
def test_the_api_server_is_reached_by_either_family_of_addresses(
    host: str, server: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.crt").write_bytes(make_ca(NOW).certificate)
    monkeypatch.setattr(client, "_TOKENS", tmp_path)

    connection = Connection.in_cluster(
        {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}
    )

    assert connection.server == server
