"""What the chart makes, and that it fits what the processes read and do."""

import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deputy.api.agentrun import AgentRun
from deputy.api.blueprint import BlueprintSpec
from deputy.api.names import LEADER_LABEL
from deputy.settings import OperatorSettings, WebhookSettings
from deputy.workspace.pod import WorkspaceSettings, build_pod, labels_of
from tests.chart.generated import COMMAND, GOLDEN
from tests.chart.rendering import (
    CHART,
    KUBERNETES,
    NAMESPACE,
    Object,
    helm,
    name_of,
    of_kind,
    render,
)

#: Everything that can be switched on, and two namespaces of agents.
EVERYTHING: Mapping[str, Any] = {
    "agentNamespaces": ["agents", "others"],
    "imagePullSecrets": [{"name": "registry"}],
    "webhook": {
        "ingress": {
            "enabled": True,
            "host": "deputy.example.com",
            "className": "nginx",
            "annotations": {"a": "b"},
            "tls": {"secretName": "certificate"},
        }
    },
    "networkPolicy": {"workspaces": {"allowedCIDRs": ["10.1.0.0/16"]}},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
}
RUN = AgentRun.model_validate(
    {
        "metadata": {"name": "by-hand", "namespace": "agents", "uid": "uid"},
        "spec": {"blueprintRef": {"name": "api"}, "prompt": "Fix it."},
    }
)
BLUEPRINT = BlueprintSpec.model_validate({"agent": {"image": "agent", "command": ["agent"]}})
SETTINGS = WorkspaceSettings(sidecar_image="sidecar", relay_url="https://relay", relay_ca="")


@pytest.fixture(scope="module")
def default() -> dict[str, Object]:
    return render()


@pytest.fixture(scope="module")
def everything() -> dict[str, Object]:
    return render(EVERYTHING)


def test_the_default_rendering_is_the_golden_one(default: dict[str, Object]) -> None:
    golden = {name_of(made): made for made in yaml.safe_load_all(GOLDEN.read_text())}

    assert default == golden, COMMAND


def test_everything_is_labelled_as_kubernetes_recommends(everything: dict[str, Object]) -> None:
    wanted = {
        "helm.sh/chart",
        "app.kubernetes.io/name",
        "app.kubernetes.io/instance",
        "app.kubernetes.io/component",
        "app.kubernetes.io/version",
        "app.kubernetes.io/part-of",
        "app.kubernetes.io/managed-by",
    }

    missing = {name: wanted - set(made["metadata"]["labels"]) for name, made in everything.items()}
    assert {name: keys for name, keys in missing.items() if keys} == {}


def pods(objects: Mapping[str, Object]) -> dict[str, Object]:
    """Return the pod templates of a rendering."""
    return {
        made["metadata"]["name"]: made["spec"]["template"]
        for made in of_kind(objects, "Deployment")
    }


def environment(pod: Object) -> dict[str, str]:
    """Return what a pod's container is told; fields of the pod are given a value."""
    return {
        variable["name"]: variable.get("value", NAMESPACE)
        for variable in pod["spec"]["containers"][0]["env"]
    }


def test_the_operator_understands_its_environment() -> None:
    values = {"agentNamespaces": ["a", "b"], "linear": {"teamNamespaces": {"ENG": ["a"]}}}
    pod = pods(render(values))["deputy-operator"]

    assert OperatorSettings.from_environment(environment(pod)) == OperatorSettings(
        namespace=NAMESPACE,
        pod_name=NAMESPACE,
        agent_namespaces=("a", "b"),
        linear_api_url="https://api.linear.app",
        linear_credentials=Path("/etc/deputy/linear"),
        kubeconfig=None,
        log_level="INFO",
        team_namespaces={"ENG": ("a",)},
        relay_url="https://deputy-relay.deputy.svc:8443",
        relay_port=8443,
        health_port=8081,
        sidecar_image="ghcr.io/deputy-dev/sidecar:0.1.0",
    )


def test_the_webhook_understands_its_environment(default: dict[str, Object]) -> None:
    settings = WebhookSettings.from_environment(environment(pods(default)["deputy-webhook"]))

    assert (settings.agent_namespaces, settings.port) == (("deputy-agents",), 8080)


def test_agents_do_not_live_in_the_releases_own_namespace_by_default(
    default: dict[str, Object],
) -> None:
    """Who may make a pod beside Linear's credentials could read them."""
    there = {
        made["metadata"]["name"]: made["metadata"]["namespace"]
        for made in of_kind(default, "ServiceAccount", "Role")
    }

    assert {name: namespace for name, namespace in there.items() if namespace != NAMESPACE} == {
        "deputy-workspace": "deputy-agents",
        "deputy-operator-runs": "deputy-agents",
        "deputy-webhook-runs": "deputy-agents",
    }


def test_a_private_authority_is_mounted_and_named() -> None:
    rendered = pods(render({"extraCA": {"configMap": "company", "key": "root.pem"}}))

    for pod in rendered.values():
        mounted = {mount["name"]: mount for mount in pod["spec"]["containers"][0]["volumeMounts"]}
        assert {"name": "extra-ca", "configMap": {"name": "company"}} in pod["spec"]["volumes"]
        assert environment(pod)["DEPUTY_EXTRA_CA"] == "/etc/deputy/extra-ca/root.pem"
        assert mounted["extra-ca"]["mountPath"] == "/etc/deputy/extra-ca"


def test_a_proxy_is_for_what_is_outside_of_the_cluster() -> None:
    proxy = {"url": "http://proxy:3128", "noProxy": ["git.example.com"]}
    inside = "localhost,127.0.0.1,::1,.svc,.cluster.local"

    for pod in pods(render({"proxy": proxy})).values():
        told = environment(pod)
        assert told["HTTPS_PROXY"] == told["HTTP_PROXY"] == "http://proxy:3128"
        assert told["NO_PROXY"] == f"{inside},git.example.com"


def test_services_ask_for_both_families_of_addresses(default: dict[str, Object]) -> None:
    services = of_kind(default, "Service")

    assert {made["spec"]["ipFamilyPolicy"] for made in services} == {"PreferDualStack"}


def test_processes_see_every_variable_that_is_given_to_them() -> None:
    extra = [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]
    rendered = pods(render({"operator": {"env": extra}, "webhook": {"env": extra}}))

    assert [environment(pod)["HTTPS_PROXY"] for pod in rendered.values()] == [
        "http://proxy:3128"
    ] * 2


def test_a_digest_wins_over_a_tag() -> None:
    digest = f"sha256:{'0' * 64}"
    rendered = pods(
        render({"image": {"tag": "1", "digest": digest}, "sidecarImage": {"tag": "dev"}})
    )["deputy-operator"]

    assert rendered["spec"]["containers"][0]["image"] == f"ghcr.io/deputy-dev/operator@{digest}"
    assert environment(rendered)["DEPUTY_SIDECAR_IMAGE"] == "ghcr.io/deputy-dev/sidecar:dev"


def test_pods_are_as_restricted_as_pods_can_be(default: dict[str, Object]) -> None:
    for pod in pods(default).values():
        spec = pod["spec"]
        assert spec["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 1001,
            "runAsGroup": 1001,
            "fsGroup": 1001,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert spec["containers"][0]["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {next(iter(set(volume) - {"name"})) for volume in spec["volumes"]} == {
            "emptyDir",
            "secret",
        }
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(spec)


def test_openshift_gives_the_pods_their_ids() -> None:
    done = helm(
        *("template", "deputy", str(CHART), f"--kube-version={KUBERNETES}"),
        "--api-versions=security.openshift.io/v1",
    )
    deployments = [
        made for made in yaml.safe_load_all(done.stdout) if made and made["kind"] == "Deployment"
    ]

    assert [made["spec"]["template"]["spec"]["securityContext"] for made in deployments] == [
        {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    ] * 2


def test_pods_start_without_the_credentials(default: dict[str, Object]) -> None:
    for pod in pods(default).values():
        secret = next(v["secret"] for v in pod["spec"]["volumes"] if v["name"] == "linear")
        assert secret == {"secretName": "deputy-linear", "defaultMode": 0o440, "optional": True}


def selectors(objects: Mapping[str, Object]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield whatever selects pods of ours: its name, the part, the labels."""
    for made in of_kind(objects, "Service", "PodDisruptionBudget", "NetworkPolicy", "Deployment"):
        spec, part = made["spec"], made["metadata"]["labels"]["app.kubernetes.io/component"]
        selector = spec.get("podSelector") or spec["selector"]
        yield name_of(made), part, selector.get("matchLabels", selector)


def test_every_selector_finds_its_pods(everything: dict[str, Object]) -> None:
    labels = {
        "operator": pods(everything)["deputy-operator"]["metadata"]["labels"],
        "webhook": pods(everything)["deputy-webhook"]["metadata"]["labels"],
        "workspace": labels_of(RUN),
    }
    # The leader puts this on its own pod.
    labels["operator"] |= {LEADER_LABEL: "true"}

    lost = [
        name
        for name, part, selector in selectors(everything)
        if not selector.items() <= labels[part].items()
    ]
    assert lost == []


def test_ports_are_named_where_they_are_used(everything: dict[str, Object]) -> None:
    known = {
        part: {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
        for part, pod in (
            (name.removeprefix("deputy-"), pod) for name, pod in pods(everything).items()
        )
    }
    for made in of_kind(everything, "Service"):
        part = made["metadata"]["labels"]["app.kubernetes.io/component"]
        assert {port["targetPort"] for port in made["spec"]["ports"]} <= known[part]
    for pod in pods(everything).values():
        container = pod["spec"]["containers"][0]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["port"] in known[container["name"]]


def test_only_the_leader_answers_for_the_relay(default: dict[str, Object]) -> None:
    relay = default["Service deputy/deputy-relay"]["spec"]

    assert relay["selector"][LEADER_LABEL] == "true"
    assert relay["ports"] == [{"name": "relay", "port": 8443, "targetPort": "relay"}]
    assert "publishNotReadyAddresses" not in relay


def test_nothing_of_ours_carries_a_guarded_label_from_the_start(default: dict[str, Object]) -> None:
    for pod in pods(default).values():
        assert [key for key in pod["metadata"]["labels"] if key.startswith("deputy.dev/")] == []


def test_workspaces_find_their_service_account_in_every_agent_namespace(
    everything: dict[str, Object],
) -> None:
    name = build_pod(RUN, BLUEPRINT, "", SETTINGS)["spec"]["serviceAccountName"]

    for namespace in ("agents", "others"):
        account = everything[f"ServiceAccount {namespace}/{name}"]
        assert account["automountServiceAccountToken"] is False
        assert account["imagePullSecrets"] == [{"name": "registry"}]


def test_the_ingress_opens_one_path(everything: dict[str, Object]) -> None:
    assert everything["Ingress deputy/deputy-webhook"]["spec"] == {
        "ingressClassName": "nginx",
        "tls": [{"hosts": ["deputy.example.com"], "secretName": "certificate"}],
        "rules": [
            {
                "host": "deputy.example.com",
                "http": {
                    "paths": [
                        {
                            "path": "/webhooks/linear",
                            "pathType": "Exact",
                            "backend": {
                                "service": {"name": "deputy-webhook", "port": {"name": "http"}}
                            },
                        }
                    ]
                },
            }
        ],
    }


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ({"networkPolicy": {"enabled": False}}, {"NetworkPolicy"}),
        (
            {"labelGuard": {"enabled": False}},
            {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"},
        ),
    ],
    ids=["networkPolicy", "labelGuard"],
)
def test_what_is_switched_off_is_not_made(
    value: dict[str, Any], kinds: set[str], default: dict[str, Object]
) -> None:
    assert of_kind(render(value), *kinds) == []
    assert of_kind(default, *kinds) != []


class TestWorkspacesNetwork:
    """What the policy of workspaces opens."""

    @pytest.fixture
    def rules(self, everything: dict[str, Object]) -> list[Object]:
        policy = everything["NetworkPolicy agents/deputy-workspaces"]["spec"]
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert policy["ingress"] == []
        egress: list[Object] = policy["egress"]
        return egress

    def test_each_agent_namespace_has_it(self, everything: dict[str, Object]) -> None:
        namespaces = {
            made["metadata"]["namespace"]
            for made in of_kind(everything, "NetworkPolicy")
            if made["metadata"]["name"] == "deputy-workspaces"
        }

        assert namespaces == {"agents", "others"}

    @pytest.mark.parametrize(
        "closed",
        [
            "10.2.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "192.88.99.1",
            "198.18.0.2",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "fe80::1",
            "fd00::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "2001:0:a00:1::1",
            "64:ff9b::a00:1",
            "2002:a00:1::1",
        ],
    )
    def test_special_addresses_are_closed(self, rules: list[Object], closed: str) -> None:
        assert not _open(rules, closed)

    @pytest.mark.parametrize("opened", ["140.82.121.3", "1.1.1.1", "2606:4700::1111", "10.1.2.3"])
    def test_public_addresses_and_allowed_ones_are_open(
        self, rules: list[Object], opened: str
    ) -> None:
        assert _open(rules, opened)

    def test_blocked_addresses_are_closed(self) -> None:
        blocked = {"blockedCIDRs": ["203.0.113.7/32", "2001:db8::/32"]}
        policy = render({"networkPolicy": {"workspaces": blocked}})[
            "NetworkPolicy deputy-agents/deputy-workspaces"
        ]

        assert not _open(policy["spec"]["egress"], "203.0.113.7")
        assert not _open(policy["spec"]["egress"], "2001:db8::1")
        assert _open(policy["spec"]["egress"], "203.0.113.8")

    def test_without_the_public_internet_nothing_but_dns_and_relay_is_open(self) -> None:
        policy = render({"networkPolicy": {"workspaces": {"publicInternet": False}}})[
            "NetworkPolicy deputy-agents/deputy-workspaces"
        ]["spec"]

        assert not _open(policy["egress"], "1.1.1.1")
        assert [[port["port"] for port in rule["ports"]] for rule in policy["egress"]] == [
            [53, 53],
            [8443],
        ]

    def test_the_operator_lets_workspaces_of_every_agent_namespace_in(
        self, everything: dict[str, Object]
    ) -> None:
        policy = everything["NetworkPolicy deputy/deputy-operator"]["spec"]

        assert policy["ingress"][0] == {
            "from": [
                {
                    "namespaceSelector": {
                        "matchExpressions": [
                            {
                                "key": "kubernetes.io/metadata.name",
                                "operator": "In",
                                "values": ["agents", "others"],
                            }
                        ]
                    },
                    "podSelector": {
                        "matchLabels": {
                            "app.kubernetes.io/name": "deputy",
                            "app.kubernetes.io/component": "workspace",
                        }
                    },
                }
            ],
            "ports": [{"protocol": "TCP", "port": "relay"}],
        }


def _open(rules: list[Object], address: str) -> bool:
    """Say whether rules without ports open an address."""
    blocks = [peer["ipBlock"] for rule in rules if "ports" not in rule for peer in rule["to"]]
    return any(
        _within(address, block["cidr"])
        and not any(_within(address, hole) for hole in block.get("except", []))
        for block in blocks
    )


def _within(address: str, block: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(block)
