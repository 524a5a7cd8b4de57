"""What all tests share: the loops that they run on, and the real cluster of `make cluster`."""

import asyncio
import contextlib
import json
import os
import pathlib
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import hypothesis
import pytest

from deputy.kube.client import Kube
from deputy.kube.errors import KubeError
from deputy.kube.kubeconfig import from_kubeconfig
from tests.support.virtual_time import VirtualTimeLoop

# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile("deputy", deadline=None)
hypothesis.settings.load_profile("deputy")

PROJECT = pathlib.Path(__file__).resolve().parents[1]
NAMESPACES = "/api/v1/namespaces"


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Choose the loop of a test."""
    if item.get_closest_marker("virtual_time") is not None:
        return {"virtual time": VirtualTimeLoop}
    return {"real time": asyncio.new_event_loop}


def program(name: str) -> str:
    """Return where kubectl or helm is; the test fails where there is none."""
    path = os.pathsep.join([str(PROJECT / ".cluster" / "bin"), os.environ.get("PATH", "")])
    path_found = shutil.which(name, path=path)
    if path_found is None:
        pytest.fail(f"{name} is not there; run `make cluster`, which builds it", pytrace=False)
    return path_found


class Kubectl:
    """kubectl on the test cluster."""

    def __init__(self, kubeconfig: pathlib.Path) -> None:
        self._command = [program("kubectl"), "--kubeconfig", str(kubeconfig)]

    def run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run kubectl, whatever comes of it."""
        command = [*self._command, *arguments]
        return subprocess.run(command, input=given, capture_output=True, text=True, check=False)

    def __call__(self, *arguments: str, given: str = "") -> str:
        """Run kubectl and return what it says; the test fails where kubectl does."""
        done = self.run(*arguments, given=given)
        if done.returncode:
            pytest.fail(f"kubectl {' '.join(arguments)}: {done.stderr}", pytrace=False)
        return done.stdout

    def json(self, *arguments: str, given: str = "") -> Any:
        """Run kubectl and return the JSON that it prints."""
        return json.loads(self(*arguments, "-o", "json", given=given))


@pytest.fixture(scope="session")
def kubeconfig() -> pathlib.Path:
    """The cluster for tests, never the ambient one."""
    named = os.environ.get("DEPUTY_CLUSTER")
    path = pathlib.Path(named) if named else PROJECT / ".cluster" / "kubeconfig"
    if not path.exists():
        pytest.fail(f"{path} is not there; run `make cluster`", pytrace=False)
    return path


@pytest.fixture(scope="session")
def kubectl(kubeconfig: pathlib.Path) -> Kubectl:
    """Kubectl on the test cluster."""
    return Kubectl(kubeconfig)


@pytest.fixture(scope="session")
def crds(kubectl: Kubectl) -> None:
    """The project's CustomResourceDefinitions are served."""
    folder = str(PROJECT / "crds")
    kubectl("apply", "--server-side", "--force-conflicts", "-f", folder)
    kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", folder)


@pytest.fixture
async def kube(kubeconfig: pathlib.Path) -> AsyncIterator[Kube]:
    """A client of the test cluster."""
    async with Kube(from_kubeconfig(kubeconfig)) as client:
        yield client


@pytest.fixture
async def namespace(kube: Kube, crds: None) -> AsyncIterator[str]:  # noqa: ARG001  it needs them
    """A namespace of the test's own; nobody waits until it is gone."""
    name = f"test-{secrets.token_hex(4)}"
    await kube.create(NAMESPACES, {"metadata": {"name": name}})
    yield name
    with contextlib.suppress(KubeError):
        await kube.delete(f"{NAMESPACES}/{name}")
