"""Facts of the workspace's pod: what it is made of."""

import datetime as dt
import pathlib
from typing import Any

import pytest
import yaml

from deputy.api.agentrun import AgentRun
from deputy.api.blueprint import BlueprintSpec
from deputy.api.names import pod_name
from deputy.wire import Workspace, workspace_from_environment
from deputy.workspace.pod import WorkspaceSettings, build_pod, labels_of

GOLDEN = pathlib.Path(__file__).parents[1] / "data" / "pods" / "workspace.yaml"
SETTINGS = WorkspaceSettings("localhost/sidecar:1", "https://relay.deputy:8443", "PEM")


def run(**facts: Any) -> AgentRun:
    return AgentRun.model_validate(
        {
            "metadata": {
                "name": "linear-abc-1",
                "namespace": "agents",
                "uid": "uid-1",
                "creationTimestamp": dt.datetime(2026, 11, 21, tzinfo=dt.UTC),
            },
            "spec": {"blueprintRef": {"name": "api"}, "prompt": "Fix it."} | facts,
        }
    )


def blueprint(**facts: Any) -> BlueprintSpec:
    agent = {"image": "localhost/agent:1", "command": ["agent", "--acp"]}
    return BlueprintSpec.model_validate({"agent": agent} | facts)


def pod_of(spec: BlueprintSpec) -> dict[str, Any]:
    return build_pod(run(), spec, "eng-42", SETTINGS)


def agent_of(pod: dict[str, Any]) -> dict[str, Any]:
    agent: dict[str, Any] = next(c for c in pod["spec"]["containers"] if c["name"] == "agent")
    return agent


def workspace_of(pod: dict[str, Any]) -> Workspace:
    env = {one["name"]: one.get("value", "") for one in pod["spec"]["initContainers"][0]["env"]}
    return workspace_from_environment(env["DEPUTY_WORKSPACE"])


def test_the_pod_is_as_in_the_golden_file() -> None:
    spec = blueprint(
        repository={"url": "https://github.com/acme/api.git", "baseBranch": "main"},
        agent={
            "image": "localhost/agent:1",
            "command": ["gemini", "--acp"],
            "args": ["--yolo"],
            "env": [{"name": "MODEL", "value": "small"}],
            "envFrom": [{"secretRef": {"name": "model-key"}}],
        },
        workspace={
            "resources": {"limits": {"memory": "2Gi"}},
            "storage": "5Gi",
            "setupCommand": ["make", "deps"],
            "runtimeClassName": "gvisor",
        },
    )

    assert pod_of(spec) == yaml.safe_load(GOLDEN.read_text())


def test_the_same_facts_give_the_same_pod() -> None:
    assert pod_of(blueprint()) == pod_of(blueprint())


def test_each_attempt_has_a_pod_of_its_own_name() -> None:
    pod = build_pod(run(attempt=3), blueprint(), "", SETTINGS)

    assert pod["metadata"]["name"] == pod_name("linear-abc-1", 3) == "linear-abc-1-3"
    assert pod["metadata"]["annotations"]["deputy.dev/attempt"] == "3"


def test_the_longest_name_of_a_run_still_makes_a_label() -> None:
    long = run().model_copy(
        update={"metadata": run().metadata.model_copy(update={"name": "a" * 62 + "-" + "b" * 90})}
    )

    assert labels_of(long)["app.kubernetes.io/instance"] == "a" * 62


def test_without_a_repository_nothing_is_cloned() -> None:
    workspace = workspace_of(pod_of(blueprint()))

    assert (workspace.repository_url, workspace.base_branch, workspace.branch) == ("", "", "")


@pytest.mark.parametrize(
    ("command", "profile"),
    [
        ("/usr/bin/claude-agent-acp", "claude"),
        ("codex", "codex"),
        ("gemini", "gemini"),
        ("opencode", "opencode"),
        ("/bin/sh", ""),
    ],
)
def test_the_profile_is_guessed_from_the_command(command: str, profile: str) -> None:
    spec = blueprint(agent={"image": "localhost/agent:1", "command": [command]})

    assert workspace_of(pod_of(spec)).profile == profile


def test_a_profile_that_is_given_is_not_guessed() -> None:
    spec = blueprint(
        agent={"image": "localhost/agent:1", "command": ["gemini"], "profile": "claude"}
    )

    assert workspace_of(pod_of(spec)).profile == "claude"
