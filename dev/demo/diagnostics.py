"""Say what went wrong, with the log that tells it."""

from __future__ import annotations

import base64
import gzip
from typing import TYPE_CHECKING, Any

from dev.cluster.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dev.demo.fixtures import Tools
    from dev.demo.screen import Screen

_ROWS = 15


def show(tools: Tools, namespace: str, run: Mapping[str, Any] | None, screen: Screen) -> None:
    """Print what is known: the run, the pods, and the end of the log that matters."""
    screen.say()
    for title, text in _sections(tools, namespace, run):
        screen.say(f"--- {title}", "yellow")
        screen.say(text.rstrip() or "(nothing)")


def waiting(tools: Tools, namespace: str) -> str:
    """Return which pods are not ready and why, in one line; empty where all are."""
    try:
        pods = tools.get("pods", "-n", namespace)["items"]
    except CommandError:
        return ""
    return ", ".join(f"{pod['metadata']['name']} ({_state(pod)})" for pod in pods if _state(pod))


def _sections(
    tools: Tools, namespace: str, run: Mapping[str, Any] | None
) -> Iterator[tuple[str, str]]:
    pods = _quietly(tools, "get", "agentruns,blueprints,pods", "-n", namespace)
    yield f"kubectl -n {namespace} get agentruns,blueprints,pods", pods
    if run is None:
        yield from _logs(tools, namespace, "deployment/deputy-webhook", "deployment/linear")
        yield from _logs(tools, namespace, "deployment/deputy-operator")
        return
    status = run.get("status", {})
    yield run["metadata"]["name"], f"{status.get('reason', '')}: {status.get('message', '')}"
    yield from _kept(tools, namespace, f"{status.get('podName', '')}-log")
    yield from _logs(tools, namespace, "deployment/deputy-operator")


def _logs(tools: Tools, namespace: str, *things: str) -> Iterator[tuple[str, str]]:
    for thing in things:
        words = ("logs", "-n", namespace, thing, f"--tail={_ROWS}", "--all-containers")
        yield f"kubectl -n {namespace} logs {thing}", _quietly(tools, *words)


def _kept(tools: Tools, namespace: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield the end of each log that was kept of a pod that is gone."""
    try:
        logs = tools.get("configmap", "-n", namespace, name).get("binaryData", {})
    except CommandError:
        return
    for key, packed in logs.items():
        text = gzip.decompress(base64.b64decode(packed)).decode(errors="replace")
        yield f"{key} of ConfigMap {name}", "\n".join(text.splitlines()[-_ROWS:])


def _quietly(tools: Tools, *words: str) -> str:
    try:
        return tools.kubectl(*words)
    except CommandError as error:
        return str(error)


def _state(pod: Mapping[str, Any]) -> str:
    """Return what a pod waits for; empty for one that is ready or over."""
    status = pod.get("status", {})
    if status.get("phase") in ("Succeeded", "Failed"):
        return ""
    conditions = {one["type"]: one["status"] for one in status.get("conditions", ())}
    if conditions.get("Ready") == "True":
        return ""
    for container in status.get("containerStatuses", ()):
        waits = container.get("state", {}).get("waiting", {}).get("reason")
        if waits:
            return str(waits)
    return str(status.get("phase", "Pending")).lower() + ", not ready yet"
