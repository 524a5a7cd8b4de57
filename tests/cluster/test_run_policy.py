"""Facts of the admission policy on AgentRuns, as the API server understands it."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chart.rendering import NAMESPACE, Object, of_kind, render
from tests.conftest import Kubectl

pytestmark = pytest.mark.cluster

WEBHOOK = f"system:serviceaccount:{NAMESPACE}:deputy-webhook"
TENANT = "mallory"
LINEAR = {"organizationId": "org", "issueId": "issue", "sessionId": "session"}
MESSAGE = {"id": "a", "kind": "Prompt", "text": "hello"}


def run(name: str, **spec: Any) -> Object:
    return {
        "apiVersion": "deputy.dev/v1alpha1",
        "kind": "AgentRun",
        "metadata": {"name": name},
        "spec": {"blueprintRef": {"name": "api"}, "prompt": "Fix it.", "inbox": []} | spec,
    }


class Tenants:
    """A namespace of a tenant, guarded by the policy, and whoever writes to it."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self._kubectl = kubectl
        self._namespace = namespace

    def write(self, who: str, *arguments: str, made: Object | None = None) -> str:
        """Do something as somebody who may do everything; return why it was refused, if it was."""
        identity = (f"--as={who}", "--as-group=system:masters", f"--namespace={self._namespace}")
        given = json.dumps(made) if made is not None else ""
        done = self._kubectl.run(*identity, *arguments, given=given)
        return done.stderr if done.returncode else ""

    def create(self, who: str, made: Object) -> str:
        return self.write(who, "create", "-f", "-", made=made)

    def add_message(self, who: str, message: dict[str, str]) -> str:
        patch = [{"op": "add", "path": "/spec/inbox/-", "value": message}]
        return self.write(who, "patch", "agentrun", "ours", "--type=json", "-p", json.dumps(patch))


@pytest.fixture
def tenants(kubectl: Kubectl, namespace: str) -> Iterator[Tenants]:
    kinds = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    made = of_kind(render({"agentNamespaces": [namespace]}), *kinds)
    guards = [one for one in made if one["metadata"]["name"].startswith("deputy-runs.")]
    for guard in guards:
        # Another installation on this cluster has one of its own.
        guard["metadata"]["name"] = f"deputy-runs.{namespace}"
        if "policyName" in guard["spec"]:
            guard["spec"]["policyName"] = f"deputy-runs.{namespace}"
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": guards})
    kubectl("apply", "-f", "-", given=given)
    found = Tenants(kubectl, namespace)
    deadline = time.monotonic() + 30
    while not found.write(TENANT, "create", "-f", "-", "--dry-run=server", made=FORGED):
        assert time.monotonic() < deadline, "the policy has no effect"
    yield found
    kubectl("delete", "--ignore-not-found", "-f", "-", given=given)


FORGED = run("forged", linear=LINEAR)


def test_only_the_webhook_gives_a_run_an_issue(tenants: Tenants) -> None:
    assert "spec.linear is set by Deputy's webhook alone" in tenants.create(TENANT, FORGED)
    assert tenants.create(TENANT, run("by-hand")) == ""
    assert tenants.create(WEBHOOK, run("ours", linear=LINEAR)) == ""


def test_what_is_ours_of_a_run_stays_as_the_webhook_wrote_it(tenants: Tenants) -> None:
    made = run("ours", linear=LINEAR)
    made["metadata"] |= {"labels": {"deputy.dev/issue": "abc"}}
    assert tenants.create(WEBHOOK, made) == ""

    for change in (
        ("label", "agentrun", "ours", "deputy.dev/issue=xyz", "--overwrite"),
        ("label", "agentrun", "ours", "deputy.dev/issue-"),
        ("annotate", "agentrun", "ours", "deputy.dev/after=x/y"),
    ):
        assert "deputy.dev/ are set by Deputy's webhook alone" in tenants.write(TENANT, *change)
    assert tenants.write(TENANT, "label", "agentrun", "ours", "team=eng") == ""
    stop = json.dumps({"spec": {"desiredState": "Stopped"}})
    assert tenants.write(TENANT, "patch", "agentrun", "ours", "--type=merge", "-p", stop) == ""


def test_only_the_webhook_speaks_for_a_session(tenants: Tenants) -> None:
    assert tenants.create(WEBHOOK, run("ours", linear=LINEAR)) == ""
    of_session = MESSAGE | {"id": "b", "sessionId": "session"}

    assert tenants.add_message(TENANT, MESSAGE) == ""
    assert "leave the sessionId out" in tenants.add_message(TENANT, of_session)
    assert tenants.add_message(WEBHOOK, of_session) == ""
    assert tenants.add_message(TENANT, MESSAGE | {"id": "c"}) == ""
