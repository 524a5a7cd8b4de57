"""Which workflow states an issue is put in: those that its run was admitted with."""

from typing import Any

from deputy.controller.notifier import Notifier
from deputy.core.outcome import RunOutcome
from deputy.core.reason import RunReason
from deputy.kube import resources
from deputy.kube.cache import Cache
from deputy.trackers.updates import ChangeIssue
from tests.controller.outside import TrackerLog
from tests.controller.run_world import BLUEPRINT, KEY, World, blueprint, run

IDS = {
    "organizationId": "org-1",
    "teamId": "team-1",
    "inProgressStateId": "state-doing",
    "inReviewStateId": "state-review",
    "needsHumanStateId": "state-blocked",
}
OPENED = RunOutcome(RunReason.PULL_REQUEST_OPENED, "opened", "Done.")


async def test_admission_keeps_what_the_blueprints_names_stood_for() -> None:
    world = World()
    status = {"status": {"linear": IDS}}
    await world.server.client().patch(f"{BLUEPRINT}/status", status)
    await world.leader.begin()
    await world.slot_is_free()
    await world.settle()

    used = world.server.read(resources.agentruns(*KEY))["status"]["blueprint"]
    assert used["linear"] == IDS


def states(run_status: dict[str, Any], blueprint_status: dict[str, Any]) -> list[str | None]:
    cache = Cache()
    known: dict[str, str] = {"uid": "u", "resourceVersion": "2"}
    linear = {"organizationId": "o", "issueId": "i", "sessionId": "s"}
    body = run("linear-abc-1", linear=linear) | {"status": run_status}
    body["metadata"] |= known
    cache.runs.put(body)
    there = blueprint("True")
    there["metadata"] |= known
    there["status"] |= blueprint_status
    cache.blueprints.put(there)
    live = cache.runs.get(*KEY)
    assert live is not None
    updates = Notifier(cache, TrackerLog().as_tracker()).ends(live, OPENED, ())
    return [update.state_id for update in updates if isinstance(update, ChangeIssue)]


def test_a_blueprint_that_changes_changes_nothing_for_a_live_run() -> None:
    admitted = {"phase": "Running", "blueprint": {"linear": IDS}}

    assert states(admitted, {}) == ["state-review"]
    assert states(admitted, {"linear": IDS | {"inReviewStateId": "other"}}) == ["state-review"]


def test_a_run_of_an_older_version_goes_by_its_blueprint() -> None:
    admitted = {"phase": "Running", "blueprint": {"hash": "abc"}}

    assert states(admitted, {"linear": IDS}) == ["state-review"]
