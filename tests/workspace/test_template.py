"""Facts of pod templates: what they are for, and what no Blueprint can make of a pod."""

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deputy.api.blueprint import BlueprintSpec
from deputy.workspace.pod import labels_of
from deputy.workspace.template import PRIVATE, TemplateRefused
from tests.workspace.test_pod import blueprint, pod_of, run

RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "runAsGroup": 1500,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
TOKEN = {"serviceAccountToken": {"audience": "deputy-relay", "path": "token"}}


def templated(spec: Any = None, metadata: Any = None) -> BlueprintSpec:
    template = {"spec": spec or {}, "metadata": metadata or {}}
    return blueprint(workspace={"podTemplate": template})


# What no Blueprint can make of it


def assert_contained(pod: dict[str, Any]) -> None:
    """What security rests on, of a pod that was built from `blueprint()` and any template."""
    plain, spec = pod_of(blueprint())["spec"], pod["spec"]
    for closed in (
        "automountServiceAccountToken",
        "initContainers",
        "restartPolicy",
        "securityContext",
        "serviceAccountName",
        "activeDeadlineSeconds",
        "terminationGracePeriodSeconds",
        "enableServiceLinks",
    ):
        assert spec[closed] == plain[closed]
    for absent in (
        "ephemeralContainers",
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "hostUsers",
        "nodeName",
        "os",
        "serviceAccount",
        "shareProcessNamespace",
    ):
        assert absent not in spec
    assert spec["volumes"][: len(plain["volumes"])] == plain["volumes"]
    for volume in spec["volumes"][len(plain["volumes"]) :]:
        assert "serviceAccountToken" not in repr(volume)
        assert "podCertificate" not in repr(volume)
        assert volume.get("hostPath") is None
        assert volume["name"] not in PRIVATE
    for container in spec["containers"]:
        assert container["securityContext"] == RESTRICTED
        assert not {"lifecycle", "livenessProbe", "restartPolicy"} & container.keys()
        mounted = {mount.get("name") for mount in container.get("volumeMounts", [])}
        assert not mounted & PRIVATE
        for port in container.get("ports", []):
            assert not {"hostPort", "hostIP"} & port.keys()
        assert "'volumeName': 'outbox'" not in repr(container.get("env"))
    assert pod["metadata"]["labels"].items() >= labels_of(run()).items()
    assert pod["metadata"]["ownerReferences"] == pod_of(blueprint())["metadata"]["ownerReferences"]


def agent_with(**facts: Any) -> dict[str, Any]:
    return {"containers": [{"name": "agent"} | facts]}


MOUNT = [{"name": "relay-token", "mountPath": "/steal"}]
ATTACKS: dict[str, dict[str, Any]] = {
    "the node's files": {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]},
    "the node's files as our volume": {
        "volumes": [{"name": "workspace", "hostPath": {"path": "/"}, "emptyDir": None}]
    },
    "the node's namespaces": {"hostNetwork": True, "hostPID": True, "hostIPC": True},
    "no user namespace": {"hostUsers": True},
    "one process namespace": {"shareProcessNamespace": True},
    "a privileged agent": agent_with(securityContext={"privileged": True, "runAsUser": 0}),
    "a privileged helper": {
        "containers": [{"name": "x", "image": "x", "securityContext": {"privileged": True}}]
    },
    "a root pod": {"securityContext": {"runAsUser": 0, "runAsNonRoot": False}},
    "the relay's token": agent_with(volumeMounts=MOUNT),
    "the relay's token in the workspace's place": agent_with(
        volumeMounts=[{"name": "relay-token", "mountPath": "/workspace"}]
    ),
    "the relay's token in a helper": {
        "containers": [{"name": "x", "image": "x", "volumeMounts": MOUNT}]
    },
    "the outbox": agent_with(volumeMounts=[{"name": "outbox", "mountPath": "/outbox"}]),
    "the outbox, file by file": agent_with(
        env=[
            {
                "name": "X",
                "valueFrom": {"fileKeyRef": {"volumeName": "outbox", "path": "a", "key": "b"}},
            }
        ]
    ),
    "another service account": {"serviceAccountName": "admin", "serviceAccount": "admin"},
    "the service account's token": {"automountServiceAccountToken": True},
    "a token of one's own": {"volumes": [{"name": "mine", "projected": {"sources": [TOKEN]}}]},
    "a token among harmless things": {
        "volumes": [
            {
                "name": "mine",
                "projected": {"sources": [{"configMap": {"name": "x"}}, {"secret": None} | TOKEN]},
            }
        ]
    },
    "a token merged over the workspace": {
        "volumes": [{"name": "workspace", "emptyDir": None, "projected": {"sources": [TOKEN]}}]
    },
    "a token merged over the link": {
        "volumes": [{"name": "link", "emptyDir": None, "projected": {"sources": [TOKEN]}}]
    },
    "a token for anybody": {
        "volumes": [{"name": "relay-token", "projected": {"sources": [], "defaultMode": 0o777}}]
    },
    "a certificate of the pod": {
        "volumes": [
            {"name": "mine", "projected": {"sources": [{"podCertificate": {"signerName": "x"}}]}}
        ]
    },
    "a container for debugging": {
        "ephemeralContainers": [{"name": "x", "targetContainerName": "status-sync"}]
    },
    "an agent that comes back": agent_with(restartPolicy="Always"),
    "a port of the node": agent_with(
        ports=[{"containerPort": 80, "hostPort": 80, "hostIP": "0.0.0.0"}]
    ),
    "requests of the kubelet": agent_with(
        livenessProbe={"httpGet": {"host": "169.254.169.254", "port": 80}},
        lifecycle={"preStop": {"httpGet": {"host": "10.0.0.1", "port": 80}}},
    ),
    "a life without limits": {"activeDeadlineSeconds": None, "terminationGracePeriodSeconds": 0},
    "a restart policy": {"restartPolicy": "Always"},
    "a node of one's choice": {"nodeName": "control-plane"},
    "a field that nobody has heard of": {"hostEverything": True},
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_pod_template_cannot_have(attack: dict[str, Any]) -> None:
    pod = pod_of(templated(attack))

    assert_contained(pod)
    assert "hostEverything" not in pod["spec"]


def test_the_agents_own_environment_cannot_read_the_outbox_either() -> None:
    stolen = {"name": "X", "valueFrom": {"fileKeyRef": {"volumeName": "outbox"}}}
    spec = blueprint(
        agent={"image": "x", "command": ["x"], "env": [stolen]},
        workspace={"setupCommand": ["x"]},
    )

    assert "fileKeyRef" not in repr(pod_of(spec))


@pytest.mark.parametrize("name", ["labels", "annotations"])
def test_a_template_adds_labels_and_annotations_but_none_of_ours(name: str) -> None:
    hostile = {
        "team": "api",
        "deputy.dev/run": "another",
        "deputy.dev/attempt": "9",
        "deputy.dev/leader": "true",
        "app.kubernetes.io/component": "operator",
        "container.apparmor.security.beta.kubernetes.io/agent": "unconfined",
    }

    metadata = pod_of(templated(metadata={name: hostile}))["metadata"]

    assert metadata[name]["team"] == "api"
    assert metadata["annotations"]["deputy.dev/attempt"] == "1"
    assert metadata["labels"].items() >= labels_of(run()).items()
    assert "deputy.dev/leader" not in metadata[name]
    assert "container.apparmor.security.beta.kubernetes.io/agent" not in metadata[name]


def test_a_template_cannot_rename_or_disown_the_pod() -> None:
    hostile = {"name": "x", "namespace": "kube-system", "ownerReferences": [], "finalizers": ["x"]}

    assert pod_of(templated(metadata=hostile)) == pod_of(blueprint())


# What it is for


def test_a_template_places_the_pod_and_adds_volumes_and_containers() -> None:
    wanted = {
        "nodeSelector": {"pool": "agents"},
        "tolerations": [{"key": "agents", "operator": "Exists"}],
        "imagePullSecrets": [{"name": "registry"}],
        "priorityClassName": "low",
        "containers": [
            {
                "name": "agent",
                "env": [{"name": "HOME", "value": "/cache/home"}],
                "volumeMounts": [{"name": "cache", "mountPath": "/cache"}],
                "resources": {"limits": {"cpu": "2"}},
            },
            {"name": "postgres", "image": "postgres:18", "ports": [{"containerPort": 5432}]},
        ],
        "volumes": [{"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}}],
    }
    plain = pod_of(blueprint())["spec"]

    spec = pod_of(templated(wanted))["spec"]

    agent = plain["containers"][0]
    home = {"name": "HOME", "value": "/cache/home"}
    assert spec == plain | {
        "nodeSelector": {"pool": "agents"},
        "tolerations": [{"key": "agents", "operator": "Exists"}],
        "imagePullSecrets": [{"name": "registry"}],
        "priorityClassName": "low",
        "containers": [
            agent
            | {
                "env": [home, *agent["env"][1:]],
                "volumeMounts": [
                    *agent["volumeMounts"],
                    {"name": "cache", "mountPath": "/cache"},
                ],
                "resources": {
                    "limits": {"cpu": "2"} | agent["resources"]["limits"],
                    "requests": agent["resources"]["requests"],
                },
            },
            {
                "name": "postgres",
                "image": "postgres:18",
                "ports": [{"containerPort": 5432}],
                "securityContext": RESTRICTED,
            },
        ],
        "volumes": [
            *plain["volumes"],
            {"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}},
        ],
    }


def test_a_template_gives_our_own_containers_what_they_need_and_a_quota_demands() -> None:
    wanted = {
        "initContainers": [
            {"name": "prepare", "resources": {"limits": {"memory": "4Gi", "cpu": "1"}}},
            {"name": "status-sync", "resources": {"limits": {"cpu": 1}, "requests": {}}},
        ]
    }
    plain = pod_of(blueprint())["spec"]

    prepare, sidecar = pod_of(templated(wanted))["spec"]["initContainers"]

    ours = plain["initContainers"]
    requests = {"cpu": "10m", "memory": "48Mi"}
    large = {"requests": requests, "limits": {"memory": "4Gi", "cpu": "1"}}
    assert prepare == ours[0] | {"resources": large}
    assert sidecar == ours[1] | {
        "resources": {"requests": requests, "limits": {"memory": "512Mi", "cpu": 1}}
    }


def before(**facts: Any) -> dict[str, Any]:
    return {"initContainers": [{"name": "prepare"} | facts]}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {"initContainers": [{"name": "x", "image": "x", "volumeMounts": MOUNT}]},
            "adds a container",
        ),
        ({"initContainers": [{"name": "setup", "resources": {}}]}, "adds a container"),
        (
            {"initContainers": [{"name": "status-sync", "image": "evil"}]},
            "`resources` alone, not `image`",
        ),
        (before(securityContext={"runAsUser": 0}), "not `securityContext`"),
        (before(env=[]), "not `env`"),
        (before(resources=["4Gi"]), "not a map of `limits` and `requests`"),
        (before(resources={"claims": []}), "not a map of `limits` and `requests`"),
        (before(resources={"limits": "4Gi"}), "`resources.limits` is not a map of amounts"),
        (before(resources={"limits": {"memory": None}}), "is not a map of amounts"),
        (before(resources={"limits": {"memory": True}}), "is not a map of amounts"),
    ],
)
def test_whatever_else_a_template_wants_of_our_own_containers_is_refused(
    spec: dict[str, Any], words: str
) -> None:
    with pytest.raises(TemplateRefused, match=f"podTemplate.spec.initContainers of .*{words}"):
        pod_of(templated(spec))


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"containers": [{"name": "x"}, {"name": "x"}]}, "spec.containers"),
        ({"volumes": [{"name": "x"}, {"name": "x"}]}, "spec.volumes"),
        ({"initContainers": "prepare"}, "spec.initContainers"),
        ({"containers": "agent"}, "spec.containers"),
        ({"containers": {"agent": {}}}, "spec.containers"),
        ({"containers": [{"image": "x"}]}, "spec.containers"),
        ({"containers": ["agent"]}, "spec.containers"),
        ({"volumes": [{"emptyDir": {}}]}, "spec.volumes"),
        (agent_with(env={"A": "b"}), "spec.containers.env"),
        (agent_with(env=["A=b"]), "spec.containers.env"),
        (agent_with(volumeMounts=[{"name": "cache"}]), "spec.containers.volumeMounts"),
        (agent_with(ports=[80]), "spec.containers.ports"),
    ],
)
def test_a_template_that_is_none_is_refused_and_its_field_is_named(spec: Any, field: str) -> None:
    with pytest.raises(TemplateRefused, match=f"spec.workspace.podTemplate.{field} of the"):
        pod_of(templated(spec))


@pytest.mark.parametrize("labels", [["team"], "team", {"team": None}, {"team": ["a"]}, {"n": 1}])
def test_labels_that_are_no_map_of_texts_are_refused(labels: Any) -> None:
    with pytest.raises(TemplateRefused, match=r"podTemplate.metadata.labels of the"):
        pod_of(templated(metadata={"labels": labels}))


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"x": [value]}
    return value


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (templated({"affinity": nested(5000)}), "workspace.podTemplate.spec"),
        (templated(metadata={"labels": nested(5000)}), "workspace.podTemplate.metadata"),
        (blueprint(workspace={"resources": nested(5000)}), "workspace.resources"),
        (
            blueprint(agent={"image": "x", "command": ["x"], "env": [nested(5000)]}),
            "agent.env",
        ),
    ],
    ids=["spec", "metadata", "resources", "env"],
)
def test_what_is_nested_beyond_any_pod_is_refused_and_not_walked(
    spec: BlueprintSpec, field: str
) -> None:
    with pytest.raises(TemplateRefused, match=f"spec.{field} of the Blueprint is nested too deep"):
        pod_of(spec)


# Whatever a template holds

NAMES = st.sampled_from(
    ["workspace", "link", "outbox", "sidecar-tmp", "relay-token", "agent", "status-sync", "x"]
)
sources = st.sampled_from(
    [TOKEN, {"secret": {"name": "x"}}, {"podCertificate": {"signerName": "x"}}, {"configMap": None}]
)
volumes = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "emptyDir": st.sampled_from([None, {}]),
        "hostPath": st.sampled_from([None, {"path": "/"}]),
        "projected": st.none() | st.fixed_dictionaries({"sources": st.lists(sources, max_size=2)}),
        "secret": st.just({"secretName": "x"}),
        "nfs": st.just({"server": "x", "path": "/"}),
    },
)
mounts = st.fixed_dictionaries(
    {"name": NAMES, "mountPath": st.sampled_from(["/workspace", "/link", "/x"])},
    optional={"subPath": st.just("token")},
)
files = st.fixed_dictionaries(
    {"name": st.just("X")},
    optional={"valueFrom": st.just({"fileKeyRef": {"volumeName": "outbox"}})},
)
containers: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "securityContext": st.sampled_from([None, {"privileged": True}]),
        "volumeMounts": st.none() | st.lists(mounts, max_size=3),
        "env": st.none() | st.lists(files, max_size=2),
        "ports": st.none() | st.just([{"containerPort": 1, "hostPort": 1}]),
        "restartPolicy": st.just("Always"),
        "lifecycle": st.just({"preStop": {}}),
    },
)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["x", "workspace"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
#: Names at which what is merged is looked into.
_FIELDS = [
    *("containers", "initContainers", "volumes", "name", "resources", "limits", "requests"),
    *("memory", "ephemeral-storage", "env", "valueFrom", "fileKeyRef", "volumeName", "mountPath"),
    *("volumeMounts", "ports", "hostPort", "projected", "sources", "emptyDir", "sizeLimit"),
    *("labels", "annotations"),
]
FIELDS = [*pod_of(blueprint())["spec"], "hostNetwork", "ephemeralContainers", "affinity"]
hostile = st.fixed_dictionaries(
    {},
    optional={
        "containers": st.lists(containers, max_size=3) | junk,
        "volumes": st.lists(volumes, max_size=4) | junk,
        "initContainers": st.lists(containers, max_size=2) | junk,
    },
)


MALFORMED: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, True, 1, 0.5, "", "agent", "prepare", "outbox", "4Gi"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_FIELDS), inner, max_size=4)
    ),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(_FIELDS), MALFORMED, max_size=4)


@settings(max_examples=400)
@given(spec=objects, metadata=objects, resources=objects, env=objects, env_from=objects)
def test_whatever_a_blueprint_says_of_its_pod_there_is_a_pod_or_a_refusal(
    spec: Any, metadata: Any, resources: Any, env: Any, env_from: Any
) -> None:
    """Any other error would be tried again for ever, and nobody would be told."""
    agent = {"image": "x", "command": ["x"], "env": [env], "envFrom": [env_from]}
    workspace = {
        "resources": resources,
        "setupCommand": ["x"],
        "podTemplate": {"spec": spec, "metadata": metadata},
    }

    with contextlib.suppress(TemplateRefused):
        pod = pod_of(blueprint(agent=agent, workspace=workspace))
        assert {volume["name"] for volume in pod["spec"]["volumes"]} >= PRIVATE
        json.dumps(pod)


@settings(max_examples=300)
@given(hostile, st.dictionaries(st.sampled_from(FIELDS), junk, max_size=3))
def test_whatever_a_template_holds_the_pod_is_contained_or_the_template_refused(
    structured: dict[str, Any], other: dict[str, Any]
) -> None:
    spec = templated(other | structured)
    before = copy.deepcopy(spec)

    try:
        pod = pod_of(spec)
    except TemplateRefused:
        pass
    else:
        assert_contained(pod)
    assert spec == before
