"""One installation for all tests on the cluster, and a team and a repository for each."""

import dataclasses
import pathlib
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import httpx
import pytest

from deputy.kube.client import Kube
from dev.demo.fixtures import Tools
from tests.cluster import installation
from tests.cluster.blueprints import blueprint, scripted_config_map
from tests.cluster.forge import Forge
from tests.cluster.installation import Installation
from tests.cluster.linear import Linear
from tests.cluster.runs import Objects

README = {"README.md": "# Hello\n"}


@pytest.fixture(scope="session")
def deputy(kubeconfig: pathlib.Path) -> Iterator[Installation]:
    """Deputy, installed by its chart; a session of tests has one."""
    tools = Tools(kubeconfig)
    with installation.ready(tools) as made:
        tools.apply(made.namespace, dict(scripted_config_map()))
        yield made


@pytest.fixture
async def linear(deputy: Installation) -> AsyncIterator[Linear]:
    """The simulated Linear."""
    async with httpx.AsyncClient(base_url=deputy.linear, timeout=90, trust_env=False) as http:
        yield Linear(http)


@pytest.fixture
async def forge(deputy: Installation) -> AsyncIterator[Forge]:
    """The simulated forge."""
    async with httpx.AsyncClient(base_url=deputy.forge, timeout=30, trust_env=False) as http:
        yield Forge(http)


@pytest.fixture
def objects(deputy: Installation, kube: Kube) -> Objects:
    """What is on the API server."""
    return Objects(kube, deputy.namespace)


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """What belongs to one test alone: a team with its Blueprint, and a repository."""

    deputy: Installation
    objects: Objects
    linear: Linear
    forge: Forge
    name: str

    @property
    def team(self) -> str:
        """Key of the test's Linear team."""
        return self.name.upper()

    @property
    def repository(self) -> str:
        """Owner and name of the test's repository."""
        return f"acme/{self.name}"

    async def blueprint(
        self,
        *parts: dict[str, Any],
        linear: bool = True,
        repository: bool = False,
        files: Mapping[str, str] = README,
    ) -> None:
        """Make the test's Blueprint from parts of its spec, and return once it is judged."""
        spec = {name: value for part in parts for name, value in part.items()}
        if linear:
            await self.linear.do("teams", key=self.team)
        if repository:
            await self.forge.make(self.repository, dict(files))
        url = self.deputy.clone_url(self.repository) if repository else ""
        await self.objects.apply_blueprint(
            blueprint(self.name, self.team if linear else "", url, **spec)
        )

    async def issue(self, description: str = "", **more: Any) -> str:
        """Write an issue in the test's team; return its identifier."""
        return await self.linear.make_issue(self.team, description, **more)


@pytest.fixture
async def place(
    deputy: Installation, objects: Objects, linear: Linear, forge: Forge
) -> AsyncIterator[Place]:
    """A place of the test's own; what still runs in it afterwards is ended."""
    made = Place(deputy, objects, linear, forge, f"t{secrets.token_hex(3)}")
    yield made
    await objects.remove(made.name)
