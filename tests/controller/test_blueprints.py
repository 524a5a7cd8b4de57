"""How soon Linear is asked again about a Blueprint that it gave no answer for."""

from typing import TYPE_CHECKING, Any, cast

import pytest

from deputy.controller.blueprints import BlueprintReconciler
from deputy.kube.cache import Cache
from deputy.trackers.linear.errors import (
    LinearError,
    LinearUnavailable,
    RateLimited,
    Unauthenticated,
)
from deputy.trackers.models import Organization, Team, WorkflowState

if TYPE_CHECKING:
    from deputy.kube.client import Kube
    from deputy.trackers.linear.tracker import Tracker

SPEC: dict[str, Any] = {
    "agent": {"image": "localhost/agent:1", "command": ["agent"]},
    "linear": {"team": "ENG", "states": {"inProgress": "In Progress"}},
}
METADATA: dict[str, Any] = {
    "name": "api",
    "namespace": "agents",
    "uid": "bp-1",
    "generation": 1,
    "resourceVersion": "1",
    "creationTimestamp": "2026-11-21T12:00:00Z",
}


class Taking:
    """An API server that takes every status."""

    async def patch(self, _path: str, body: dict[str, Any]) -> dict[str, Any]:
        metadata = METADATA | {"resourceVersion": "2"}
        return {"metadata": metadata, "spec": SPEC, "status": body["status"]}


class Refusing:
    """A Linear that tells no team."""

    def __init__(self, error: LinearError) -> None:
        self.error = error

    async def team(self, _name: str) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (LinearUnavailable("no answer"), 3.0),
        (LinearUnavailable("busy", retry_after=20.0), 20.0),
        (RateLimited("the budget is spent", retry_after=900.0), 900.0),
        (RateLimited("the budget is spent"), 60.0),
        (Unauthenticated("the token is not accepted"), 60.0),
    ],
)
async def test_a_tracker_that_refuses_is_left_alone_as_long_as_it_wants(
    error: LinearError, seconds: float
) -> None:
    cache = Cache()
    cache.blueprints.put({"metadata": METADATA, "spec": SPEC})
    reconciler = BlueprintReconciler(
        kube=cast("Kube", Taking()),
        cache=cache,
        tracker=cast("Tracker", Refusing(error)),
        enqueue_run=lambda _: None,
    )

    assert await reconciler.reconcile(("agents", "api")) == seconds


TEAM = Team("team-1", "ENG", "Engineering", (WorkflowState("s", "In Progress", "started"),))


class Telling:
    """A Linear in which every name leads to one team."""

    async def team(self, _name: str) -> tuple[Organization, Team]:
        return Organization("org-1", "Acme", "acme"), TEAM


def of_tenant(namespace: str, team: str, day: int) -> dict[str, Any]:
    metadata = METADATA | {
        "namespace": namespace,
        "uid": f"of-{namespace}",
        "creationTimestamp": f"2026-11-{day}T12:00:00Z",
    }
    return {"metadata": metadata, "spec": SPEC | {"linear": SPEC["linear"] | {"team": team}}}


class Keeping:
    """An API server that keeps the last status that it was given."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.reason = ""

    async def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        namespace = path.split("/namespaces/")[1].partition("/")[0]
        known = self.cache.blueprints.get(namespace, "api")
        assert known is not None
        self.reason = body["status"]["conditions"][0]["reason"]
        spec = known.spec.model_dump(by_alias=True, mode="json", exclude_defaults=True)
        metadata = METADATA | {"namespace": namespace, "resourceVersion": "9"}
        return {"metadata": metadata, "spec": spec, "status": body["status"]}


async def reason_of(namespace: str, bound: dict[str, list[str]]) -> str:
    """Judge the Blueprint of one of two tenants; the other one is older and spells it otherwise."""
    cache = Cache()
    cache.blueprints.put(of_tenant("tenant-b", "Engineering", 1 + 10))
    cache.blueprints.put(of_tenant("tenant-a", "eng", 1 + 20))
    kube = Keeping(cache)
    reconciler = BlueprintReconciler(
        kube=cast("Kube", kube),
        cache=cache,
        tracker=cast("Tracker", Telling()),
        enqueue_run=lambda _: None,
        team_namespaces=bound,
    )
    await reconciler.reconcile((namespace, "api"))
    return kube.reason


@pytest.mark.parametrize(
    ("namespace", "bound", "reason"),
    [
        ("tenant-b", {}, "Ready"),
        ("tenant-a", {}, "Conflict"),
        ("tenant-b", {"ENG": ["tenant-a"]}, "NamespaceNotAllowed"),
        ("tenant-a", {"ENG": ["tenant-a"]}, "Ready"),
    ],
)
async def test_blueprints_conflict_by_the_team_that_they_mean(
    namespace: str, bound: dict[str, list[str]], reason: str
) -> None:
    assert await reason_of(namespace, bound) == reason
