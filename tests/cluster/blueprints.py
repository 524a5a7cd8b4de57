"""Blueprints for tests, and the agents that they start."""

import pathlib
from collections.abc import Mapping
from typing import Any

from dev.images import loaded

SHELL = loaded.reference_of("agent-shell")
GEMINI = loaded.reference_of("agent-gemini")
_TESTS = pathlib.Path(__file__).resolve().parents[1]
SCRIPTS = (_TESTS / "sidecar" / "fake_agent.py", _TESTS / "cluster" / "searcher.py")
#: ConfigMap with the scripts that agents run.
SCRIPTED = "scripted-agent"

STATES = {"inProgress": "In Progress", "inReview": "In Review", "needsHuman": "Blocked"}


def blueprint(name: str, team: str = "", repository: str = "", **spec: Any) -> dict[str, Any]:
    """Return a Blueprint; `team` takes that team's issues, `repository` is cloned."""
    if team:
        spec["linear"] = {"team": team, "states": dict(STATES), **spec.get("linear", {})}
    if repository:
        spec["repository"] = {"url": repository, "credentialsSecretRef": {"name": "forge"}}
    return {
        "apiVersion": "deputy.dev/v1alpha1",
        "kind": "Blueprint",
        "metadata": {"name": name},
        "spec": spec,
    }


def shell(script: str) -> dict[str, Any]:
    """Return an agent that is a shell script."""
    return {"agent": {"image": SHELL, "command": ["sh", "-c", script], "protocol": "Exec"}}


def scripted(**environment: str) -> dict[str, Any]:
    """Return an agent that speaks ACP and does what the issue's description tells, line by line."""
    agent = {
        "image": SHELL,
        "command": ["python3", "/scripted/fake_agent.py"],
        "protocol": "ACP",
        "promptTemplate": "$description",
        "env": [{"name": name, "value": value} for name, value in environment.items()],
    }
    return {"agent": agent, **brought()}


def brought() -> dict[str, Any]:
    """Return a workspace into whose agent container the scripts are brought, in /scripted."""
    mount = {"name": "scripted", "mountPath": "/scripted", "readOnly": True}
    spec = {
        "volumes": [{"name": "scripted", "configMap": {"name": SCRIPTED}}],
        "containers": [{"name": "agent", "volumeMounts": [mount]}],
    }
    return {"workspace": {"podTemplate": {"spec": spec}}}


def scripted_config_map() -> Mapping[str, Any]:
    """Return the ConfigMap that brings the scripts."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": SCRIPTED},
        "data": {path.name: path.read_text() for path in SCRIPTS},
    }


def gemini(namespace: str) -> dict[str, Any]:
    """Return the Gemini CLI as it comes from npm, talking with the simulated model."""
    return {
        "agent": {
            "image": GEMINI,
            "command": ["gemini", "--acp", "--skip-trust", "-m", "gemini-2.5-flash"],
            "protocol": "ACP",
            "env": [
                {"name": "GEMINI_API_KEY", "value": "none"},
                {"name": "GOOGLE_GEMINI_BASE_URL", "value": f"http://model.{namespace}.svc:8080"},
            ],
        }
    }
