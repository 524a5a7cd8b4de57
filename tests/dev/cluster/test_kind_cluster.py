"""A cluster by kind, with fake programs: what is called, what is trusted, what is left."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from dev.cluster import kind

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dev.conftest import Machine


def name_of(machine: Machine) -> str:
    """Return the name under which kind knows this checkout's cluster."""
    create = next(words for words in machine.calls("kind") if words[0] == "create")
    return create[create.index("--name") + 1]


def created(machine: Machine) -> int:
    return sum(words[0] == "create" for words in machine.calls("kind"))


def test_with_the_programs_on_the_path_nothing_is_built(machine: Machine) -> None:
    machine.has("go")

    done = machine.run("dev.cluster", "up")

    assert (done.returncode, done.stderr) == (0, "")
    assert machine.calls("go") == []
    links = machine.checkout / ".cluster" / "bin"
    assert {link.name: link.readlink() for link in links.iterdir()} == {
        name: machine.folder / "bin" / name for name in ("kind", "kubectl", "helm")
    }


def test_what_alone_is_missing_is_built_alone(machine: Machine) -> None:
    machine.has("go")
    (machine.folder / "bin" / "kubectl").unlink()

    machine.run("dev.cluster", "check")
    machine.run("dev.cluster", "up")

    built = [words[-1] for words in machine.calls("go") if words[0] == "build"]
    assert built == ["k8s.io/kubernetes/cmd/kubectl"]


def test_a_program_that_is_too_old_is_built(machine: Machine) -> None:
    machine.has("go")
    machine.tell("version-of-kind", "kind v0.20.0 go1.20.4 linux/amd64")

    machine.run("dev.cluster", "up")

    built = [words[-1] for words in machine.calls("go") if words[0] == "build"]
    assert built == ["sigs.k8s.io/kind"]


def test_without_go_one_is_told_what_to_install_and_nothing_is_begun(machine: Machine) -> None:
    (machine.folder / "bin" / "helm").unlink()

    done = machine.run("dev.cluster", "up")

    assert done.returncode == 1
    assert "Go 1.26.3 is not installed: https://go.dev/dl/, or install what would be built" in (
        done.stderr
    )
    assert "(helm)" in done.stderr
    assert not (machine.checkout / ".cluster").exists()


def test_cluster_down_builds_nothing_and_deletes_only_its_own(machine: Machine) -> None:
    machine.tell("node-deputy-control-plane", "running")
    machine.run("dev.cluster", "up")
    own = name_of(machine)

    done = machine.run("dev.cluster", "down")

    assert (done.returncode, done.stderr) == (0, "")
    assert own != "deputy"
    assert not (machine.state / f"node-{own}-control-plane").exists()
    assert (machine.state / "node-deputy-control-plane").exists()


def test_cluster_down_needs_no_kind(machine: Machine) -> None:
    machine.run("dev.cluster", "up")
    own = name_of(machine)
    (machine.folder / "bin" / "kind").unlink()

    done = machine.run("dev.cluster", "down")

    assert (done.returncode, done.stderr) == (0, "")
    assert ["rm", "--force", "--volumes", f"{own}-control-plane"] in machine.calls("docker")


def test_another_checkout_has_a_cluster_of_another_name(machine: Machine) -> None:
    machine.run("dev.cluster", "up")

    assert name_of(machine).startswith("deputy-")
    assert name_of(machine) != kind.NAME


def test_a_second_start_uses_what_the_first_has_made(machine: Machine) -> None:
    machine.run("dev.cluster", "up")

    done = machine.run("dev.cluster", "up")

    assert (done.returncode, done.stderr) == (0, "")
    assert created(machine) == 1


def interrupt_the_create(machine: Machine, number: signal.Signals) -> str:
    machine.tell("create-sleeps", "30")
    child = machine.start("dev.cluster", "up")
    deadline = time.monotonic() + 30
    while not list(machine.state.glob("node-*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(child.pid, number)
    output, _ = child.communicate(timeout=30)
    machine.tell("create-sleeps", "")
    return output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_create_leaves_no_half_made_node(
    machine: Machine, number: signal.Signals
) -> None:
    output = interrupt_the_create(machine, number)

    assert "removing the node, which is only half made" in output
    assert "interrupted" in output
    assert list(machine.state.glob("node-*")) == []


def test_after_an_interrupted_create_the_next_start_creates(machine: Machine) -> None:
    interrupt_the_create(machine, signal.SIGINT)

    done = machine.run("dev.cluster", "up")

    assert (done.returncode, done.stderr) == (0, "")
    assert created(machine) == 2


def test_a_node_of_a_start_that_was_killed_is_not_trusted(machine: Machine) -> None:
    interrupt_the_create(machine, signal.SIGKILL)
    assert len(list(machine.state.glob("node-*"))) == 1

    done = machine.run("dev.cluster", "up")

    assert "Remove what an unfinished start left" in done.stdout
    assert created(machine) == 2


def test_a_cluster_that_somebody_deleted_is_created_anew(machine: Machine) -> None:
    machine.run("dev.cluster", "up")
    for node in machine.state.glob("node-*"):
        node.unlink()

    done = machine.run("dev.cluster", "up")

    assert (done.returncode, done.stderr) == (0, "")
    assert created(machine) == 2


def test_after_a_restart_of_the_machine_the_node_is_started_and_waited_for(
    machine: Machine,
) -> None:
    machine.run("dev.cluster", "up")
    (node,) = machine.state.glob("node-*")
    node.write_text("exited")

    done = machine.run("dev.cluster", "up")

    assert (done.returncode, done.stderr) == (0, "")
    assert ["start", f"{name_of(machine)}-control-plane"] in machine.calls("docker")
    assert "wait" in machine.calls("kubectl")[-2]
    assert created(machine) == 1


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (
            "permission denied while trying to connect to the Docker daemon socket",
            "you may not use it: `sudo usermod -aG docker $USER`",
        ),
    ],
)
def test_a_docker_that_may_not_be_used_is_named_and_nothing_is_recorded(
    machine: Machine, says: str, told: str
) -> None:
    machine.tell("docker-says", says)

    done = machine.run("dev.cluster", "up")

    assert done.returncode == 1
    assert told in done.stderr
    assert not (machine.checkout / ".cluster").exists()


def test_a_cluster_whose_docker_is_down_is_not_exchanged_for_another(machine: Machine) -> None:
    machine.run("dev.cluster", "up")
    machine.tell("docker-says", "Cannot connect to the Docker daemon. Is it running?")

    up, down = machine.run("dev.cluster", "up"), machine.run("dev.cluster", "down")

    assert "cluster is in Docker, which does not answer: start Docker" in up.stderr
    assert "start Docker and run this again" in down.stderr
    assert (machine.checkout / ".cluster" / "cluster.json").exists()


def test_image_and_configuration_of_the_node_can_be_named(machine: Machine, tmp_path: Path) -> None:
    config = tmp_path / "kind.yaml"
    config.touch()

    machine.run(
        "dev.cluster", "up", DEPUTY_KIND_IMAGE="mirror/node:1", DEPUTY_KIND_CONFIG=str(config)
    )

    create = next(words for words in machine.calls("kind") if words[0] == "create")
    assert create[-4:] == ["--image", "mirror/node:1", "--config", str(config)]


def test_a_configuration_that_does_not_exist_is_named(machine: Machine) -> None:
    done = machine.run("dev.cluster", "up", DEPUTY_KIND_CONFIG="/nowhere.yaml")

    assert "DEPUTY_KIND_CONFIG names /nowhere.yaml, which is not a file" in done.stderr
    assert created(machine) == 0


def test_version_1_of_cgroups_is_told_to_the_kubelet(machine: Machine) -> None:
    machine.tell("cgroup", "1")

    done = machine.run("dev.cluster", "up")

    assert "version 1 of cgroups" in done.stdout
    config = (machine.checkout / ".cluster" / "kind.yaml").read_text()
    assert "failCgroupV1: false" in config


def test_whoever_cleans_up_is_told_what_stays(machine: Machine) -> None:
    machine.run("dev.cluster", "up")
    archive = machine.folder / "cache" / "deputy" / "images" / "operator-1.tar"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"\0" * 2**20)

    told = machine.run("dev.cluster", "down").stdout

    assert f"rm -rf {machine.folder / 'cache' / 'deputy'} " in told
    assert "docker image rm --force 0123456789ab" in told
    assert "docker network rm kind" in told
