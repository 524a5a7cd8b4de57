"""What the chart learns from a cluster: the addresses of its API server and of its nodes."""

import http.server
import json
import pathlib
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from typing_extensions import override

from dev.cluster import build
from tests.chart.rendering import CHART, KUBERNETES, NAMESPACE, RELEASE

SLICE = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"


def _resource(name: str, kind: str, *, namespaced: bool) -> dict[str, Any]:
    return {"name": name, "kind": kind, "namespaced": namespaced, "verbs": ["get", "list"]}


def _resources(version: str, *listed: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "APIResourceList", "groupVersion": version, "resources": list(listed)}


def _node(**addresses: str) -> dict[str, Any]:
    listed = [{"type": kind, "address": address} for kind, address in addresses.items()]
    return {"kind": "Node", "apiVersion": "v1", "status": {"addresses": listed}}


NODES = [
    _node(InternalIP="10.0.0.1", ExternalIP="203.0.113.1", Hostname="node-1"),
    _node(InternalIP="100.64.9.9", ExternalIP="2001:db8::1"),
    _node(InternalIP="fd00::1", ExternalIP="203.0.113.1"),
    _node(InternalIP="172.32.0.1"),
]
ANSWERS: dict[str, dict[str, Any]] = {
    "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [
            {
                "name": "discovery.k8s.io",
                "versions": [{"groupVersion": "discovery.k8s.io/v1", "version": "v1"}],
            }
        ],
    },
    "/api/v1": _resources("v1", _resource("nodes", "Node", namespaced=False)),
    "/apis/discovery.k8s.io/v1": _resources(
        "discovery.k8s.io/v1", _resource("endpointslices", "EndpointSlice", namespaced=True)
    ),
    "/api/v1/nodes": {"kind": "NodeList", "apiVersion": "v1", "metadata": {}, "items": NODES},
    SLICE: {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": {"name": "kubernetes", "namespace": "default"},
        "endpoints": [{"addresses": ["198.51.100.7"]}],
    },
}


class Cluster(http.server.BaseHTTPRequestHandler):
    """As much of an API server as Helm asks for."""

    def do_GET(self) -> None:
        """Answer what is known, and 404 otherwise."""
        answer = ANSWERS.get(self.path.partition("?")[0])
        body = answer or {"kind": "Status", "apiVersion": "v1", "code": 404, "reason": "NotFound"}
        payload = json.dumps(body).encode()
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    @override
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    """The way to a cluster that has nodes."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Cluster)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = tmp_path_factory.mktemp("cluster") / "kubeconfig"
    address = f"http://127.0.0.1:{server.server_address[1]}"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": address}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}],
        "current-context": "c",
    }
    path.write_text(yaml.safe_dump(config))
    yield path
    server.shutdown()
    server.server_close()


def closed(kubeconfig: pathlib.Path, *values: str) -> set[str]:
    """Return what the policy of workspaces closes in the public internet."""
    program = build.program(build.HELM, "helm")
    command = [str(program), f"--kubeconfig={kubeconfig}", f"--namespace={NAMESPACE}"]
    wanted = (f"--kube-version={KUBERNETES}", *values)
    done = subprocess.run(
        [*command, "template", RELEASE, str(CHART), "--dry-run=server", *wanted],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(kubeconfig.parent)},
    )
    assert done.returncode == 0, done.stderr
    policy = next(
        made
        for made in yaml.safe_load_all(done.stdout)
        if made and made["metadata"]["name"] == "deputy-workspaces"
    )
    return {
        hole
        for rule in policy["spec"]["egress"]
        for peer in rule["to"]
        for hole in peer.get("ipBlock", {}).get("except", [])
    }


def test_the_public_addresses_of_api_server_and_nodes_are_closed(
    kubeconfig: pathlib.Path,
) -> None:
    holes = closed(kubeconfig)

    assert holes >= {"198.51.100.7/32", "203.0.113.1/32", "2001:db8::1/128", "172.32.0.1/32"}
    # What is in a closed range already is not named once more.
    assert not holes & {"10.0.0.1/32", "100.64.9.9/32", "fd00::1/128", "node-1/32"}


def test_nodes_are_not_asked_for_where_that_is_switched_off(kubeconfig: pathlib.Path) -> None:
    with_nodes = closed(kubeconfig)

    without = closed(kubeconfig, "--set=networkPolicy.workspaces.blockNodes=false")

    assert with_nodes - without == {"203.0.113.1/32", "2001:db8::1/128", "172.32.0.1/32"}
