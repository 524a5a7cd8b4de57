"""How soon Linear is asked again about a Blueprint that it gave no answer for."""

import pytest

from deputy.controller.blueprints import BlueprintReconciler
from deputy.controller.slots import Slots
from deputy.kube import resources
from deputy.kube.cache import Cache
from deputy.trackers.linear.errors import (
    LinearError,
    LinearUnavailable,
    RateLimited,
    Unauthenticated,
)
from tests.support.api_server import ApiServer
from tests.support.manifests import NAMESPACE, blueprint
from tests.support.tracker import FakeTracker

LINEAR = {"team": "ENG", "states": {"inProgress": "In Progress"}}


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
    server, cache, tracker = ApiServer(NAMESPACE), Cache(), FakeTracker()
    cache.blueprints.put(server.seed(blueprint(linear=LINEAR)))
    tracker.fails = error
    reconciler = BlueprintReconciler(
        kube=server.client(),
        cache=cache,
        slots=Slots(cache),
        tracker=tracker,
        enqueue_run=lambda _: None,
    )

    assert await reconciler.reconcile((NAMESPACE, "api")) == seconds

    status = server.read(resources.blueprints(NAMESPACE, "api"))["status"]
    ready = next(one for one in status["conditions"] if one["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("Unknown", "LinearUnreachable")
