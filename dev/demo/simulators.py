"""Reach the simulators: directly where that works, else through the API server.

Nothing is started in the background: a cluster whose Services cannot be reached from here is asked
to forward each request, which is slower and needs no more than the kubeconfig.
"""

from __future__ import annotations

import dataclasses
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from dev.cluster import choice
from dev.cluster.choice import Provider
from dev.cluster.errors import CommandError
from dev.demo import fixtures, port_forward

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dev.demo.fixtures import Tools

#: Where `kubectl port-forward` puts the pages of a cluster that cannot be reached from here.
FORWARDED = {"linear": 18081, "forge": 18082}

_PORT = 8080
#: A direct address is on this machine, past whatever proxy there is.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_TIMEOUT_SECONDS = 45


@dataclasses.dataclass(frozen=True, slots=True)
class Simulators:
    """The simulated Linear and the simulated forge."""

    tools: Tools
    namespace: str
    sites: Mapping[str, str]
    """What the addresses begin with that a person's browser opens."""
    direct: bool
    """Whether `sites` can be opened from here as they are."""

    def get(self, name: str, path: str) -> Any:
        """Return what a simulator answers, as JSON; raise `CommandError`."""
        return json.loads(self.text(name, path))

    def post(self, name: str, path: str, told: Mapping[str, Any]) -> Any:
        """Tell a simulator something and return its answer; raise `CommandError`."""
        body = json.dumps(told)
        if not self.direct:
            raw = self._raw(name, path)
            return json.loads(self.tools.kubectl("create", "--raw", raw, "-f", "-", given=body))
        return json.loads(_ask(self.sites[name] + path, body.encode()))

    def text(self, name: str, path: str) -> str:
        """Return what a simulator answers; raise `CommandError`."""
        if not self.direct:
            return self.tools.kubectl("get", "--raw", self._raw(name, path))
        return _ask(self.sites[name] + path)

    def forwarding(self) -> list[str]:
        """Return the commands that let a browser in; none where it needs none."""
        if self.direct:
            return []
        kubectl = f"kubectl -n {self.namespace} port-forward"
        return [f"{kubectl} service/{name} {port}:{_PORT}" for name, port in FORWARDED.items()]

    def _raw(self, name: str, path: str) -> str:
        return f"/api/v1/namespaces/{self.namespace}/services/{name}:{_PORT}/proxy{path}"


def service(name: str) -> dict[str, Any]:
    """Return the Service of a simulator, which has its address before the simulator runs."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": _PORT}]},
    }


def connect(tools: Tools, namespace: str) -> Simulators:
    """Return how the simulators are reached; their Services must be there, they need not be."""
    direct = _is_on_this_machine()
    sites = {
        name: fixtures.address_of(tools, namespace, name) if direct else f"http://localhost:{port}"
        for name, port in FORWARDED.items()
    }
    return Simulators(tools, namespace, sites, direct)


def checked(connected: Simulators) -> Simulators:
    """Return `connected`, or the way through the API server where the direct one does not work."""
    health = f"{connected.sites['linear']}/healthz"
    if not connected.direct or port_forward.answers(health, port_forward.NEAR_SECONDS):
        return connected
    return dataclasses.replace(connected, direct=False)


def _is_on_this_machine() -> bool:
    chosen = choice.recorded()
    return chosen is not None and chosen.provider is Provider.LOCAL


def _ask(url: str, body: bytes | None = None) -> str:
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    try:
        with _DIRECT.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace")[:300]
        raise CommandError(f"{url} answered {error.code}: {said}") from error
    except OSError as error:
        raise CommandError(f"{url} does not answer: {error}.") from error
