"""What an agent may take: what its Blueprint says, and defaults where it says nothing."""

from typing import Any

import pytest

from tests.workspace.test_pod import agent_of, blueprint, pod_of

#: The volumes of a workspace of 10Gi (10Gi, 11Gi, and two of 64Mi), and 4Gi of the agent's own.
EPHEMERAL = "25728Mi"
RESERVED = "64Mi"


def resources(wanted: Any) -> Any:
    return agent_of(pod_of(blueprint(workspace={"resources": wanted})))["resources"]


@pytest.mark.parametrize(
    ("wanted", "limits", "requests"),
    [
        ({}, {"memory": "4Gi"}, {"memory": RESERVED}),
        ({"limits": None, "requests": None}, {"memory": "4Gi"}, {"memory": RESERVED}),
        ({"limits": {"memory": "1Gi"}}, {"memory": "1Gi"}, {}),
        ({"requests": {"memory": "1Gi"}}, {"memory": "4Gi"}, {"memory": "1Gi"}),
        ({"requests": {"memory": "8Gi"}}, {"memory": "8Gi"}, {"memory": "8Gi"}),
        ({"requests": {"memory": "8e9"}}, {"memory": "8e9"}, {"memory": "8e9"}),
        (
            {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}},
            {"memory": "4Gi", "cpu": "2"},
            {"memory": RESERVED, "cpu": "1"},
        ),
    ],
)
def test_an_agent_has_limits_whatever_its_blueprint_leaves_out(
    wanted: Any, limits: dict[str, str], requests: dict[str, str]
) -> None:
    assert resources(wanted) == {
        "limits": limits | {"ephemeral-storage": EPHEMERAL},
        "requests": requests | {"ephemeral-storage": RESERVED},
    }


def test_an_ephemeral_limit_of_the_blueprints_stays() -> None:
    assert resources({"limits": {"ephemeral-storage": "2Gi"}})["limits"] == {
        "ephemeral-storage": "2Gi",
        "memory": "4Gi",
    }


@pytest.mark.parametrize("wanted", [{"limits": "4Gi"}, {"limits": ["4Gi"]}, {"requests": 1}])
def test_what_is_malformed_is_for_the_api_server_to_refuse(wanted: Any) -> None:
    assert resources(wanted) == wanted


def test_volumes_that_a_template_adds_count_unless_they_are_memory() -> None:
    volumes = [
        {"name": "cache", "emptyDir": {"sizeLimit": "1Gi"}},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
        {"name": "any", "emptyDir": {}},
        {"name": "none", "emptyDir": None, "secret": {"secretName": "x"}},
    ]
    pod = pod_of(blueprint(workspace={"podTemplate": {"spec": {"volumes": volumes}}}))

    assert agent_of(pod)["resources"]["limits"]["ephemeral-storage"] == "26752Mi"
