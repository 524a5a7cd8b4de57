"""The chart on a real API server: what Helm installs is accepted, guarded, kept and removed."""

import json
import pathlib
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import yaml

from deputy.kube import resources
from deputy.kube.client import Kube
from deputy.kube.errors import NotFound
from dev.cluster import programs
from tests.chart.rendering import CHART, RELEASE, Object
from tests.conftest import Kubectl

pytestmark = pytest.mark.cluster

#: Nothing of ours runs in these tests: they are about the objects.
VALUES = {"image": {"repository": "localhost/none", "pullPolicy": "Never"}}
DEADLINE = 30.0
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


class Helm:
    """Helm on the test cluster, in one namespace."""

    def __init__(self, kubeconfig: pathlib.Path, namespace: str) -> None:
        program = programs.find(programs.HELM)
        if program is None:
            pytest.fail("helm is not there; run `make cluster`, which builds it", pytrace=False)
        # One namespace, which goes with all that is in it.
        self._namespace = namespace
        self._command = [str(program), f"--kubeconfig={kubeconfig}", f"--namespace={namespace}"]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Helm with the test's values, whatever comes of it."""
        command = [*self._command, *arguments]
        given = json.dumps({"agentNamespaces": [self._namespace]} | VALUES)
        return subprocess.run(command, input=given, capture_output=True, text=True, check=False)

    def __call__(self, *arguments: str) -> str:
        """Run Helm and return what it says; the test fails where Helm does."""
        done = self.run(*arguments)
        if done.returncode:
            pytest.fail(f"helm {' '.join(arguments)}: {done.stderr}", pytrace=False)
        return done.stdout

    def install(self, *arguments: str) -> str:
        """Install the chart; return the notes."""
        return self("install", RELEASE, str(CHART), "--values=-", *arguments)


@pytest.fixture
async def helm(kubeconfig: pathlib.Path, kube: Kube, namespace: str) -> AsyncIterator[Helm]:
    """Helm in a restricted namespace; whatever it installs is gone afterwards."""
    await kube.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": RESTRICTED}})
    installed = Helm(kubeconfig, namespace)
    yield installed
    installed.run("uninstall", RELEASE, "--ignore-not-found")


def test_every_object_is_accepted_without_a_warning(
    helm: Helm, kubectl: Kubectl, namespace: str
) -> None:
    host = "webhook.ingress.host=deputy.example.com"
    rendered = helm(
        *("template", RELEASE, str(CHART), "--values=-", "--kube-version=1.36.0"),
        *("--set=webhook.ingress.enabled=true", f"--set={host}"),
        *("--set=webhook.ingress.tls.secretName=certificate", "--set=image.tag=dev"),
        "--set=networkPolicy.workspaces.allowedCIDRs={10.1.0.0/16}",
        "--set=networkPolicy.workspaces.blockedCIDRs={203.0.113.7/32,2001:db8::/32}",
    )

    done = kubectl.run(
        *("apply", "--dry-run=server", "--validate=strict", "-n", namespace, "-f", "-"),
        given=rendered,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == len(list(yaml.safe_load_all(rendered)))


async def test_pods_are_admitted_where_only_restricted_ones_are(
    helm: Helm, kube: Kube, namespace: str
) -> None:
    helm.install()

    for name in ("deputy-operator", "deputy-webhook"):
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
        template = (await kube.get(path))["spec"]["template"]
        pod = {"metadata": {"name": name, **template["metadata"]}, "spec": template["spec"]}
        made = await kube.create(f"{resources.pods(namespace)}?dryRun=All", pod)
        assert made["spec"]["serviceAccountName"] == name


def test_notes_say_what_to_do_next(helm: Helm, namespace: str) -> None:
    notes = helm.install()

    assert f"kubectl -n {namespace} create secret generic deputy-linear" in notes
    assert "https://<your host>/webhooks/linear" in notes
    assert f"namespace: {namespace}" in notes
    assert "kubectl apply --server-side --force-conflicts -f -" in notes


@pytest.mark.parametrize("wrong", ["operator.replica=2", "operator.replicas=two"])
def test_wrong_values_install_nothing(
    wrong: str, helm: Helm, kubectl: Kubectl, namespace: str
) -> None:
    done = helm.run("install", RELEASE, str(CHART), "--values=-", f"--set={wrong}")

    assert done.returncode == 1
    assert "values don't meet the specifications of the schema" in done.stderr
    assert kubectl("get", "deployments", "-n", namespace, "-o", "name") == ""


#: Who, verb, resource, and whether it may.
RIGHTS = [
    ("deputy-operator", "create", "pods", True),
    ("deputy-operator", "get", "pods/log", True),
    ("deputy-operator", "patch", "agentruns.deputy.dev/status", True),
    ("deputy-operator", "get", "secrets/forge", True),
    ("deputy-operator", "update", "secrets/deputy-relay-ca", True),
    ("deputy-operator", "update", "leases.coordination.k8s.io/deputy-operator", True),
    ("deputy-operator", "list", "secrets", False),
    ("deputy-operator", "list", "namespaces", False),
    ("deputy-operator", "create", "secrets", False),
    ("deputy-operator", "update", "secrets/deputy-linear", False),
    ("deputy-operator", "create", "pods/exec", False),
    ("deputy-operator", "create", "agentruns.deputy.dev", False),
    ("deputy-webhook", "create", "agentruns.deputy.dev", True),
    ("deputy-webhook", "watch", "blueprints.deputy.dev", True),
    ("deputy-webhook", "patch", "agentruns.deputy.dev/status", False),
    ("deputy-webhook", "get", "secrets/deputy-linear", False),
    ("deputy-webhook", "create", "pods", False),
    ("deputy-workspace", "get", "pods", False),
    ("deputy-workspace", "get", "agentruns.deputy.dev", False),
    ("deputy-workspace", "get", "secrets/forge", False),
]


def test_rights_are_those_and_no_others(helm: Helm, kubectl: Kubectl, namespace: str) -> None:
    helm.install()

    def allowed(who: str, verb: str, resource: str, *where: str) -> bool:
        account = f"--as=system:serviceaccount:{namespace}:{who}"
        # A subresource and a name are told apart by kubectl's own flag.
        kind, _, rest = resource.partition("/")
        sub = [f"--subresource={rest}"] if rest in ("log", "exec", "status") else []
        what = kind if sub or not rest else f"{kind}/{rest}"
        done = kubectl.run("auth", "can-i", verb, what, *sub, account, *where)
        return done.stdout.strip() == "yes"

    here = ("-n", namespace)
    assert [(*right[:3], allowed(*right[:3], *here)) for right in RIGHTS] == RIGHTS
    assert not allowed("deputy-operator", "get", "pods", "-n", "default")
    assert allowed("deputy-operator", "create", "tokenreviews.authentication.k8s.io", "-A")


def pod(name: str, labels: dict[str, str]) -> Object:
    """Return a pod that a restricted namespace admits."""
    container: dict[str, Any] = {
        "name": "main",
        "image": "localhost/none",
        "imagePullPolicy": "Never",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    security = {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"securityContext": security, "containers": [container]},
    }


def test_labels_of_ours_are_the_operators(helm: Helm, kubectl: Kubectl, namespace: str) -> None:
    helm.install()
    operator = f"--as=system:serviceaccount:{namespace}:deputy-operator"
    marked = json.dumps(pod("marked", {"deputy.dev/run": "x"}))
    plain = json.dumps(pod("plain", {"app": "x"}))

    def tried(*arguments: str, given: str = "") -> str:
        return kubectl.run(*arguments, "-n", namespace, given=given).stderr

    # The API server takes a policy into use a moment after it was made.
    refusal = eventually(lambda: tried("create", "--dry-run=server", "-f", "-", given=marked))
    assert "labels that begin with deputy.dev/ are set by Deputy's operator alone" in refusal
    assert tried("create", operator, "-f", "-", given=marked) == ""
    assert tried("create", "-f", "-", given=plain) == ""
    assert "operator alone" in tried("label", "pod", "plain", "deputy.dev/leader=true")
    assert "operator alone" in tried("label", "pod", "marked", "--overwrite", "deputy.dev/run=y")
    assert "operator alone" in tried("label", "pod", "marked", "deputy.dev/run-")
    assert tried("label", "pod", "marked", "team=eng") == ""
    assert tried("label", operator, "pod", "plain", "deputy.dev/leader=true") == ""


def eventually(look: Callable[[], str]) -> str:
    """Return what is seen as soon as it is something; the test fails where it never is."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if value := look():
            return value
    pytest.fail("nothing was seen in time")


async def test_an_upgrade_keeps_what_the_operator_filled_in(
    helm: Helm, kube: Kube, namespace: str
) -> None:
    helm.install()
    secret = resources.secrets(namespace, "deputy-relay-ca")
    lease = resources.leases(namespace, "deputy-operator")
    await kube.patch(secret, {"data": {"tls.crt": "Y2VydGlmaWNhdGU="}})
    await kube.patch(lease, {"spec": {"holderIdentity": "deputy-operator-1"}})

    helm("upgrade", RELEASE, str(CHART), "--values=-", "--set=operator.replicas=3")

    deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/deputy-operator"
    assert (await kube.get(deployment))["spec"]["replicas"] == 3
    assert (await kube.get(secret))["data"] == {"tls.crt": "Y2VydGlmaWNhdGU="}
    assert (await kube.get(lease))["spec"]["holderIdentity"] == "deputy-operator-1"


def test_uninstalling_leaves_nothing_behind(helm: Helm, kubectl: Kubectl, namespace: str) -> None:
    before = inventory(kubectl, namespace)
    helm.install()
    assert inventory(kubectl, namespace) > before

    helm("uninstall", RELEASE)

    def left() -> set[str]:
        return inventory(kubectl, namespace) - before

    # Pods take their time to end.
    eventually(lambda: "nothing" if not left() else "")
    assert left() == set()


def inventory(kubectl: Kubectl, namespace: str) -> set[str]:
    """Return everything in a namespace, and everything in the cluster that is named after it."""
    listed = kubectl("api-resources", "--verbs=list", "--namespaced=true", "-o", "name").split()
    # Events are a diary.
    kinds = [kind for kind in listed if not kind.startswith("events")]
    inside = kubectl("get", ",".join(kinds), "-n", namespace, "-o", "name", "--ignore-not-found")
    wide = "clusterroles,clusterrolebindings,validatingadmissionpolicies"
    named = kubectl("get", f"{wide},validatingadmissionpolicybindings", "-o", "name").split()
    return {*inside.split(), *(name for name in named if name.endswith(f".{namespace}"))}


async def test_agents_live_in_namespaces_of_their_own(
    helm: Helm, kube: Kube, namespace: str
) -> None:
    agents = f"{namespace}-agents"
    await kube.create("/api/v1/namespaces", {"metadata": {"name": agents}})
    try:
        helm.install(f"--set=agentNamespaces={{{agents}}}")

        account = f"/api/v1/namespaces/{agents}/serviceaccounts/deputy-workspace"
        assert (await kube.get(account))["automountServiceAccountToken"] is False
        with pytest.raises(NotFound):
            await kube.get(account.replace(agents, namespace))
    finally:
        await kube.delete(f"/api/v1/namespaces/{agents}")


def test_an_agent_namespace_that_does_not_exist_is_named(helm: Helm) -> None:
    done = helm.run(
        *("install", RELEASE, str(CHART), "--values=-", "--set=agentNamespaces={not-there}")
    )

    assert done.returncode == 1
    assert 'namespaces "not-there" not found' in done.stderr


async def test_the_api_servers_address_is_closed_to_workspaces(
    helm: Helm, kube: Kube, namespace: str
) -> None:
    helm.install()
    slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
    addresses = (await kube.get(slices))["endpoints"][0]["addresses"]

    policy = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/deputy-workspaces"
    egress = (await kube.get(policy))["spec"]["egress"]

    closed = [
        hole
        for rule in egress
        for peer in rule["to"]
        for hole in peer.get("ipBlock", {}).get("except", [])
    ]
    assert addresses
    assert {f"{address}/32" for address in addresses} <= set(closed)
    assert "168.63.129.16/32" in closed


async def test_definitions_are_upgraded_as_the_notes_say(
    helm: Helm, kube: Kube, kubectl: Kubectl
) -> None:
    helm.install()
    shown = helm("show", "crds", str(CHART))

    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=shown)

    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/agentruns.deputy.dev"
    definition = await kube.get(path)
    assert definition["spec"]["versions"][0]["name"] == "v1alpha1"
