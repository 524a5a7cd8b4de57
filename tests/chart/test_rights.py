"""The rights that the chart gives: as few as can be."""

from collections.abc import Iterator

import pytest

from tests.chart.rendering import Object, of_kind, render
from tests.chart.test_rendering import EVERYTHING

OBJECTS = render(EVERYTHING)
#: Who gets a role by a binding; the others add to the cluster's own roles, for people.
PROCESSES = ("deputy-operator", "deputy-webhook")


def grants(*kinds: str) -> Iterator[tuple[str, str, str]]:
    """Yield every right in roles of some kinds: role, resource, verb."""
    for role in of_kind(OBJECTS, *kinds):
        for rule in role["rules"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    yield role["metadata"]["name"], resource, verb


def test_no_rule_has_a_wildcard() -> None:
    words = [
        word
        for role in of_kind(OBJECTS, "Role", "ClusterRole")
        for rule in role["rules"]
        for words in rule.values()
        for word in words
    ]

    assert [word for word in words if "*" in word] == []


def test_only_known_fields_are_in_rules() -> None:
    fields = {
        field
        for role in of_kind(OBJECTS, "Role", "ClusterRole")
        for rule in role["rules"]
        for field in rule
    }

    assert fields == {"apiGroups", "resources", "resourceNames", "verbs"}


def test_in_the_whole_cluster_tokens_are_reviewed_and_nothing_else() -> None:
    bound = {binding["roleRef"]["name"] for binding in of_kind(OBJECTS, "ClusterRoleBinding")}

    assert bound == {"deputy-operator.deputy"}
    assert [grant for grant in grants("ClusterRole") if grant[0] in bound] == [
        ("deputy-operator.deputy", "tokenreviews", "create")
    ]


def test_secrets_are_read_one_by_one() -> None:
    assert {grant for grant in grants("Role", "ClusterRole") if grant[1] == "secrets"} == {
        ("deputy-operator-runs", "secrets", "get"),
        ("deputy-operator", "secrets", "get"),
        ("deputy-operator", "secrets", "update"),
    }


def test_of_namespaces_the_operator_reads_those_of_agents_one_by_one() -> None:
    for name in ("agents", "others"):
        rules = OBJECTS[f"Role {name}/deputy-operator-runs"]["rules"]
        assert [rule for rule in rules if rule["resources"] == ["namespaces"]] == [
            {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": [name]}
            | {"verbs": ["get"]}
        ]


def test_in_its_own_namespace_the_operator_reads_one_secret() -> None:
    rules = OBJECTS["Role deputy/deputy-operator"]["rules"]

    assert [rule for rule in rules if rule["resources"] == ["secrets"]] == [
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": ["deputy-relay-ca"],
            "verbs": ["get", "update"],
        }
    ]


def test_the_webhook_reaches_blueprints_and_runs_and_nothing_else() -> None:
    assert {grant for grant in grants("Role") if grant[0] == "deputy-webhook-runs"} == {
        *(
            ("deputy-webhook-runs", "agentruns", verb)
            for verb in ("get", "list", "create", "patch")
        ),
        *(("deputy-webhook-runs", "blueprints", verb) for verb in ("get", "list", "watch")),
    }


def test_the_operator_may_do_what_it_does_and_nothing_else() -> None:
    wanted = {
        "agentruns": ("get", "list", "watch", "delete"),
        "agentruns/status": ("patch",),
        "agentruns/finalizers": ("update",),
        "blueprints": ("get", "list", "watch"),
        "blueprints/status": ("patch",),
        "pods": ("get", "list", "watch", "create", "delete"),
        "pods/log": ("get",),
        "configmaps": ("create",),
        "secrets": ("get",),
        "namespaces": ("get",),
    }

    assert {grant for grant in grants("Role") if grant[0] == "deputy-operator-runs"} == {
        ("deputy-operator-runs", resource, verb)
        for resource, verbs in wanted.items()
        for verb in verbs
    }


def test_nobody_executes_in_pods_or_makes_roles() -> None:
    dangerous = {"pods/exec", "pods/attach", "pods/portforward", "roles", "rolebindings", "nodes"}
    resources = {resource for _, resource, _ in grants("Role", "ClusterRole")}

    assert resources & dangerous == set()


@pytest.mark.parametrize("kind", ["Role", "RoleBinding"])
def test_every_agent_namespace_has_both_processes(kind: str) -> None:
    names = {
        (made["metadata"]["namespace"], made["metadata"]["name"]) for made in of_kind(OBJECTS, kind)
    }

    assert names == {
        ("agents", "deputy-operator-runs"),
        ("agents", "deputy-webhook-runs"),
        ("others", "deputy-operator-runs"),
        ("others", "deputy-webhook-runs"),
        ("deputy", "deputy-operator"),
        ("deputy", "deputy-webhook"),
    }


def test_the_webhook_reserves_names_in_its_own_namespace_and_nothing_else() -> None:
    assert {grant for grant in grants("Role") if grant[0] == "deputy-webhook"} == {
        ("deputy-webhook", "events", "get"),
        ("deputy-webhook", "events", "create"),
    }


def test_rights_go_to_our_service_accounts_alone() -> None:
    subjects = {
        (subject["kind"], subject["namespace"], subject["name"])
        for binding in of_kind(OBJECTS, "RoleBinding", "ClusterRoleBinding")
        for subject in binding["subjects"]
    }

    assert subjects == {("ServiceAccount", "deputy", name) for name in PROCESSES}


def test_every_binding_finds_its_role() -> None:
    lost = [
        binding["metadata"]["name"]
        for binding in of_kind(OBJECTS, "RoleBinding", "ClusterRoleBinding")
        if _role_of(binding) not in OBJECTS
    ]

    assert lost == []


def _role_of(binding: Object) -> str:
    namespace = binding["metadata"].get("namespace", "")
    return f"{binding['roleRef']['kind']} {namespace}/{binding['roleRef']['name']}"


def test_only_the_operator_pods_and_the_webhooks_have_a_token() -> None:
    accounts = {
        (made["metadata"]["name"], made["automountServiceAccountToken"])
        for made in of_kind(OBJECTS, "ServiceAccount")
    }

    assert accounts == {(name, False) for name in (*PROCESSES, "deputy-workspace")}
