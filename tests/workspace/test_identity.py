"""Who works in a namespace: ours, or those that the namespace fixes."""

from typing import Any

import pytest

from deputy.workspace.identity import GROUP_RANGES, OURS, UID_RANGE, Identity, identity_in
from deputy.workspace.pod import build_pod
from tests.workspace.test_pod import SETTINGS, blueprint, run

OPENSHIFT = {UID_RANGE: "1000650000/10000", GROUP_RANGES: "1000650000/10000"}


def namespace(**annotations: str) -> dict[str, Any]:
    return {"metadata": {"name": "agents", "annotations": annotations}}


@pytest.mark.parametrize(
    ("annotations", "identity"),
    [
        (OPENSHIFT, Identity(1000650000, 1000650001, 1000650000)),
        ({UID_RANGE: "2000-2999"}, Identity(2000, 2001, 2000)),
        ({UID_RANGE: "2000/10", GROUP_RANGES: "3000/5,9000/1"}, Identity(2000, 2001, 3000)),
        ({UID_RANGE: "2000/1"}, Identity(2000, 2000, 2000)),
        ({UID_RANGE: "2000/10", GROUP_RANGES: "none"}, Identity(2000, 2001, 2000)),
        ({}, OURS),
        ({UID_RANGE: ""}, OURS),
        ({UID_RANGE: "0/10"}, OURS),
        ({UID_RANGE: "2000/0"}, OURS),
        ({UID_RANGE: "2999-2000"}, OURS),
        ({UID_RANGE: "4294967295/10"}, OURS),
        ({UID_RANGE: "many"}, OURS),
    ],
)
def test_a_namespace_that_fixes_uids_is_kept_to(
    annotations: dict[str, str], identity: Identity
) -> None:
    assert identity_in(namespace(**annotations)) == identity


def test_a_namespace_without_annotations_takes_ours() -> None:
    assert identity_in({"metadata": {"name": "agents"}}) == OURS


def test_every_container_is_who_the_namespace_says() -> None:
    spec = blueprint(
        workspace={
            "setupCommand": ["x"],
            "podTemplate": {"spec": {"containers": [{"name": "postgres", "image": "x"}]}},
        }
    )

    pod = build_pod(run(), spec, "", SETTINGS, Identity(2000, 2001, 3000))["spec"]

    assert pod["securityContext"]["fsGroup"] == 3000
    assert {
        container["name"]: (
            container["securityContext"]["runAsUser"],
            container["securityContext"]["runAsGroup"],
        )
        for container in pod["initContainers"] + pod["containers"]
    } == {
        "prepare": (2000, 3000),
        "status-sync": (2001, 3000),
        "setup": (2000, 3000),
        "agent": (2000, 3000),
        "postgres": (2000, 3000),
    }
