"""Values: what is refused and how, and that the schema, the defaults and the README agree."""

import json
from typing import Any

import pytest

from tests.chart.generated import COMMAND, README, readme, schema, settings, values
from tests.chart.rendering import CHART, helm, template

#: Values that are wrong, and what Helm says to them.
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"replicas": 2}, "at '': additional properties 'replicas' not allowed"),
    ({"operator": {"replica": 2}}, "at '/operator': additional properties 'replica' not allowed"),
    ({"operator": {"resources": {"cpu": 1}}}, "at '/operator/resources': additional properties"),
    ({"operator": {"env": [{"name": "A", "val": ""}]}}, "additional properties 'val' not allowed"),
    ({"webhook": {"port": 80}}, "at '/webhook': additional properties 'port' not allowed"),
    ({"webhook": {"service": {"kind": "x"}}}, "at '/webhook/service': additional properties"),
    ({"webhook": {"ingress": {"hosts": []}}}, "at '/webhook/ingress': additional properties"),
    ({"webhook": {"ingress": {"tls": {"secret": "x"}}}}, "at '/webhook/ingress/tls': additional"),
    ({"image": {"name": "x"}}, "at '/image': additional properties 'name' not allowed"),
    ({"sidecarImage": {"pullPolicy": "Always"}}, "at '/sidecarImage': additional properties"),
    ({"linear": {"token": "x"}}, "at '/linear': additional properties 'token' not allowed"),
    ({"networkPolicy": {"on": True}}, "at '/networkPolicy': additional properties 'on'"),
    ({"networkPolicy": {"workspaces": {"internet": True}}}, "at '/networkPolicy/workspaces': add"),
    ({"labelGuard": {"disabled": True}}, "at '/labelGuard': additional properties 'disabled'"),
    ({"aggregatedRoles": {"on": True}}, "at '/aggregatedRoles': additional properties 'on'"),
    ({"serviceMonitor": {"on": True}}, "at '/serviceMonitor': additional properties 'on'"),
    ({"imagePullSecrets": [{"secret": "x"}]}, "at '/imagePullSecrets/0': "),
    ({"operator": {"replicas": "2"}}, "at '/operator/replicas': got string, want integer"),
    ({"operator": {"replicas": 0}}, "at '/operator/replicas': minimum: got 0, want 1"),
    ({"operator": {"env": {"A": "b"}}}, "at '/operator/env': got object, want array"),
    ({"webhook": {"replicas": 1.5}}, "at '/webhook/replicas': got number, want integer"),
    ({"webhook": {"service": {"type": "Public"}}}, "'ClusterIP', 'NodePort', 'LoadBalancer'"),
    ({"webhook": {"service": {"nodePort": "x"}}}, "at '/webhook/service/nodePort': got string"),
    ({"webhook": {"podAnnotations": {"a": 1}}}, "at '/webhook/podAnnotations/a': got number"),
    ({"webhook": {"ingress": {"enabled": "yes"}}}, "at '/webhook/ingress/enabled': got string"),
    ({"webhook": {"ingress": {"enabled": True}}}, "at '/webhook/ingress/host': minLength: got 0"),
    ({"webhook": {"ingress": {"host": "https://a.b"}}}, "at '/webhook/ingress/host': "),
    ({"image": {"tag": 1.0}}, "at '/image/tag': got number, want string"),
    ({"image": {"digest": "latest"}}, "at '/image/digest': 'latest' does not match pattern"),
    ({"image": {"repository": ""}}, "at '/image/repository': minLength: got 0, want 1"),
    ({"image": {"pullPolicy": "Sometimes"}}, "'Always', 'IfNotPresent', 'Never'"),
    ({"agentNamespaces": "agents"}, "at '/agentNamespaces': got string, want array"),
    ({"agentNamespaces": ["Agents"]}, "at '/agentNamespaces/0': 'Agents' does not match pattern"),
    ({"agentNamespaces": ["a", "a"]}, "at '/agentNamespaces': items at 0 and 1 are equal"),
    ({"agentNamespaces": []}, "at '/agentNamespaces': minItems: got 0, want 1"),
    ({"extraCA": {"secret": "x"}}, "at '/extraCA': additional properties 'secret' not allowed"),
    ({"extraCA": {"key": "../x"}}, "at '/extraCA/key': '../x' does not match pattern"),
    ({"proxy": {"url": "proxy:3128"}}, "at '/proxy/url': 'proxy:3128' does not match pattern"),
    ({"proxy": {"noProxy": ["a,b"]}}, "at '/proxy/noProxy/0': 'a,b' does not match pattern"),
    ({"networkPolicy": {"workspaces": {"blockNodes": 1}}}, "/blockNodes': got number, want bool"),
    ({"linear": {"apiUrl": "api.linear.app"}}, "at '/linear/apiUrl': 'api.linear.app' does not"),
    ({"linear": {"credentialsSecret": ""}}, "at '/linear/credentialsSecret': '' does not match"),
    ({"logLevel": "loud"}, "at '/logLevel': value must be one of 'debug', 'info', 'warning'"),
    ({"networkPolicy": {"workspaces": {"allowedCIDRs": ["10.0.0.1"]}}}, "does not match pattern"),
    ({"networkPolicy": {"workspaces": {"dnsPorts": []}}}, "minItems: got 0, want 1"),
    ({"serviceMonitor": {"interval": 30}}, "at '/serviceMonitor/interval': got number"),
]


@pytest.mark.parametrize(("wrong", "said"), WRONG, ids=[json.dumps(row[0]) for row in WRONG])
def test_wrong_values_are_refused_by_their_place(wrong: dict[str, Any], said: str) -> None:
    done = template(wrong)

    assert done.returncode == 1
    assert said in done.stderr


def test_the_defaults_are_accepted_strictly() -> None:
    done = helm("lint", "--strict", str(CHART))

    assert "1 chart(s) linted, 0 chart(s) failed" in done.stdout + done.stderr


def test_a_chart_around_this_one_may_have_globals() -> None:
    assert template({"global": {"anything": 1}}).returncode == 0


def test_an_old_kubernetes_is_refused() -> None:
    done = helm("template", "deputy", str(CHART), "--kube-version=1.30.9")

    assert "chart requires kubeVersion: >=1.31.0-0" in done.stderr


def test_schema_and_defaults_name_the_same_values() -> None:
    known = {path for path, _ in settings(schema())} - {"global"}

    assert known == set(paths(values(), known))


def paths(node: dict[str, Any], known: set[str], path: str = "") -> list[str]:
    """Return the values of a tree, down to where the schema ends."""
    dotted = []
    for name, inner in node.items():
        here = f"{path}{name}"
        deeper = isinstance(inner, dict) and here not in known
        dotted += paths(inner, known, f"{here}.") if deeper else [here]
    return dotted


def test_no_object_of_the_schema_takes_unknown_keys() -> None:
    assert [path for path, node in objects("", schema()) if "additionalProperties" not in node] == [
        # Kubernetes' own, and Helm's.
        "/global",
        "/operator/tolerations[]",
        "/operator/affinity",
        "/webhook/tolerations[]",
        "/webhook/affinity",
        "/networkPolicy/workspaces/extraEgress[]",
        "/networkPolicy/workspaces/dnsPeers[]",
    ]


def objects(path: str, node: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return every object that a schema describes, with its place."""
    nested = [(path, node)] if node.get("type") == "object" else []
    for name, inner in node.get("properties", {}).items():
        nested += objects(f"{path}/{name}", inner)
    return nested + (objects(f"{path}[]", node["items"]) if "items" in node else [])


def test_every_value_says_what_it_means() -> None:
    assert [path for path, meaning in settings(schema()) if not meaning] == []


def test_the_readme_has_every_value() -> None:
    assert README.read_text() == readme(), COMMAND
