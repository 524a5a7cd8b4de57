"""Issues that are delegated within one second still have an order."""

import datetime as dt
import json

from deputy.api.agentrun import AgentRun
from deputy.api.facts import contender, spec_in_force
from deputy.core.admission import queue


def run(name: str, received: str) -> AgentRun:
    return AgentRun.model_validate(
        {
            "metadata": {
                "name": name,
                "namespace": "agents",
                "uid": name,
                "creationTimestamp": "2026-11-21T09:00:00Z",
                "annotations": {"deputy.dev/received": received} if received else {},
            },
            "spec": {"blueprintRef": {"name": "api"}, "prompt": "do it"},
        }
    )


def test_runs_of_one_second_wait_in_the_order_in_which_they_were_delegated() -> None:
    runs = [
        run("a", "2026-11-21T09:00:00.900000+00:00"),
        run("b", "2026-11-21T09:00:00.100000+00:00"),
        run("c", "2026-11-21T09:00:00.500000+00:00"),
    ]

    assert [one.name for one in queue(map(contender, runs))] == ["b", "c", "a"]


def test_a_run_without_a_readable_note_is_as_old_as_its_object() -> None:
    created = dt.datetime(2026, 11, 21, 9, tzinfo=dt.UTC)

    moments = [contender(run("a", note)).created for note in ("", "soon", "2026-11-21T08:00:00")]

    assert moments == [created, created, created]


def pod_noted(**noted: object) -> dict[str, object]:
    text = json.dumps({"agent": {"image": "noted", "command": ["agent"]}} | noted)
    return {"metadata": {"annotations": {"deputy.dev/blueprint-spec": text}}}


def test_what_a_newer_operator_noted_in_a_pod_is_read_as_far_as_it_is_known() -> None:
    noted = pod_noted(fieldOfTomorrow=1, agent={"image": "noted", "command": ["a"], "newer": {}})

    spec = spec_in_force(noted, None)

    assert spec is not None
    assert spec.agent.image == "noted"


def test_a_note_that_cannot_be_read_at_all_stops_nothing() -> None:
    assert spec_in_force(pod_noted(agent={"image": {"newer": "shape"}}), None) is None
