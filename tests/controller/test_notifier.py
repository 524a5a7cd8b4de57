"""What the tracker is told at the end, in which workflow state, and what if it refuses that."""

from typing import Any

from deputy.controller.notifier import Notifier
from deputy.core import messages
from deputy.core.outcome import RunOutcome
from deputy.core.reason import RunReason
from deputy.kube import resources
from deputy.kube.cache import Cache
from deputy.trackers.updates import ChangeIssue, Failure, PostActivity, Priority
from deputy.wire import stable_id
from tests.controller.run_leader import KEY
from tests.controller.run_world import BLUEPRINT, SPEC, World
from tests.support.manifests import agent_run, blueprint
from tests.support.tracker import FakeTracker

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
    body = agent_run(status=run_status, linear=linear)
    body["metadata"] |= known
    cache.runs.put(body)
    there = blueprint("True", **SPEC)
    there["metadata"] |= known
    there["status"] |= blueprint_status
    cache.blueprints.put(there)
    live = cache.runs.get(*KEY)
    assert live is not None
    updates = Notifier(cache, FakeTracker()).ends(live, OPENED, ())
    return [update.state_id for update in updates if isinstance(update, ChangeIssue)]


def test_a_blueprint_that_changes_changes_nothing_for_a_live_run() -> None:
    admitted = {"phase": "Running", "blueprint": {"linear": IDS}}

    assert states(admitted, {}) == ["state-review"]
    assert states(admitted, {"linear": IDS | {"inReviewStateId": "other"}}) == ["state-review"]


def test_a_run_of_an_older_version_goes_by_its_blueprint() -> None:
    admitted = {"phase": "Running", "blueprint": {"hash": "abc"}}

    assert states(admitted, {"linear": IDS}) == ["state-review"]


async def ended(world: World) -> World:
    await world.leader.begin()
    await world.slot_is_free()
    await world.settle()
    await world.agent_fails()
    await world.drain()
    return world


def finished_condition(world: World) -> tuple[str, str, str]:
    by_type = {condition.type: condition for condition in world.run.status.conditions}
    finished = by_type["Finished"]
    return finished.status, finished.reason, finished.message


async def test_closing_words_that_are_refused_are_said_again_in_plain_ones() -> None:
    world = World()
    world.tracker.refuses = "not these words"
    world.tracker.refuses_only = lambda update: (
        isinstance(update, PostActivity)
        and "This did not work" in getattr(update.content, "body", "")
    )

    await ended(world)

    (end,) = world.tracker.closing
    words = "Run linear-abc-1 is over: words (The full text was refused.)"
    assert end.content == Failure(words)
    assert end.activity_id == stable_id(world.run.metadata.uid, "end/session-1/plain")
    assert finished_condition(world) == ("True", "AgentFailed", "over, and everybody was told")


async def test_where_even_plain_words_are_refused_a_condition_says_so() -> None:
    world = World()
    world.tracker.refuses = "not these words"
    world.tracker.refuses_only = lambda update: (
        isinstance(update, PostActivity) and update.priority is Priority.TERMINAL
    )

    await ended(world)

    assert world.tracker.closing == []
    assert world.run.status.reason == "AgentFailed"
    assert finished_condition(world) == (
        "True",
        "ClosingWordsRefused",
        "over, but the tracker refused the closing words in 1 of 1: not these words",
    )


def test_plain_words_are_one_short_line_without_markup() -> None:
    outcome = RunOutcome(RunReason.AGENT_FAILED, "`x`\n**y** @ada\x00" + "z" * 900, "")

    text = messages.plainly("linear-abc-1", outcome)

    assert text.startswith("Run linear-abc-1 is over: x y ada zzz")
    assert len(text) < 400
    assert text.isprintable()
