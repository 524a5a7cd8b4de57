"""One Deputy on the test cluster, installed by its chart, with the simulators beside it."""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Iterator

from dev.cluster import paths
from dev.demo import fixtures
from dev.demo.fixtures import Tools
from tests.cluster import doors

#: Whoever works beside somebody else on one cluster names a namespace of his own.
NAMESPACE = os.environ.get("DEPUTY_TEST_NAMESPACE", "deputy-test")
#: Leaves the installation, and takes it over the next time where nothing has changed.
KEEP = os.environ.get("DEPUTY_KEEP", "") not in ("", "0")

_MADE_OF = "deputy.dev/test-installation"
_IMAGES = ("operator", "sidecar", "simulator")

#: Workspaces may reach the simulators, which are in the cluster, where policies are enforced.
_SIMULATORS = "networkPolicy.workspaces.extraEgress[0].to[0].podSelector.matchExpressions[0]"
_SETTINGS = (
    f"{_SIMULATORS}.key=app",
    f"{_SIMULATORS}.operator=In",
    f"{_SIMULATORS}.values={{forge,model}}",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Installation:
    """Where everything is."""

    tools: Tools
    namespace: str
    linear: str
    """Address of the simulated Linear from here."""
    forge: str
    """Address of the simulated forge from here."""

    def clone_url(self, repository: str) -> str:
        """Return where a workspace clones `owner/name` from."""
        return f"http://forge.{self.namespace}.svc:8080/{repository}.git"


@contextlib.contextmanager
def ready(tools: Tools, namespace: str = NAMESPACE) -> Iterator[Installation]:
    """Yield an installation of this tree; one that was kept is used again where it is the same."""
    wanted = _made_of()
    if not (KEEP and wanted and wanted == _found(tools, namespace)):
        remove(tools, namespace)
        _install(tools, namespace)
        tools.kubectl("annotate", "namespace", namespace, f"{_MADE_OF}={wanted}", "--overwrite")
    with doors.opened(tools, namespace, "linear", "forge") as (linear, forge):
        yield Installation(tools, namespace, linear, forge)
    if not KEEP:
        remove(tools, namespace)


def remove(tools: Tools, namespace: str = NAMESPACE) -> None:
    """Uninstall the chart and delete the namespace, where they are there."""
    tools.helm("uninstall", "deputy", "-n", namespace, "--ignore-not-found", "--wait")
    tools.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--timeout=120s")


def _install(tools: Tools, namespace: str) -> None:
    fixtures.install_crds(tools)
    fixtures.make_namespace(tools, namespace)
    fixtures.start_simulators(tools, namespace)
    fixtures.install_deputy(tools, namespace, *_SETTINGS)
    fixtures.wait_for_simulators(tools, namespace)


def _found(tools: Tools, namespace: str) -> str:
    namespace_seen = json.loads(
        tools.kubectl("get", "namespace", namespace, "--ignore-not-found", "-o", "json") or "{}"
    )
    words: dict[str, str] = namespace_seen.get("metadata", {}).get("annotations", {})
    return words.get(_MADE_OF, "")


def _made_of() -> str:
    """Return a hash of the loaded images, the chart and the manifests; empty if unknown."""
    loaded = [paths.STATE / "images" / name for name in _IMAGES]
    if not all(path.exists() for path in loaded):
        return ""
    folders = (fixtures.CHART, fixtures.CRDS, fixtures.MANIFESTS, pathlib.Path(fixtures.__file__))
    digest = hashlib.sha256(repr(_SETTINGS).encode())
    for path in [*loaded, *(file for folder in folders for file in _files(folder))]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _files(path: pathlib.Path) -> list[pathlib.Path]:
    return sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
