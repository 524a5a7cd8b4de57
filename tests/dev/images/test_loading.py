"""How images get into a cluster, with fake programs: ours, somebody's, by a registry."""

from __future__ import annotations

import json
import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dev.cluster import paths
from dev.cluster.errors import CommandError
from dev.images import clusters, loaded
from dev.images.clusters import Importer
from dev.images.loaded import Loaded

if TYPE_CHECKING:
    from tests.dev.conftest import Machine

ARCHIVE = Path("/cache/operator-0123.tar")
MANIFEST = "image: localhost/deputy-operator:dev\nimage: localhost/deputy-agent-shell:dev\n"


def node(name: str = "node", provider: str = "", version: str = "v1.33.1") -> Any:
    return {
        "metadata": {"name": name, "labels": {}},
        "spec": {"providerID": provider},
        "status": {"nodeInfo": {"kubeletVersion": version, "architecture": "amd64"}},
    }


KIND = node("mine-control-plane", "kind://docker/mine/mine-control-plane")
MINIKUBE = node("minikube") | {
    "metadata": {"name": "minikube", "labels": {"minikube.k8s.io/name": "profile"}}
}
K3D = node("k3d-mine-server-0", "k3s://k3d-mine-server-0", "v1.33.1+k3s1")
K3S = node("host", "k3s://host", "v1.33.1+k3s1")
CLOUD = node("ip-10-0-0-1", "aws:///eu-west-1a/i-0123")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (KIND, "kind load image-archive --name mine /cache/operator-0123.tar"),
        (MINIKUBE, "minikube --profile profile image load /cache/operator-0123.tar"),
        (K3D, "k3d image import --cluster mine /cache/operator-0123.tar"),
        (K3S, "sudo k3s ctr images import /cache/operator-0123.tar"),
    ],
)
def test_each_kind_of_cluster_has_its_command(given: Any, shown: str) -> None:
    importer = clusters.importer([given])

    assert importer is not None
    assert importer.shown(ARCHIVE) == shown


def test_a_cluster_in_a_cloud_takes_images_from_a_registry_only() -> None:
    assert clusters.importer([CLOUD]) is None


@pytest.mark.parametrize(
    ("nodes", "root", "here"),
    [([K3S], True, True), ([K3S], False, False), ([K3S, K3D], True, False)],
)
def test_k3s_is_served_from_its_only_node_by_root(
    nodes: list[Any], *, root: bool, here: bool
) -> None:
    command = Importer(("k3s",), on_every_node=True)

    assert clusters.can_run_here(command, nodes, "host", root=root) is here


def test_an_image_is_lacking_until_every_node_says_that_it_has_it() -> None:
    has = node() | {"status": {"images": [{"names": ["localhost/a:dev", "sha256:1"]}]}}
    has_not = node() | {"status": {"images": [{"names": None}]}}

    assert clusters.lacking([has], ["localhost/a:dev"]) == []
    assert clusters.lacking([has, has_not], ["localhost/a:dev"]) == ["localhost/a:dev"]


def test_nodes_of_another_architecture_are_named() -> None:
    assert clusters.wrong_architecture([KIND], "x86_64") is None
    assert clusters.wrong_architecture([KIND], "arm64") == (
        "the cluster's nodes are amd64, and what is built here is arm64"
    )


def test_what_nobody_here_can_run_is_named_and_then_trusted_to_be_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    archives = {"localhost/deputy-operator:dev": ARCHIVE}
    done = MINIKUBE | {
        "status": MINIKUBE["status"] | {"images": [{"names": list(archives)}]},
    }

    with pytest.raises(CommandError, match="minikube --profile profile image load /cache/oper"):
        clusters.bring(archives, [MINIKUBE])
    clusters.bring(archives, [done])


def test_a_manifest_calls_images_as_the_cluster_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "LOADED", tmp_path / "images")
    loaded.write("operator", Loaded("operator-1.tar", "id", "registry/deputy-operator:1"))

    assert loaded.with_references(MANIFEST) == (
        "image: registry/deputy-operator:1\nimage: localhost/deputy-agent-shell:dev\n"
    )
    assert loaded.version_of("operator") == "operator-1"


def images(machine: Machine, *words: str, **variables: str) -> str:
    done = machine.run("dev.images", *words, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def imported(machine: Machine) -> int:
    return sum("ctr" in words for words in machine.calls("docker"))


@pytest.fixture
def checkout(machine: Machine) -> Machine:
    """A checkout with an image that is a folder, and a cluster by kind."""
    machine.run("dev.cluster", "up")
    return machine


def test_an_image_is_loaded_into_the_node_once(checkout: Machine) -> None:
    images(checkout, "load", "agent-shell")
    images(checkout, "load", "agent-shell")

    assert imported(checkout) == 1


def test_a_new_cluster_gets_the_images_again(checkout: Machine) -> None:
    images(checkout, "load", "agent-shell")
    checkout.run("dev.cluster", "down")
    checkout.run("dev.cluster", "up")

    images(checkout, "load", "agent-shell")

    assert imported(checkout) == 2


def test_a_cluster_that_was_exchanged_behind_our_back_gets_the_images_again(
    checkout: Machine,
) -> None:
    images(checkout, "load", "agent-shell")
    checkout.tell("uid", "another")

    images(checkout, "load", "agent-shell")

    assert imported(checkout) == 2


def test_the_archive_is_written_by_us_and_not_by_docker(checkout: Machine) -> None:
    images(checkout, "build", "agent-shell")

    (archive,) = (checkout.folder / "cache" / "deputy" / "images").glob("agent-shell-*.tar")
    assert archive.read_text() == "archive of localhost/deputy-agent-shell:dev"


def test_images_are_pushed_to_the_registry_and_used_from_there(checkout: Machine) -> None:
    images(checkout, "load", "agent-shell", DEPUTY_REGISTRY="registry.example.com/me/")

    (pushed,) = [words[1] for words in checkout.calls("docker") if words[0] == "push"]
    marker = json.loads((checkout.checkout / ".cluster" / "images" / "agent-shell").read_text())
    assert pushed.startswith("registry.example.com/me/deputy-agent-shell:")
    assert marker["reference"] == pushed
    assert imported(checkout) == 0


def test_what_is_in_the_registry_is_not_pushed_again(checkout: Machine) -> None:
    for _ in range(2):
        images(checkout, "load", "agent-shell", DEPUTY_REGISTRY="localhost:5000")

    assert sum(words[0] == "push" for words in checkout.calls("docker")) == 1


def test_a_cluster_of_ones_own_goes_on_with_a_registry(machine: Machine) -> None:
    kubeconfig = machine.folder / "kubeconfig"
    kubeconfig.touch()
    machine.tell("uid", "own")
    own = {"DEPUTY_CLUSTER": str(kubeconfig)}
    machine.run("dev.cluster", "up", **own)
    machine.tell("nodes.json", json.dumps({"items": [CLOUD]}))

    without = machine.run("dev.images", "load", "agent-shell", **own)
    images(machine, "load", "agent-shell", **own, DEPUTY_REGISTRY="registry.example.com")

    assert without.returncode == 1
    assert "DEPUTY_REGISTRY" in without.stderr


def test_a_build_is_told_of_the_proxy_and_of_who_is_trusted(checkout: Machine) -> None:
    authorities = checkout.folder / "authorities.pem"
    authorities.write_text("the proxy's")

    images(
        checkout, "build", "agent-shell",
        HTTPS_PROXY="http://proxy:3128", no_proxy="example.com", SSL_CERT_FILE=str(authorities),
    )  # fmt: skip

    base, image = (words for words in checkout.calls("docker") if words[0] == "build")
    for words in (base, image):
        assert "HTTPS_PROXY=http://proxy:3128" in words
        assert "no_proxy=example.com" in words
        assert "--network" not in words
    assert (Path(base[-1]) / "authorities.crt").read_text() == "the proxy's"
    assert "BUILD_IMAGE=localhost/deputy-build-base:dev" in image


def test_a_proxy_on_this_machine_is_reached_from_a_build(checkout: Machine) -> None:
    images(checkout, "build", "agent-shell", http_proxy="http://127.0.0.1:3128")

    for words in checkout.calls("docker"):
        if words[0] == "build":
            assert words[words.index("--network") + 1] == "host"


def test_clusters_on_this_machine_are_reached_past_the_proxy(checkout: Machine) -> None:
    images(checkout, "load", "agent-shell", HTTPS_PROXY="http://proxy:3128", NO_PROXY="example.com")

    (call,) = [call for call in checkout.all_calls() if "namespace" in call["words"]][-1:]
    assert call["variables"]["NO_PROXY"] == "example.com,localhost,127.0.0.1,198.18.0.0/15"


def test_a_loading_says_how_long_it_usually_takes(checkout: Machine) -> None:
    durations = checkout.folder / "cache" / "deputy" / "durations.json"
    durations.parent.mkdir(parents=True, exist_ok=True)
    durations.write_text('{"load agent-shell": 21.0}')

    assert "(usually 21 s)" in images(checkout, "load", "agent-shell")


def test_the_demo_loads_what_it_runs_and_nothing_else() -> None:
    from dev.images import images as known  # noqa: PLC0415  a fixture above has its name

    assert "agent-shell" not in {image.name for image in known.named(["demo"])}
    assert {"operator", "sidecar", "agent-gemini"} <= {i.name for i in known.named(["demo"])}
