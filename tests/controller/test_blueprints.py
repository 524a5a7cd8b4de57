"""What Blueprints are judged to be, and how often Linear is asked for that."""

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any, cast

import pytest
from typing_extensions import override

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
from deputy.trackers.linear.parsing import TeamsPage
from deputy.trackers.linear.teams import TeamReader
from deputy.trackers.models import Organization, Team, TeamDirectory, WorkflowState
from tests.support.api_server import ApiServer
from tests.support.manifests import AGENT, NAMESPACE, blueprint
from tests.support.tracker import FakeTracker

if TYPE_CHECKING:
    from deputy.kube.client import Kube
    from deputy.trackers.linear.tracker import Tracker

LINEAR = {"team": "ENG", "states": {"inProgress": "In Progress"}}
SPEC = {"agent": AGENT, "linear": LINEAR}
METADATA = {
    "name": "api",
    "namespace": "agents",
    "uid": "bp-1",
    "generation": 1,
    "resourceVersion": "1",
    "creationTimestamp": "2026-11-21T12:00:00Z",
}


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


TEAMS = tuple(
    Team(f"team-{n}", f"T{n}", f"Team {n}", (WorkflowState("doing", "In Progress", "started"),))
    for n in range(200)
)


class Counting:
    """A Linear with two hundred teams that counts what it is asked, read as the operator reads."""

    def __init__(self) -> None:
        self.now = 1e9
        self.asked = 0
        self.error: LinearError | None = None
        self._reader = TeamReader(self, clock=lambda: self.now)

    async def teams_page(self, after: str | None = None) -> TeamsPage:
        self.asked += 1
        if self.error is not None:
            raise self.error
        start = int(after or 0)
        following = str(start + 50) if start + 50 < len(TEAMS) else None
        acme = Organization("org-1", "Acme", "acme")
        return TeamsPage(acme, TEAMS[start : start + 50], following)

    async def teams(self, max_age: float, *, budgeted: bool = True) -> Any:
        return await self._reader.read(max_age, budgeted=budgeted)


@dataclasses.dataclass
class Kept:
    """An API server that keeps Blueprints, and a leader that judges them as time passes."""

    linear: Counting
    cache: Cache = dataclasses.field(default_factory=Cache)
    version: int = 1
    bodies: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reconciler = self.next_leader()

    def next_leader(self) -> BlueprintReconciler:
        return BlueprintReconciler(
            kube=cast("Kube", self),
            cache=self.cache,
            slots=Slots(self.cache),
            tracker=cast("Tracker", self.linear),
            enqueue_run=lambda _: None,
        )

    def add(self, name: str, team: str, hour: int = 0) -> None:
        self.version += 1
        metadata = METADATA | {
            "name": name,
            "uid": name,
            "resourceVersion": str(self.version),
            "creationTimestamp": f"2026-11-21T{hour:02}:00:00Z",
        }
        linear = {"team": team, "states": {"inProgress": "In Progress"}}
        self.bodies[name] = {"metadata": metadata, "spec": SPEC | {"linear": linear}}
        self.cache.blueprints.put(self.bodies[name])

    async def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        name = path.split("/")[-2]
        self.version += 1
        known = self.bodies[name]
        metadata = known["metadata"] | {"resourceVersion": str(self.version)}
        self.bodies[name] = known | {"metadata": metadata, "status": body["status"]}
        return self.bodies[name]

    async def pass_time(self, seconds: float) -> None:
        """Judge every Blueprint when its time has come."""
        end = self.linear.now + seconds
        due = dict.fromkeys(self.bodies, self.linear.now)
        while min(due.values()) < end:
            name = min(due, key=due.__getitem__)
            self.linear.now = max(self.linear.now, due[name])
            due[name] += await self.reconciler.reconcile(("agents", name)) or 1e9
        self.linear.now = end

    def told(self, name: str) -> tuple[str, str, str]:
        status = self.bodies[name]["status"]
        ready = status["conditions"][0]
        return ready["status"], ready["reason"], status["linear"]["teamId"]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    linear = Counting()

    class Clock(dt.datetime):
        @override
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return dt.datetime.fromtimestamp(linear.now, tz)

    monkeypatch.setattr("deputy.controller.blueprints.dt.datetime", Clock)
    return Kept(linear)


@pytest.mark.parametrize(
    ("ready", "misnamed", "in_conflict"),
    [(1, 0, 0), (200, 0, 0), (1, 11, 0), (1, 0, 11), (200, 10, 10), (1, 200, 0)],
)
async def test_blueprints_cost_under_a_hundred_requests_an_hour(
    kept: Kept, ready: int, misnamed: int, in_conflict: int
) -> None:
    for number in range(ready):
        kept.add(f"ready-{number}", f"T{number}")
    for number in range(misnamed):
        kept.add(f"misnamed-{number}", f"NOPE{number}")
    for number in range(in_conflict):
        kept.add(f"conflict-{number}", "T0", hour=1 + number)

    await kept.pass_time(3600)

    assert kept.linear.asked < 100
    assert kept.told("ready-0") == ("True", "Ready", "team-0")


@pytest.mark.parametrize(
    "error", [LinearUnavailable("no answer"), RateLimited("spent", 3600.0), Unauthenticated("no")]
)
@pytest.mark.parametrize("another_leader", [False, True])
async def test_an_outage_leaves_a_blueprint_as_it_was(
    kept: Kept,
    error: LinearError,
    another_leader: bool,  # noqa: FBT001
) -> None:
    kept.add("api", "T7")
    kept.add("second", "Team 7", hour=1)
    await kept.pass_time(1)
    before = dict(kept.bodies)
    kept.linear.error = error
    if another_leader:
        kept.linear._reader = TeamReader(kept.linear, clock=lambda: kept.linear.now)
        kept.reconciler = kept.next_leader()

    await kept.pass_time(3000)

    assert kept.told("api") == ("True", "Ready", "team-7")
    assert kept.told("second") == ("False", "Conflict", "team-7")
    assert kept.bodies == before


async def test_two_names_of_one_team_are_in_conflict(kept: Kept) -> None:
    kept.add("by-key", "t3")
    kept.add("by-name", "Team 3", hour=1)
    kept.add("by-id", "team-3", hour=2)

    await kept.pass_time(1)

    told = [kept.told(name)[1] for name in ("by-key", "by-name", "by-id")]
    assert told == ["Ready", "Conflict", "Conflict"]


async def test_a_team_that_was_made_after_the_blueprint_is_noticed(kept: Kept) -> None:
    kept.add("api", "T7")
    await kept.pass_time(60)
    kept.add("late", "team-of-tomorrow")
    await kept.pass_time(20)
    known = kept.told("late")
    extra = Team("team-new", "NEW", "team-of-tomorrow", TEAMS[0].states)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tests.controller.test_blueprints.TEAMS", (*TEAMS, extra))
        await kept.pass_time(60)

    assert known == ("False", "TeamNotFound", "")
    assert kept.told("late") == ("True", "Ready", "team-new")


async def test_a_team_that_was_made_before_the_blueprint_is_there_at_once(kept: Kept) -> None:
    """Also when the budget of the looks that nobody waits for is spent."""
    kept.add("api", "T7")
    for number in range(30):
        kept.add(f"misnamed-{number}", f"NOPE{number}")
    await kept.pass_time(30)
    known = TEAMS
    with pytest.MonkeyPatch.context() as patched:
        for number in range(30):
            known = (*known, Team(f"new-{number}", f"NEW{number}", "new", TEAMS[0].states))
            patched.setattr("tests.controller.test_blueprints.TEAMS", known)
            kept.add(f"new-{number}", f"NEW{number}")
            await kept.pass_time(2)

    told = {kept.told(f"new-{number}") for number in range(30)}
    assert told == {("True", "Ready", f"new-{number}") for number in range(30)}


TEAM = Team("team-1", "ENG", "Engineering", (WorkflowState("s", "In Progress", "started"),))


class Telling:
    """A Linear in which every name leads to one team."""

    async def teams(self, _max_age: float, **_: bool) -> TeamDirectory:
        return TeamDirectory(Organization("org-1", "Acme", "acme"), (TEAM,))


def of_tenant(namespace: str, team: str, day: int) -> dict[str, Any]:
    metadata = METADATA | {
        "namespace": namespace,
        "uid": f"of-{namespace}",
        "creationTimestamp": f"2026-11-{day}T12:00:00Z",
    }
    return {"metadata": metadata, "spec": SPEC | {"linear": LINEAR | {"team": team}}}


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
        slots=Slots(cache),
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
