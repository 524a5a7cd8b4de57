"""What is kept of a pod's logs, and what a node that does not answer costs."""

import base64
import gzip

import pytest

from deputy.api.agentrun import AgentRun
from deputy.api.blueprint import BlueprintSpec
from deputy.kube import resources
from deputy.kube.store import reader_of
from deputy.workspace.logs import save_log
from deputy.workspace.pod import build_pod
from tests.support.api_server import ApiServer
from tests.support.manifests import AGENT, NAMESPACE, SETTINGS, agent_run

pytestmark = pytest.mark.virtual_time

POD = "linear-abc-1-2"
SPEC = BlueprintSpec.model_validate(
    {"agent": AGENT, "repository": {"url": "https://github.com/acme/api.git"}}
)
LOGS = resources.configmaps(NAMESPACE)


@pytest.fixture
def server() -> ApiServer:
    """An API server with a run in its second attempt, and the pod of that."""
    server = ApiServer(NAMESPACE)
    server.seed(agent_run(status={"attempt": 2}, attempt=2))
    server.seed(build_pod(run(server), SPEC, "", SETTINGS))
    return server


def run(server: ApiServer) -> AgentRun:
    return reader_of(AgentRun)(server.read(resources.agentruns(NAMESPACE))["items"][0])


def said(server: ApiServer, **words: str) -> None:
    """Have containers of the pod say something."""
    server.logs |= {(NAMESPACE, POD, container): text for container, text in words.items()}


def kept(server: ApiServer) -> dict[str, str]:
    """Return what is kept of each container."""
    data = server.read(f"{LOGS}/{POD}-log")["binaryData"]
    return {
        name: gzip.decompress(base64.b64decode(packed)).decode() for name, packed in data.items()
    }


async def test_every_container_that_said_something_is_kept(server: ApiServer) -> None:
    said(server, agent="done\n", prepare="cloned\n")

    await save_log(server.client(), run(server))

    assert kept(server) == {"prepare.log.gz": "cloned\n", "agent.log.gz": "done\n"}


async def test_what_is_kept_belongs_to_the_run(server: ApiServer) -> None:
    said(server, agent="done\n")

    await save_log(server.client(), run(server))

    (owner,) = server.read(f"{LOGS}/{POD}-log")["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("AgentRun", run(server).metadata.uid)


async def test_a_log_that_was_kept_before_a_crash_stays(server: ApiServer) -> None:
    said(server, agent="done\n")
    await save_log(server.client(), run(server))
    said(server, agent="half of it is gone\n")

    await save_log(server.client(), run(server))

    assert kept(server) == {"agent.log.gz": "done\n"}


async def test_a_pod_that_said_nothing_leaves_nothing(server: ApiServer) -> None:
    await save_log(server.client(), run(server))

    assert server.names(LOGS) == []


async def test_a_pod_that_is_gone_leaves_nothing(server: ApiServer) -> None:
    server.delete(resources.pods(NAMESPACE, POD))

    await save_log(server.client(), run(server))

    assert server.names(LOGS) == []


async def test_a_node_that_does_not_answer_is_not_waited_for(server: ApiServer) -> None:
    said(server, agent="done\n", prepare="cloned\n")
    # The first three are those of the other containers.
    server.faults.hold("get", "pods/log", times=3)

    await save_log(server.client(), run(server))

    assert list(kept(server)) == ["agent.log.gz"]
