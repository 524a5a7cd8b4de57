"""Fixtures: a namespace with the simulators, the chart and what both need.

The demo, the benchmark and every test on the cluster use them, so all see what a user sees.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from dev.cluster import paths, proxies
from dev.cluster.errors import CommandError
from dev.images import loaded

MANIFESTS = Path(__file__).resolve().parent / "manifests"
CHART = paths.PROJECT / "charts" / "deputy"
CRDS = paths.PROJECT / "crds"

#: Made up, known to everybody, worth nothing: they open simulators.
WEBHOOK_SECRET = "simulated-webhook-secret"  # noqa: S105  see above
FORGE_TOKEN = "simulated-forge-token"  # noqa: S105  see above
CLIENT_ID = "3f0b6c1e8f5e4d539a455c1f9a1f2b10"
CLIENT_SECRET = "simulated-client-secret"  # noqa: S105  see above

#: What kubectl and Helm say where there is no API server any more.
_UNREACHABLE = (
    "was refused",
    "connection refused",
    "no route to host",
    "network is unreachable",
    "i/o timeout",
    "failed to download openapi",
    "cluster unreachable",
)
_HINT = "\nThe cluster does not answer; `make cluster` starts it again, as after a restart."

SIMULATORS = ("linear", "forge", "model")


def kubeconfig() -> Path:
    """Return the kubeconfig of the cluster of `make cluster`; never the ambient one."""
    named = os.environ.get("DEPUTY_CLUSTER", "")
    path = Path(named) if named else paths.KUBECONFIG
    if not path.exists():
        raise CommandError(f"{path} does not exist; run `make cluster` first.")
    return path


@dataclasses.dataclass(frozen=True, slots=True)
class Tools:
    """kubectl and helm on one cluster."""

    kubeconfig: Path

    def kubectl(self, *words: str, given: str = "") -> str:
        """Run kubectl and return what it prints; raise `CommandError` with its last words."""
        return self._run("kubectl", *words, given=given)

    def helm(self, *words: str) -> str:
        """Run helm and return what it prints; raise `CommandError` with its last words."""
        return self._run("helm", *words)

    def get(self, *words: str) -> Any:
        """Return what kubectl shows, as JSON."""
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def apply(self, namespace: str, *things: dict[str, Any]) -> None:
        """Apply `things` to a namespace."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(things)})
        self.kubectl("apply", "-n", namespace, "-f", "-", given=text)

    def _run(self, program: str, *words: str, given: str = "") -> str:
        path = f"{paths.PROGRAMS}{os.pathsep}{os.environ.get('PATH', '')}"
        done = subprocess.run(
            [program, *words],
            env={
                **os.environ,
                **proxies.bypassed(),
                "PATH": path,
                "KUBECONFIG": str(self.kubeconfig),
            },
            input=given,
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-1500:]
            hint = _HINT if any(mark in said for mark in _UNREACHABLE) else ""
            raise CommandError(f"{program} {' '.join(words[:4])} failed: {said}{hint}")
        return done.stdout


def secret(name: str, **values: str) -> dict[str, Any]:
    """Return the manifest of a Secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": values,
    }


def install_crds(tools: Tools) -> None:
    """Apply the CustomResourceDefinitions and wait until they are served."""
    tools.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    tools.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", str(CRDS))


def make_namespace(tools: Tools, namespace: str) -> None:
    """Create a namespace under the restricted Pod Security Standard, or find it."""
    tools.apply(
        "default",
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": namespace,
                "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
            },
        },
    )


def sites(linear: str, forge: str) -> dict[str, Any]:
    """Return what tells the simulators how a person's browser reaches them.

    Apply it before they start: the links that they show begin so.
    """
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "sites"},
        "data": {"SIMULATOR_SITE_URL": linear, "SIMULATOR_FORGE_SITE_URL": forge},
    }


def start_simulators(tools: Tools, namespace: str) -> None:
    """Start Linear, the forge and the model, with the Secrets that fit them."""
    tools.apply(
        namespace,
        secret("forge", token=FORGE_TOKEN),
        secret(
            "deputy-linear",
            webhookSecret=WEBHOOK_SECRET,
            clientId=CLIENT_ID,
            clientSecret=CLIENT_SECRET,
        ),
    )
    manifest = loaded.with_references((MANIFESTS / "simulators.yaml").read_text())
    tools.kubectl("apply", "-n", namespace, "-f", "-", given=manifest)


def wait_for_simulators(tools: Tools, namespace: str) -> None:
    """Return once every simulator answers."""
    for name in SIMULATORS:
        tools.kubectl("rollout", "status", "-n", namespace, f"deployment/{name}", "--timeout=120s")


def install_deputy(tools: Tools, namespace: str, *settings: str) -> None:
    """Install or upgrade the chart from this tree's images, and wait until it is ready."""
    values = (
        *image_values(),
        f"linear.apiUrl=http://linear.{namespace}.svc:8080",
        # One namespace for all of it: nobody else works there.
        f"agentNamespaces={{{namespace}}}",
        *settings,
    )
    words = [word for value in values for word in ("--set", value)]
    tools.helm(
        "upgrade", "--install", "deputy", str(CHART), "-n", namespace, *words,
        "--wait", "--timeout", "120s",
    )  # fmt: skip


def image_values() -> list[str]:
    """Return the chart's values for the images, as this cluster has them."""
    return [*_image("image", "operator"), *_image("sidecarImage", "sidecar")]


def _image(setting: str, name: str) -> list[str]:
    repository, _, tag = loaded.reference_of(name).rpartition(":")
    return [f"{setting}.repository={repository}", f"{setting}.tag={tag}"]


def address_of(tools: Tools, namespace: str, service: str) -> str:
    """Return where a Service is reached from this machine."""
    spec = tools.get("service", "-n", namespace, service)["spec"]
    return f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}"
