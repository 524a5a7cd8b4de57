"""Facts of claims in several namespaces, on an API server in memory."""

import asyncio
import datetime as dt
from typing import Any

import pytest

from deputy.api.names import issue_hash, run_name
from deputy.core.routing import BlueprintFacts, Refusal, Routed
from deputy.kube import resources
from deputy.trackers.models import Team
from deputy.webhook.claiming import Claimed, Claimer, ClaimResult
from deputy.webhook.commands import PromptCommand, Route, SessionCommand
from deputy.webhook.reservations import EventReservations
from deputy.webhook.runs import ApiServerRuns
from tests.support.api_server import ApiServer
from tests.webhook.issue_events import ISSUE, NOW, created, prompted
from tests.webhook.overtaking import NoLocks

NAMESPACES = ("team-a", "team-b")
FIRST = run_name(issue_hash("org", ISSUE.id), 1)


def to(namespace: str) -> Route:
    async def route(_team: Team, _organization_id: str) -> Routed | Refusal:
        await asyncio.sleep(0)
        return Routed(BlueprintFacts(f"api-of-{namespace}", namespace, NOW, "ENG"))

    return route


class Installation:
    """Replicas over two namespaces."""

    def __init__(self) -> None:
        self.now = NOW
        self.server = ApiServer("deputy", *NAMESPACES, clock=lambda: self.now)

    def replica(self) -> Claimer:
        kube = self.server.client()
        names = EventReservations(kube, "deputy", "webhook-1", lambda: self.now)
        return Claimer(ApiServerRuns(kube, NAMESPACES, names), NoLocks())

    def runs(self) -> list[tuple[str, str]]:
        return [
            (namespace, name)
            for namespace in NAMESPACES
            for name in self.server.names(resources.agentruns(namespace))
        ]


def session(name: str, namespace: str) -> SessionCommand:
    return SessionCommand(created(name, "hi"), to(namespace), NOW)


@pytest.mark.parametrize("first", NAMESPACES)
async def test_replicas_that_route_one_issue_to_two_namespaces_make_one_run(first: str) -> None:
    installation = Installation()
    second = next(one for one in NAMESPACES if one != first)

    claimed = await asyncio.gather(
        installation.replica().carry_out(session("one", first)),
        installation.replica().carry_out(session("two", second)),
    )

    assert len(installation.runs()) == 1
    results = {one.result for one in claimed if isinstance(one, Claimed)}
    assert results == {ClaimResult.CREATED, ClaimResult.JOINED}


async def test_a_name_that_was_reserved_by_who_died_is_used_where_it_was_reserved_for() -> None:
    installation = Installation()
    kube = installation.server.client()
    reserve = EventReservations(kube, "deputy", "webhook-1", lambda: NOW).reserve
    run = await session("one", "team-a").new_run(1, (), stopped=False)
    assert not isinstance(run, Refusal)
    await reserve(run)

    await installation.replica().carry_out(session("one", "team-b"))

    assert installation.runs() == [("team-a", FIRST)]
    body = installation.server.read(resources.agentruns("team-a", FIRST))
    assert body["spec"]["blueprintRef"] == {"name": "api-of-team-a"}


async def test_a_name_whose_run_is_gone_is_passed_over() -> None:
    installation = Installation()
    await installation.replica().carry_out(session("one", "team-a"))
    await installation.server.client().delete(resources.agentruns("team-a", FIRST))
    installation.now += dt.timedelta(minutes=2)

    await installation.replica().carry_out(session("two", "team-b"))

    assert installation.runs() == [("team-b", f"{FIRST[:-1]}2")]


async def test_a_reservation_says_where_the_run_is() -> None:
    installation = Installation()

    await installation.replica().carry_out(session("one", "team-b"))

    event = installation.server.read(resources.events("deputy", FIRST))
    assert event["message"] == f"run {FIRST} goes to namespace team-b"
    assert event["involvedObject"]["namespace"] == "deputy"


async def test_in_one_namespace_nothing_is_reserved() -> None:
    installation = Installation()
    claimer = Claimer(ApiServerRuns(installation.server.client(), ("team-a",)), NoLocks())

    await claimer.carry_out(PromptCommand(prompted("one", "a"), ISSUE, to("team-a"), NOW))

    assert installation.server.names(resources.events("deputy")) == []


HASH = issue_hash("org", ISSUE.id)


def forged(name: str) -> dict[str, Any]:
    """Return a run that tenant b has written himself, for an issue of tenant a."""
    linear = {"organizationId": "org", "issueId": ISSUE.id, "sessionId": "x"}
    return {
        "apiVersion": "deputy.dev/v1alpha1",
        "kind": "AgentRun",
        "metadata": {"name": name, "namespace": "team-b", "labels": {"deputy.dev/issue": HASH}},
        "spec": {"blueprintRef": {"name": "evil"}, "prompt": "wait", "linear": linear, "inbox": []},
        "status": {"phase": "Running"},
    }


async def test_a_run_that_another_tenant_has_written_is_not_given_the_issue() -> None:
    installation = Installation()
    installation.server.seed(forged("linear-zzz-9"))

    claimed = await installation.replica().carry_out(session("one", "team-a"))

    assert isinstance(claimed, Claimed)
    assert claimed.result is ClaimResult.CREATED
    theirs = installation.server.read(resources.agentruns("team-b", "linear-zzz-9"))
    assert theirs["spec"]["inbox"] == []


async def test_nor_does_it_take_the_stop_of_the_run_that_has_it() -> None:
    installation = Installation()
    await installation.replica().carry_out(session("one", "team-a"))
    installation.server.seed(forged(run_name(HASH, 99)))

    stop = PromptCommand(prompted("one", "x", stop=True), ISSUE, to("team-a"), NOW)
    claimed = await installation.replica().carry_out(stop)

    assert isinstance(claimed, Claimed)
    assert claimed.result is ClaimResult.STOPPED
    ours = installation.server.read(resources.agentruns("team-a", FIRST))
    assert ours["spec"]["desiredState"] == "Stopped"


async def test_a_stop_still_reaches_what_a_blueprint_has_left_behind() -> None:
    installation = Installation()
    installation.server.seed(forged("linear-zzz-9"))

    stop = PromptCommand(prompted("x", "stop", stop=True), ISSUE, to("team-a"), NOW)
    await installation.replica().carry_out(stop)

    theirs = installation.server.read(resources.agentruns("team-b", "linear-zzz-9"))
    assert theirs["spec"]["desiredState"] == "Stopped"
