"""`python3 -m dev.demo up | down`: delegate an issue to a real agent, without any account."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from dev.cluster import places
from dev.cluster.refusal import Refusal
from dev.cluster.steps import PROGRESS_SECONDS, say, step
from dev.demo import closing, follow, reach, stage, trouble
from dev.demo.screen import Line, Screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dev.demo.reach import Simulators
    from dev.demo.stage import Tools

NAMESPACE = "deputy-demo"
BLUEPRINT = "demo"
REPOSITORY = "acme/demo"

_ISSUE = {
    "title": "A ten percent discount makes the basket free",
    "description": "`total([1000], discount_percent=10)` returns 0, it should return 900. "
    "Fix it and add a test.",
    "labels": ["bug"],
    "priority": 2,
    "delegate": True,
}
#: The mistake that the issue is about, and the file that it is in.
_FILE, _MISTAKE, _CORRECTED = "shop/basket.py", "discount_percent // 10\n", "// 100\n"

#: Annotation of the namespace: the image that the simulators were started from.
_IMAGE = "deputy.dev/demo-image"


def main() -> int:
    """Do what the command line asks for; a refusal is one message and status 1."""
    parser = argparse.ArgumentParser(prog="python3 -m dev.demo", description=__doc__)
    parser.add_argument("what", choices=["up", "down"])
    what = parser.parse_args().what
    try:
        return up() if what == "up" else down()
    except Refusal as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what was started goes on, `make demo-down` removes it", file=sys.stderr)
        return 130


def up() -> int:
    """Set the stage, delegate an issue, show what happens; leave everything running."""
    began, screen = time.monotonic(), Screen()
    tools = stage.Tools(stage.kubeconfig())
    try:
        simulators = _prepare(tools)
        closing.show(simulators, _play(simulators, screen), REPOSITORY, screen)
    except Refusal:
        with contextlib.suppress(Refusal):
            trouble.show(tools, NAMESPACE, screen)
        raise
    screen.say()
    screen.say(f"The demo took {time.monotonic() - began:.0f} s; everything goes on running.")
    return 0


def down() -> int:
    """Remove what the demo left running; what is not there is fine."""
    try:
        tools = stage.Tools(stage.kubeconfig())
    except Refusal:
        say("There is no cluster, so there is nothing to remove.")
        return 0
    with step(f"Remove Deputy and namespace {NAMESPACE}"):
        with contextlib.suppress(Refusal):  # the CustomResourceDefinitions may not be there
            tools.kubectl("delete", "agentruns", "--all", "-n", NAMESPACE, "--timeout=60s")
        tools.helm("uninstall", "deputy", "-n", NAMESPACE, "--ignore-not-found", "--wait")
        tools.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=180s")
    say("The cluster stays, with the CustomResourceDefinitions; `make cluster-down` ends it.")
    return 0


def _prepare(tools: Tools) -> Simulators:
    with step(f"Start a simulated Linear, forge and language model in namespace {NAMESPACE}"):
        stage.install_crds(tools)
        stage.make_namespace(tools, NAMESPACE)
        tools.apply(NAMESPACE, *(reach.service(name) for name in reach.FORWARDED))
        known = reach.simulators(tools, NAMESPACE)
        tools.apply(NAMESPACE, stage.sites(known.sites["linear"], known.sites["forge"]))
        stage.start_simulators(tools, NAMESPACE)
        _renew(tools)
    with step("Install Deputy with its Helm chart"), _progress(tools):
        stage.install_deputy(tools, NAMESPACE, *_settings())
        stage.wait_for_simulators(tools, NAMESPACE)
    with step(f"Apply Blueprint {BLUEPRINT}: issues of team ENG, Gemini CLI, {REPOSITORY}"):
        tools.apply(NAMESPACE, blueprint())
        ready = ("--for=condition=Ready", "--timeout=60s", f"blueprint/{BLUEPRINT}")
        tools.kubectl("wait", "-n", NAMESPACE, *ready)
    return reach.checked(known)


def _play(simulators: Simulators, screen: Screen) -> follow.End:
    _bring_the_mistake_back(simulators)
    say("==> Delegate an issue, and watch")
    with follow.Watch(simulators.tools, simulators.namespace) as watch:
        screen.start()
        issue = simulators.post("linear", "/control/issues", _ISSUE)
        text = f"{issue['identifier']} «{issue['title']}» to deputy"
        screen.show(Line("person", "delegate", text, "magenta"))
        end = follow.follow(simulators, watch, screen, issue["identifier"])
    if end.phase != "Succeeded" or not end.pull_request:
        raise Refusal(f"The run ended as {end.phase or 'nothing at all'}, without a pull request.")
    return end


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
                "image": "localhost/deputy-agent-gemini:dev",
                "command": ["gemini", "--acp", "--skip-trust", "-m", "gemini-2.5-flash"],
                "env": [{"name": name, "value": value} for name, value in env.items()],
            },
            "maxConcurrentRuns": 3,
        },
    }


def _settings() -> tuple[str, ...]:
    """Return the chart's values: workspaces reach the simulators, which are in the cluster."""
    simulators = "networkPolicy.workspaces.extraEgress[0].to[0].podSelector.matchExpressions[0]"
    image = _loaded("operator")
    annotation = _IMAGE.replace(".", "\\.")
    return (
        f"{simulators}.key=app",
        f"{simulators}.operator=In",
        f"{simulators}.values={{forge,model}}",
        # The image's name stays the same when its content changes; pods have to be made anew.
        *(f"{part}.podAnnotations.{annotation}={image}" for part in ("operator", "webhook")),
    )


def _renew(tools: Tools) -> None:
    """Restart simulators that run from an older image."""
    image = _loaded("operator")
    seen = tools.get("namespace", NAMESPACE)["metadata"].get("annotations", {}).get(_IMAGE, image)
    if seen != image:
        say("    the image has changed since the last time; the simulators begin anew")
        tools.kubectl("rollout", "restart", "-n", NAMESPACE, *_deployments())
    tools.kubectl("annotate", "namespace", NAMESPACE, f"{_IMAGE}={image}", "--overwrite")


def _deployments() -> list[str]:
    return [f"deployment/{name}" for name in stage.SIMULATORS]


def _loaded(name: str) -> str:
    """Return what tells one version of a loaded image from the next."""
    marker = places.STATE / "images" / name
    return marker.read_text().removesuffix(".tar") if marker.exists() else "unknown"


def _bring_the_mistake_back(simulators: Simulators) -> None:
    """Undo an earlier demo's pull request, if somebody has merged it."""
    path = f"/control/repos/{REPOSITORY}/file?path={_FILE}"
    text = simulators.text("forge", path)
    if _MISTAKE in text:
        return
    say(f"    {REPOSITORY} has the correction already: it is taken back")
    told = {
        "message": "Take the correction back for the next demo",
        "files": {_FILE: text.replace(_CORRECTED, "// 10\n")},
    }
    simulators.post("forge", f"/control/repos/{REPOSITORY}/commits", told)


@contextlib.contextmanager
def _progress(tools: Tools) -> Iterator[None]:
    """Say every few seconds what is being waited for."""
    over, began = threading.Event(), time.monotonic()

    def tell() -> None:
        while not over.wait(PROGRESS_SECONDS):
            pods = trouble.waiting(tools, NAMESPACE) or "Kubernetes"
            say(f"    {time.monotonic() - began:4.0f} s  waiting for {pods}")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


if __name__ == "__main__":
    sys.exit(main())
