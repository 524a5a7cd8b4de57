"""What is observed of a run, from stores and memory alone."""

import datetime as dt
from typing import Any

from deputy.controller.cluster import Cluster
from deputy.controller.memory import IssueSeen, Memory
from deputy.controller.observe import Observer
from deputy.core.admission import Slot
from deputy.kube.client import Connection, Kube
from deputy.relay.conversation import Conversation

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
KUBE = Kube(Connection("http://nowhere.example", None))


def thing(kind: str, name: str, spec: dict[str, Any], **status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "deputy.dev/v1alpha1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "agents",
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "generation": 1,
            "creationTimestamp": NOW.isoformat(),
        },
        "spec": spec,
        "status": status,
    }


def run(name: str, **status: Any) -> dict[str, Any]:
    linear = {"organizationId": "org", "issueId": f"issue-{name}", "sessionId": f"session-{name}"}
    spec = {"blueprintRef": {"name": "api"}, "prompt": "work", "linear": linear}
    return thing("AgentRun", name, spec, **status)


async def test_a_run_takes_its_place_by_the_priority_that_was_just_read() -> None:
    cluster = Cluster()
    agent = {"image": "agent", "command": ["agent"]}
    cluster.blueprints.put(thing("Blueprint", "api", {"agent": agent, "maxConcurrentRuns": 1}))
    cluster.runs.put(run("a", phase="Running"))
    cluster.runs.put(run("b", phase="Queued", priority=3))
    cluster.runs.put(run("c"))
    urgent = cluster.runs.get("agents", "c")
    assert urgent is not None
    memory = Memory(Conversation("uid-c", 1), issue=IssueSeen("started", priority=1))

    seen = await Observer(cluster, KUBE, set()).look(urgent, memory, NOW)

    assert seen.slot == Slot(granted=False, position=1)
