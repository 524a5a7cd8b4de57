"""Prepare the demo: simulators, chart, Blueprint, and a repository with a mistake in it."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from dev.cluster.commands import PROGRESS_SECONDS, say, step
from dev.cluster.errors import CommandError
from dev.demo import diagnostics, fixtures, simulators
from dev.images import loaded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dev.demo.fixtures import Tools
    from dev.demo.simulators import Simulators

BLUEPRINT = "demo"
REPOSITORY = "acme/demo"

#: The mistake that the issue is about, and the file that it is in.
_FILE, _MISTAKE, _CORRECTED = "shop/basket.py", "discount_percent // 10\n", "// 100\n"

#: Annotation of what runs: the image that it was started from.
_IMAGE = "deputy.dev/demo-image"

_BLUEPRINT_SECONDS = 60.0


def prepare(tools: Tools, namespace: str) -> Simulators:
    """Set everything up, or bring up to date what is there; raise `CommandError`."""
    what = f"Start a simulated Linear, forge and language model in namespace {namespace}"
    with step(what, key="demo simulators"):
        fixtures.install_crds(tools)
        fixtures.make_namespace(tools, namespace)
        tools.apply(namespace, *(simulators.service(name) for name in simulators.FORWARDED))
        connected = simulators.connect(tools, namespace)
        tools.apply(namespace, fixtures.sites(connected.sites["linear"], connected.sites["forge"]))
        fixtures.start_simulators(tools, namespace)
        _renew(tools, namespace)
    installing = step("Install Deputy with its Helm chart", key="demo install", usual=15)
    with installing, _progress(tools, namespace):
        fixtures.install_deputy(tools, namespace, *_settings())
        fixtures.wait_for_simulators(tools, namespace)
    with step(f"Apply Blueprint {BLUEPRINT}: issues of team ENG, Gemini CLI, {REPOSITORY}"):
        tools.apply(namespace, blueprint())
        _wait_for_blueprint(tools, namespace)
    connected = simulators.checked(connected)
    _bring_the_mistake_back(connected)
    return connected


def remove(tools: Tools, namespace: str) -> None:
    """Remove all of it; what is not there is fine."""
    with contextlib.suppress(CommandError):  # the CustomResourceDefinitions may not be there
        tools.kubectl("delete", "agentruns", "--all", "-n", namespace, "--timeout=60s")
    tools.helm("uninstall", "deputy", "-n", namespace, "--ignore-not-found", "--wait")
    tools.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--timeout=180s")


def blueprint() -> dict[str, Any]:
    """Return the Blueprint of the demo: the real Gemini CLI against a scripted model."""
    env = {
        "GEMINI_API_KEY": "simulated",
        "GOOGLE_GEMINI_BASE_URL": "http://model:8080",
        "GEMINI_TELEMETRY_ENABLED": "false",
        "NO_UPDATE_NOTIFIER": "1",
    }
    states = {"inProgress": "In Progress", "inReview": "In Review", "needsHuman": "Blocked"}
    return {
        "apiVersion": "deputy.dev/v1alpha1",
        "kind": "Blueprint",
        "metadata": {"name": BLUEPRINT},
        "spec": {
            "linear": {"team": "ENG", "states": states},
            "repository": {
                "url": f"http://forge:8080/{REPOSITORY}.git",
                "credentialsSecretRef": {"name": "forge"},
            },
            "pullRequest": {"labels": ["agent"]},
            "agent": {
                "image": loaded.reference_of("agent-gemini"),
                "command": ["gemini", "--acp", "--skip-trust", "-m", "gemini-2.5-flash"],
                "env": [{"name": name, "value": value} for name, value in env.items()],
            },
            "maxConcurrentRuns": 3,
        },
    }


def _settings() -> tuple[str, ...]:
    """Return the chart's values: workspaces reach the simulators, which are in the cluster."""
    egress = "networkPolicy.workspaces.extraEgress[0].to[0].podSelector.matchExpressions[0]"
    image = loaded.version_of("operator")
    annotation = _IMAGE.replace(".", "\\.")
    return (
        f"{egress}.key=app",
        f"{egress}.operator=In",
        f"{egress}.values={{forge,model}}",
        # The image's name stays the same when its content changes; pods have to be made anew.
        *(f"{part}.podAnnotations.{annotation}={image}" for part in ("operator", "webhook")),
    )


def _renew(tools: Tools, namespace: str) -> None:
    """Restart simulators that run from an older image."""
    image = loaded.version_of("simulator")
    seen = tools.get("namespace", namespace)["metadata"].get("annotations", {}).get(_IMAGE, image)
    if seen != image:
        say("    the image has changed since the last time; the simulators begin anew")
        deployments = [f"deployment/{name}" for name in fixtures.SIMULATORS]
        tools.kubectl("rollout", "restart", "-n", namespace, *deployments)
    tools.kubectl("annotate", "namespace", namespace, f"{_IMAGE}={image}", "--overwrite")


def _wait_for_blueprint(tools: Tools, namespace: str) -> None:
    """Return once the Blueprint is ready; raise `CommandError` with its message if it never is."""
    deadline = time.monotonic() + _BLUEPRINT_SECONDS
    said = "the operator has not looked at it"
    while time.monotonic() < deadline:
        shown = tools.get("blueprint", "-n", namespace, BLUEPRINT)
        current = (
            shown.get("status", {}).get("observedGeneration") == shown["metadata"]["generation"]
        )
        conditions = shown.get("status", {}).get("conditions", [])
        ready = next((one for one in conditions if one["type"] == "Ready"), None)
        if current and ready is not None:
            if ready["status"] == "True":
                return
            said = f"{ready['reason']}: {ready['message']}"
            if ready["status"] == "False":
                break
        time.sleep(0.5)
    raise CommandError(f"Blueprint {BLUEPRINT} is not ready: {said}.")


def _bring_the_mistake_back(connected: Simulators) -> None:
    """Undo an earlier demo's pull request, if somebody has merged it."""
    text = connected.text("forge", f"/control/repos/{REPOSITORY}/file?path={_FILE}")
    if _MISTAKE in text:
        return
    say(f"    {REPOSITORY} has the correction already: it is taken back")
    told = {
        "message": "Take the correction back for the next demo",
        "files": {_FILE: text.replace(_CORRECTED, "// 10\n")},
    }
    connected.post("forge", f"/control/repos/{REPOSITORY}/commits", told)


@contextlib.contextmanager
def _progress(tools: Tools, namespace: str) -> Iterator[None]:
    """Say every few seconds what is being waited for."""
    over, began = threading.Event(), time.monotonic()

    def tell() -> None:
        while not over.wait(PROGRESS_SECONDS):
            pods = diagnostics.waiting(tools, namespace) or "Kubernetes"
            say(f"    {time.monotonic() - began:4.0f} s  waiting for {pods}")

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
