"""What users may write: the models and a real API server accept and refuse the same objects."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from deputy.api.agentrun import (
    ATTEMPT_GROWS,
    BLANK_TASK,
    INBOX_GROWS,
    NO_TASK,
    STAYS_STOPPED,
    AgentRun,
)
from deputy.api.blueprint import Blueprint
from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.errors import Invalid, KubeError
from tests.conftest import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("crds")]

Object = dict[str, Any]
#: Takes a field away, where a row gives it as the field's value.
ABSENT = object()

BLUEPRINT: Object = {
    "apiVersion": "deputy.dev/v1alpha1",
    "kind": "Blueprint",
    "metadata": {"name": "api"},
    "spec": {
        "linear": {
            "organization": "acme",
            "team": "ENG",
            "states": {
                "inProgress": "In Progress",
                "inReview": "In Review",
                "needsHuman": "Blocked",
            },
            "pickUp": {
                "stateTypes": ["unstarted", "started"],
                "overrideLabel": "deputy",
                "allowDelegators": ["ada@example.com"],
                "denyDelegators": [],
            },
        },
        "repository": {
            "url": "https://github.com/acme/api.git",
            "baseBranch": "main",
            "branchPrefix": "bots/deputy/",
            "credentialsSecretRef": {"name": "forge"},
        },
        "pullRequest": {"draft": True, "labels": ["agent"], "reviewers": ["ada"]},
        "agent": {
            "image": "ghcr.io/acme/agent:1",
            "command": ["claude-agent-acp"],
            "args": ["--quiet"],
            "protocol": "ACP",
            "profile": "claude",
            "env": [
                {
                    "name": "KEY",
                    "valueFrom": {"secretKeyRef": {"name": "anthropic", "key": "key"}},
                }
            ],
            "envFrom": [{"configMapRef": {"name": "settings"}}],
            "promptTemplate": "$title",
        },
        "workspace": {
            "resources": {"requests": {"cpu": "1"}},
            "storage": "10Gi",
            "setupCommand": ["make", "deps"],
            "runtimeClassName": "gvisor",
            "podTemplate": {
                "metadata": {"labels": {"team": "eng"}},
                "spec": {"nodeSelector": {"a": "b"}},
            },
        },
        "maxConcurrentRuns": 3,
        "timeoutSeconds": 3600,
        "ttlSecondsAfterFinished": 86400,
    },
}
LINEAR_RUN: Object = {
    "apiVersion": "deputy.dev/v1alpha1",
    "kind": "AgentRun",
    "metadata": {"name": "linear-6k2v9q7d3m-1"},
    "spec": {
        "blueprintRef": {"name": "api"},
        "prompt": "Fix the login.",
        "linear": {
            "organizationId": "org",
            "issueId": "issue",
            "issueIdentifier": "ENG-42",
            "issueTitle": "Fix the login",
            "issueUrl": "https://linear.app/acme/issue/ENG-42",
            "priority": 2,
            "sessionId": "session",
            "activityId": "activity",
            "delegatorId": "ada",
            "delegatorEmail": "ada@example.com",
            "appUserId": "deputy",
        },
        "desiredState": "Active",
        "attempt": 1,
        "inbox": [
            {
                "id": "a",
                "kind": "Prompt",
                "sessionId": "session",
                "from": "Ada",
                "text": "Hurry.",
                "receivedTime": "2026-11-21T02:00:00Z",
            }
        ],
    },
}
HAND_RUN: Object = {
    "apiVersion": "deputy.dev/v1alpha1",
    "kind": "AgentRun",
    "metadata": {"name": "by-hand"},
    "spec": {"blueprintRef": {"name": "api"}, "prompt": "Fix the login."},
}
BASES = {"blueprint": BLUEPRINT, "issue": LINEAR_RUN, "by hand": HAND_RUN}
MODELS: dict[str, type[BaseModel]] = {"Blueprint": Blueprint, "AgentRun": AgentRun}
PLURALS = {"Blueprint": "blueprints", "AgentRun": "agentruns"}

ENTRY = {"id": "a", "kind": "Prompt"}
#: A base, a field of it and a value.
ACCEPTED: list[tuple[str, str, Any]] = [
    ("blueprint", "spec.maxConcurrentRuns", 3),
    ("blueprint", "spec.maxConcurrentRuns", 1),
    ("blueprint", "spec.maxConcurrentRuns", 1000),
    ("blueprint", "spec.maxConcurrentRuns", ABSENT),
    ("blueprint", "spec.timeoutSeconds", 10),
    ("blueprint", "spec.timeoutSeconds", 604800),
    ("blueprint", "spec.ttlSecondsAfterFinished", 0),
    ("blueprint", "spec.linear", ABSENT),
    ("blueprint", "spec.linear.organization", ABSENT),
    ("blueprint", "spec.linear.states", {"inProgress": "In Progress"}),
    ("blueprint", "spec.linear.pickUp", ABSENT),
    ("blueprint", "spec.linear.pickUp.stateTypes", ["triage", "backlog", "duplicate"]),
    ("blueprint", "spec.repository", ABSENT),
    ("blueprint", "spec.repository.url", "http://forge.forge.svc:3000/acme/api.git"),
    ("blueprint", "spec.repository.baseBranch", ABSENT),
    ("blueprint", "spec.repository.branchPrefix", ABSENT),
    ("blueprint", "spec.repository.credentialsSecretRef", ABSENT),
    ("blueprint", "spec.pullRequest", ABSENT),
    ("blueprint", "spec.agent", {"image": "agent", "command": ["agent"]}),
    ("blueprint", "spec.agent.protocol", "Exec"),
    ("blueprint", "spec.agent.env", [{"name": "A", "value": "b", "newInKubernetes": {"c": 1}}]),
    ("blueprint", "spec.workspace", ABSENT),
    ("blueprint", "spec.workspace.storage", "1.5Gi"),
    ("issue", "spec.prompt", ABSENT),
    ("issue", "spec.prompt", ""),
    ("issue", "spec.prompt", "ä" * 131072),
    ("issue", "spec.linear.priority", 0),
    ("issue", "spec.linear.priority", 4),
    ("issue", "spec.linear.delegatorEmail", ABSENT),
    ("issue", "spec.desiredState", "Stopped"),
    ("issue", "spec.inbox", []),
    ("issue", "spec.inbox", [ENTRY, {"id": "b", "kind": "Stop"}]),
    ("issue", "spec.inbox", [{"id": str(n), "kind": "Prompt"} for n in range(300)]),
    ("by hand", "spec.attempt", 100),
    ("by hand", "spec.desiredState", "Stopped"),
]
#: A base, a field of it, a value, and what the API server says to it.
REFUSED: list[tuple[str, str, Any, str]] = [
    ("blueprint", "spec", ABSENT, "spec: Required value"),
    ("blueprint", "spec.agent", ABSENT, "spec.agent: Required value"),
    ("blueprint", "spec.agent.image", ABSENT, "spec.agent.image: Required value"),
    ("blueprint", "spec.agent.image", "", "spec.agent.image in body should be at least 1 chars"),
    ("blueprint", "spec.agent.command", ABSENT, "spec.agent.command: Required value"),
    ("blueprint", "spec.agent.command", [], "spec.agent.command in body should have at least 1"),
    ("blueprint", "spec.agent.command", "agent", "must be of type array"),
    ("blueprint", "spec.agent.protocol", "Telnet", 'supported values: "ACP", "Exec"'),
    ("blueprint", "spec.agent.protocol", "acp", 'supported values: "ACP", "Exec"'),
    ("blueprint", "spec.agent.images", "agent:1", 'unknown field "spec.agent.images"'),
    ("blueprint", "spec.agent.env", "A=b", "must be of type array"),
    ("blueprint", "spec.linear.team", ABSENT, "spec.linear.team: Required value"),
    ("blueprint", "spec.linear.team", "", "spec.linear.team in body should be at least 1 chars"),
    ("blueprint", "spec.linear.states", ABSENT, "spec.linear.states: Required value"),
    (
        "blueprint",
        "spec.linear.states.inProgress",
        ABSENT,
        "spec.linear.states.inProgress: Required value",
    ),
    (
        "blueprint",
        "spec.linear.states.inProgress",
        "",
        "spec.linear.states.inProgress in body should be at least 1 chars",
    ),
    ("blueprint", "spec.linear.pickUp.stateTypes", [], "should have at least 1 items"),
    ("blueprint", "spec.linear.pickUp.stateTypes", ["done"], 'Unsupported value: "done"'),
    ("blueprint", "spec.linear.pickUp.stateTypes", ["started", "started"], "Duplicate value"),
    ("blueprint", "spec.repository.url", ABSENT, "spec.repository.url: Required value"),
    ("blueprint", "spec.repository.url", "git@github.com:acme/api.git", "should match"),
    ("blueprint", "spec.repository.url", "https://user:token@github.com/a/b", "should match"),
    ("blueprint", "spec.repository.branchPrefix", "deputy", "should match"),
    ("blueprint", "spec.repository.branchPrefix", "a..b/", "should match"),
    ("blueprint", "spec.repository.credentialsSecretRef", {}, "name: Required value"),
    ("blueprint", "spec.repository.credentialsSecretRef.name", "No Name", "should match"),
    ("blueprint", "spec.pullRequest.draft", "yes", "must be of type boolean"),
    ("blueprint", "spec.pullRequest.labels", ["a"] * 65, "Too many: 65: must have at most 64"),
    ("blueprint", "spec.maxConcurrentRuns", 0, "should be greater than or equal to 1"),
    ("blueprint", "spec.maxConcurrentRuns", 1001, "should be less than or equal to 1000"),
    ("blueprint", "spec.maxConcurrentRuns", "3", "must be of type integer"),
    ("blueprint", "spec.maxConcurrentRuns", 1.5, "must be of type integer"),
    ("blueprint", "spec.maxConcurrentRuns", True, "must be of type int32"),
    ("blueprint", "spec.timeoutSeconds", 9, "should be greater than or equal to 10"),
    ("blueprint", "spec.timeoutSeconds", "1h", "must be of type integer"),
    ("blueprint", "spec.ttlSecondsAfterFinished", -1, "should be greater than or equal to 0"),
    ("blueprint", "spec.workspace.storage", "lots", "should match"),
    ("blueprint", "spec.workspace.podTemplate.spec", [], "must be of type object"),
    ("blueprint", "spec.workspaces", {}, 'unknown field "spec.workspaces"'),
    ("issue", "spec.blueprintRef", ABSENT, "spec.blueprintRef: Required value"),
    ("issue", "spec.linear.organizationId", ABSENT, "spec.linear.organizationId: Required value"),
    ("issue", "spec.linear.issueId", ABSENT, "spec.linear.issueId: Required value"),
    ("issue", "spec.linear.sessionId", "", "should be at least 1 chars long"),
    ("issue", "spec.linear.priority", 5, "should be less than or equal to 4"),
    ("issue", "spec.inbox", [ENTRY, ENTRY], 'Duplicate value: {"id":"a"}'),
    ("issue", "spec.inbox", [{"kind": "Prompt"}], "id: Required value"),
    ("issue", "spec.inbox", [{"id": "a"}], "kind: Required value"),
    ("issue", "spec.inbox", [{"id": "a", "kind": "Shout"}], 'values: "Prompt", "Stop"'),
    ("issue", "spec.inbox", [ENTRY | {"text": "x" * 16385}], "Too long: may not be more than"),
    ("issue", "spec.inbox", [ENTRY | {"receivedTime": "soon"}], "must be of type date-time"),
    (
        "issue",
        "spec.inbox",
        [{"id": str(n), "kind": "Prompt"} for n in range(301)],
        "Too many: 301: must have at most 300",
    ),
    ("by hand", "spec.blueprintRef", {}, "spec.blueprintRef.name: Required value"),
    ("by hand", "spec.blueprintRef.name", "", "spec.blueprintRef.name"),
    ("by hand", "spec.blueprintRef.name", "API", "should match"),
    ("by hand", "spec.prompt", ABSENT, NO_TASK),
    ("by hand", "spec.prompt", "", NO_TASK),
    ("by hand", "spec.prompt", " \n\t", BLANK_TASK),
    ("by hand", "spec.prompt", "x" * 131073, "Too long: may not be more than 131072"),
    ("by hand", "spec.desiredState", "Paused", 'supported values: "Active", "Stopped"'),
    ("by hand", "spec.attempt", 0, "should be greater than or equal to 1"),
    ("by hand", "spec.attempt", 101, "should be less than or equal to 100"),
    ("by hand", "spec.promt", "Fix it.", 'unknown field "spec.promt"'),
]


def with_field(base: str, path: str, value: Any) -> Object:
    """Return a base with one field set, or taken away."""
    made = copy.deepcopy(BASES[base])
    *parents, last = path.split(".")
    holder = made
    for name in parents:
        holder = holder[name]
    if value is ABSENT:
        del holder[last]
    else:
        holder[last] = value
    return made


def name_of(row: tuple[Any, ...]) -> str:
    """Return the id of a row's test."""
    value = "absent" if row[2] is ABSENT else json.dumps(row[2], ensure_ascii=True)
    return f"{row[0]}: {row[1]} {value[:40]}"


async def tried(kube: Kube, made: Object) -> KubeError | None:
    """Return why the API server refuses an object; nothing is stored."""
    path = f"/apis/deputy.dev/v1alpha1/namespaces/default/{PLURALS[made['kind']]}"
    try:
        await kube.create(f"{path}?dryRun=All&fieldValidation=Strict", made)
    except KubeError as error:
        return error
    return None


@pytest.mark.parametrize("row", ACCEPTED, ids=name_of)
async def test_accepted_by_both(row: tuple[str, str, Any], kube: Kube) -> None:
    made = with_field(*row)

    refusal = await tried(kube, made)

    assert refusal is None
    MODELS[made["kind"]].model_validate(made)


@pytest.mark.parametrize("row", REFUSED, ids=name_of)
async def test_refused_by_both(row: tuple[str, str, Any, str], kube: Kube) -> None:
    made = with_field(*row[:3])

    refusal = await tried(kube, made)

    assert refusal is not None
    assert row[3] in refusal.message
    with pytest.raises(ValidationError):
        MODELS[made["kind"]].model_validate(made)


async def stored(kube: Kube, namespace: str, made: Object) -> Object:
    """Return an object as the API server stored it."""
    path = f"/apis/deputy.dev/v1alpha1/namespaces/{namespace}/{PLURALS[made['kind']]}"
    return await kube.create(path, made)


#: A field, the value that it gets, and what the API server says; nothing, where it takes it.
CHANGES: list[tuple[str, str, Any, str]] = [
    ("by hand", "blueprintRef", {"name": "other"}, "spec.blueprintRef cannot be changed"),
    ("by hand", "prompt", "Something else.", "spec.prompt cannot be changed"),
    ("by hand", "linear", LINEAR_RUN["spec"]["linear"], "spec.linear cannot be changed"),
    ("issue", "prompt", None, "spec.prompt cannot be changed"),
    ("issue", "linear", None, "spec.linear cannot be changed"),
    ("issue", "linear", {"issueTitle": "Other"}, "spec.linear cannot be changed"),
    ("issue", "inbox", None, INBOX_GROWS),
    ("issue", "inbox", [], INBOX_GROWS),
    ("issue", "inbox", [ENTRY], INBOX_GROWS),
    ("issue", "inbox", [*LINEAR_RUN["spec"]["inbox"], {"id": "b", "kind": "Stop"}], ""),
    ("issue", "attempt", 2, ""),
    ("issue", "attempt", 0, "should be greater than or equal to 1"),
    ("issue", "desiredState", "Stopped", ""),
    ("by hand", "inbox", [ENTRY], ""),
    ("by hand", "attempt", 1, ""),
]


@pytest.mark.parametrize("row", CHANGES, ids=name_of)
async def test_only_intent_changes(
    row: tuple[str, str, Any, str], kube: Kube, namespace: str
) -> None:
    base, field, value, refusal = row
    run = await stored(kube, namespace, BASES[base])
    path = resources.agentruns(namespace, run["metadata"]["name"])

    try:
        await kube.patch(path, {"spec": {field: value}})
        said = ""
    except Invalid as error:
        said = error.message

    assert refusal in said
    assert bool(refusal) is bool(said)


async def test_an_attempt_is_never_taken_back(kube: Kube, namespace: str) -> None:
    run = await stored(kube, namespace, with_field("by hand", "spec.attempt", 3))
    path = resources.agentruns(namespace, run["metadata"]["name"])

    with pytest.raises(Invalid, match=r"spec\.attempt can only be raised"):
        await kube.patch(path, {"spec": {"attempt": 2}})


@pytest.mark.parametrize(
    ("field", "value"),
    [("desiredState", "Active"), ("desiredState", None), ("attempt", None)],
)
async def test_what_was_once_wanted_is_not_taken_back_by_leaving_it_out(
    field: str, value: str | None, kube: Kube, namespace: str
) -> None:
    made = with_field("by hand", "spec.attempt", 3)
    made["spec"]["desiredState"] = "Stopped"
    run = await stored(kube, namespace, made)
    path = resources.agentruns(namespace, run["metadata"]["name"])

    with pytest.raises(Invalid, match=f"{STAYS_STOPPED}|{ATTEMPT_GROWS}"):
        await kube.patch(path, {"spec": {field: value}})


async def test_the_fullest_inbox_may_still_be_changed_elsewhere(kube: Kube, namespace: str) -> None:
    full = [{"id": str(n), "kind": "Prompt", "text": "x" * 3000} for n in range(300)]
    run = await stored(kube, namespace, with_field("issue", "spec.inbox", full))
    path = resources.agentruns(namespace, run["metadata"]["name"])

    patched = await kube.patch(path, {"spec": {"desiredState": "Stopped"}})

    assert patched["spec"]["desiredState"] == "Stopped"


@pytest.mark.parametrize("plural", ["agentruns", "blueprints"])
def test_the_api_server_finds_the_schema_structural(plural: str, kubectl: Kubectl) -> None:
    definition = kubectl.json("get", "crd", f"{plural}.deputy.dev")

    statuses = {
        condition["type"]: condition["status"] for condition in definition["status"]["conditions"]
    }
    assert statuses == {"NamesAccepted": "True", "Established": "True"}


@pytest.mark.parametrize("kind", ["AgentRun", "Blueprint"])
def test_kubectl_explains_every_field(kind: str, kubectl: Kubectl) -> None:
    served = json.loads(kubectl("get", "--raw", "/openapi/v3/apis/deputy.dev/v1alpha1"))
    schema = served["components"]["schemas"][f"dev.deputy.v1alpha1.{kind}"]
    fields = dict(fields_below("", schema))

    assert len(fields) > 30
    assert [path for path, text in fields.items() if not text] == []
    assert fields[".spec"] in kubectl("explain", f"{kind}.spec").replace("\n    ", " ")


def fields_below(path: str, schema: Object) -> Iterator[tuple[str, str]]:
    """Yield every field and the text that `kubectl explain` has for it."""
    for name, inner in schema.get("properties", {}).items():
        reference = inner.get("allOf", [{}])[0]
        yield f"{path}.{name}", inner.get("description", "")
        if "$ref" not in reference:
            yield from fields_below(f"{path}.{name}", inner)
    if "items" in schema:
        yield from fields_below(f"{path}[]", schema["items"])


async def test_kubectl_get_shows_what_people_look_for(
    kube: Kube, namespace: str, kubectl: Kubectl
) -> None:
    await stored(kube, namespace, BLUEPRINT)
    await stored(kube, namespace, LINEAR_RUN)
    await stored(kube, namespace, HAND_RUN)
    status = {
        "phase": "Succeeded",
        "reason": "PullRequestOpened",
        "pullRequest": {"url": "https://github.com/acme/api/pull/7", "number": 7},
        "podName": "linear-6k2v9q7d3m-1-1",
        "branch": "deputy/eng-42",
        "attempt": 1,
    }
    run = resources.agentruns(namespace, "linear-6k2v9q7d3m-1")
    await kube.patch(f"{run}/status", {"status": status})
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Ready",
        "message": "",
        "lastTransitionTime": "2026-11-21T02:00:00Z",
    }
    await kube.patch(
        f"{resources.blueprints(namespace, 'api')}/status",
        {"status": {"conditions": [ready], "activeRuns": 1, "queuedRuns": 0}},
    )

    assert table(kubectl("get", "run", "linear-6k2v9q7d3m-1", "-n", namespace)) == {
        "NAME": "linear-6k2v9q7d3m-1",
        "BLUEPRINT": "api",
        "ISSUE": "ENG-42",
        "PHASE": "Succeeded",
        "REASON": "PullRequestOpened",
        "PR": "https://github.com/acme/api/pull/7",
        "AGE": "<ANY>",
    }
    assert table(kubectl("get", "bp", "-n", namespace, "-o", "wide")) == {
        "NAME": "api",
        "TEAM": "ENG",
        "READY": "True",
        "ACTIVE": "1",
        "QUEUED": "0",
        "MAX": "3",
        "REASON": "Ready",
        "AGE": "<ANY>",
    }
    assert kubectl("get", "agents", "-n", namespace, "-o", "name").split() == [
        "agentrun.deputy.dev/by-hand",
        "agentrun.deputy.dev/linear-6k2v9q7d3m-1",
        "blueprint.deputy.dev/api",
    ]
    selector = "status.phase=Succeeded,spec.blueprintRef.name=api"
    assert kubectl(
        "get", "run", "-n", namespace, "--field-selector", selector, "-o", "name"
    ).split() == ["agentrun.deputy.dev/linear-6k2v9q7d3m-1"]


def table(text: str) -> dict[str, str]:
    """Return the one row of what `kubectl get` prints, by its header; no cell is empty."""
    header, row = (line.split() for line in text.splitlines())
    return dict(zip(header, row, strict=True)) | {"AGE": "<ANY>"}
