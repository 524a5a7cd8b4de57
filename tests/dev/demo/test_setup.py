"""What the demo applies is what the product takes."""

from pathlib import Path

import pytest
import yaml

from deputy.api.blueprint import Blueprint
from deputy_simulator.forge.seed import FILES
from dev.demo import diagnostics, fixtures, setup, simulators
from dev.demo.fixtures import Tools
from dev.demo.simulators import Simulators

SITES = {"linear": "http://localhost:18081", "forge": "http://localhost:18082"}


def test_the_blueprint_is_one() -> None:
    made = setup.blueprint()

    read = Blueprint.model_validate({**made, "metadata": {"name": "demo", "namespace": "here"}})

    assert read.spec.agent.command[:2] == ["gemini", "--acp"]
    assert read.spec.repository is not None
    assert read.spec.repository.url == "http://forge:8080/acme/demo.git"


def test_the_mistake_is_in_the_repository_that_the_forge_begins_with() -> None:
    assert setup._MISTAKE in FILES[setup._FILE]


def test_services_are_the_ones_of_the_manifests() -> None:
    made = yaml.safe_load_all((fixtures.MANIFESTS / "simulators.yaml").read_text())
    services = {one["metadata"]["name"]: one for one in made if one["kind"] == "Service"}

    assert set(services) == set(fixtures.SIMULATORS)
    assert {name: simulators.service(name) for name in simulators.FORWARDED} == {
        name: services[name] for name in simulators.FORWARDED
    }


def test_a_cluster_that_is_elsewhere_is_reached_by_commands_that_a_person_types() -> None:
    known = Simulators(Tools(Path("kubeconfig")), "here", SITES, direct=False)

    assert known.forwarding() == [
        "kubectl -n here port-forward service/linear 18081:8080",
        "kubectl -n here port-forward service/forge 18082:8080",
    ]


def test_a_cluster_on_this_machine_needs_no_forwarding() -> None:
    assert Simulators(Tools(Path("kubeconfig")), "here", SITES, direct=True).forwarding() == []


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"phase": "Succeeded"}, ""),
        ({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}, ""),
        ({"phase": "Running"}, "running, not ready yet"),
        ({}, "pending, not ready yet"),
        (
            {
                "phase": "Pending",
                "containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull"}}}],
            },
            "ErrImagePull",
        ),
    ],
)
def test_a_pod_that_is_waited_for_says_why(status: dict[str, object], said: str) -> None:
    assert diagnostics._state({"status": status}) == said
