"""The chart as Helm renders it, without a cluster."""

import json
import os
import pathlib
import subprocess
from collections.abc import Mapping
from typing import Any

import yaml

from dev.cluster import programs

PROJECT = pathlib.Path(__file__).resolve().parents[2]
CHART = PROJECT / "charts" / "deputy"
#: The release and its namespace in every rendering.
RELEASE = "deputy"
NAMESPACE = "deputy"
#: Helm by itself assumes the version that it was built for, or an ancient one.
KUBERNETES = "1.36.0"

Object = dict[str, Any]


class HelmMissing(Exception):
    """There is no Helm to render with."""


def helm(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run Helm without any cluster, whatever comes of it."""
    # One that fits on the PATH, or the pinned one, which stays built when no cluster is up.
    program = programs.find(programs.HELM)
    if program is None:
        raise HelmMissing("helm is not there; run `make cluster`, which builds it")
    # An empty kubeconfig: the cluster that somebody works with is none of a rendering's business.
    environment = os.environ | {"KUBECONFIG": os.devnull}
    return subprocess.run(
        [str(program), *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def template(values: Mapping[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    """Render the chart with some values, whatever comes of it."""
    return helm(
        "template",
        RELEASE,
        str(CHART),
        f"--namespace={NAMESPACE}",
        f"--kube-version={KUBERNETES}",
        "--values=-",
        given=json.dumps(values or {}),
    )


def render(values: Mapping[str, Any] | None = None) -> dict[str, Object]:
    """Return the objects of a rendering by kind, namespace and name."""
    done = template(values)
    if done.returncode:
        raise AssertionError(done.stderr)
    manifests = [made for made in yaml.safe_load_all(done.stdout) if made]
    named = {name_of(made): made for made in manifests}
    if len(named) != len(manifests):
        raise AssertionError("two objects have the same name")
    return dict(sorted(named.items()))


def name_of(made: Object) -> str:
    """Return the name under which an object is compared."""
    metadata = made["metadata"]
    return f"{made['kind']} {metadata.get('namespace', '')}/{metadata['name']}"


def of_kind(objects: Mapping[str, Object], *kinds: str) -> list[Object]:
    """Return the objects of some kinds."""
    return [made for made in objects.values() if made["kind"] in kinds]
