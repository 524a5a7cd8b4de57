"""How soon Linear is asked again about a Blueprint that it gave no answer for."""

from typing import TYPE_CHECKING, Any, cast

import pytest

from deputy.controller.blueprints import BlueprintReconciler
from deputy.controller.slots import Slots
from deputy.kube.cache import Cache
from deputy.trackers.linear.errors import (
    LinearError,
    LinearUnavailable,
    RateLimited,
    Unauthenticated,
)

if TYPE_CHECKING:
    from deputy.kube.client import Kube
    from deputy.trackers.linear.tracker import Tracker

SPEC = {
    "agent": {"image": "localhost/agent:1", "command": ["agent"]},
    "linear": {"team": "ENG", "states": {"inProgress": "In Progress"}},
}
METADATA = {
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
        slots=Slots(cache),
        tracker=cast("Tracker", Refusing(error)),
        enqueue_run=lambda _: None,
    )

    assert await reconciler.reconcile(("agents", "api")) == seconds
