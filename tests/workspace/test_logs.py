"""What is kept of a pod's logs, and what a node that does not answer costs."""

import asyncio
import base64
import gzip
from typing import TYPE_CHECKING, Any, cast

import pytest

from deputy.api.agentrun import AgentRun
from deputy.kube.errors import NotFound
from deputy.workspace import logs
from deputy.workspace.logs import save_log

if TYPE_CHECKING:
    from deputy.kube.client import Kube

RUN = AgentRun.model_validate(
    {
        "metadata": {"name": "linear-abc-1", "namespace": "agents", "uid": "uid-1"},
        "spec": {"blueprintRef": {"name": "api"}, "prompt": "Fix it."},
        "status": {"attempt": 2},
    }
)


class FakeKube:
    """An API server whose containers have said `said`; asking for another hangs or fails."""

    def __init__(self, **said: str) -> None:
        self.said = said
        self.made: list[Any] = []
        self.hangs = False

    async def text(self, path: str, *, container: str, **_: str) -> str:
        assert path.endswith("/pods/linear-abc-1-2/log")
        if container in self.said:
            return self.said[container]
        if self.hangs:
            await asyncio.Event().wait()
        raise NotFound(404, "no such container")

    async def create(self, _path: str, body: Any) -> Any:
        self.made.append(body)
        return body


async def test_every_container_that_said_something_is_kept() -> None:
    kube = FakeKube(agent="done\n", prepare="cloned\n")

    await save_log(cast("Kube", kube), RUN)

    (made,) = kube.made
    assert made["metadata"]["name"] == "linear-abc-1-2-log"
    assert {
        name: gzip.decompress(base64.b64decode(packed)).decode()
        for name, packed in made["binaryData"].items()
    } == {"prepare.log.gz": "cloned\n", "agent.log.gz": "done\n"}


async def test_a_pod_that_said_nothing_leaves_nothing() -> None:
    kube = FakeKube()

    await save_log(cast("Kube", kube), RUN)

    assert kube.made == []


async def test_a_node_that_does_not_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logs, "_LOG_TIMEOUT", 0.01)
    kube = FakeKube(agent="done\n")
    kube.hangs = True

    await save_log(cast("Kube", kube), RUN)

    assert list(kube.made[0]["binaryData"]) == ["agent.log.gz"]
