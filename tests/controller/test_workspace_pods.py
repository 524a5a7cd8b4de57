"""Pods as the controller makes them: by the namespace's uids, or with a word why there is none."""

from typing import Any

import pytest

from deputy.core.phase import Phase
from deputy.core.reason import RunReason
from deputy.kube import resources
from deputy.kube.client import JSON_PATCH
from deputy.workspace.identity import GROUP_RANGES, UID_RANGE
from tests.controller.run_world import BLUEPRINT, World
from tests.support.manifests import NAMESPACE


async def admitted(world: World) -> World:
    """Return `world` once its run has got its slot."""
    await world.slot_is_free()
    await world.settle()
    return world


def users(pod: Any) -> list[int]:
    containers = pod["spec"]["initContainers"] + pod["spec"]["containers"]
    return [container["securityContext"]["runAsUser"] for container in containers]


async def test_a_namespace_that_fixes_uids_has_pods_with_those() -> None:
    world = await World.begun()
    annotations = {UID_RANGE: "1000650000/10000", GROUP_RANGES: "1000650000/10000"}
    await world.server.client().patch(
        resources.namespaces(NAMESPACE), {"metadata": {"annotations": annotations}}
    )

    await admitted(world)

    assert world.pod is not None
    assert users(world.pod) == [1000650000, 1000650001, 1000650000]
    assert world.pod["spec"]["securityContext"]["fsGroup"] == 1000650000


async def test_another_namespace_has_pods_with_our_uids() -> None:
    world = await admitted(await World.begun())

    assert world.pod is not None
    assert users(world.pod) == [1000, 1001, 1000]


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"x": value}
    return value


@pytest.mark.parametrize(
    "template",
    [
        {"spec": {"containers": "agent"}},
        {"spec": {"containers": [{"name": "agent", "volumeMounts": [{"name": "x"}]}]}},
        {"spec": {"initContainers": [{"name": "prepare", "image": "evil"}]}},
        {"spec": {"affinity": nested(300)}},
        {"metadata": {"labels": {"team": None}}},
    ],
    ids=["no list", "no path", "our image", "deep", "no text"],
)
async def test_a_malformed_template_ends_the_run_with_a_word(template: dict[str, Any]) -> None:
    world = await World.begun()
    client = world.server.client()
    # The whole of it: a merge patch would take nulls out.
    added = {"op": "add", "path": "/spec/workspace", "value": {"podTemplate": template}}
    changed = await client.patch(BLUEPRINT, [added], JSON_PATCH)
    judged = {"status": {"observedGeneration": changed["metadata"]["generation"]}}
    await client.patch(f"{BLUEPRINT}/status", judged)

    await admitted(world)

    assert (world.phase, world.pods) == (Phase.FAILED, [])
    assert world.outcome is not None
    assert world.outcome.reason is RunReason.POD_REFUSED
    assert "of the Blueprint" in world.outcome.message
