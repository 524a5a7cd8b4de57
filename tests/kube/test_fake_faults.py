"""What a test can have happen to the fake API server and to those who call it."""

import asyncio
import datetime as dt
from typing import Any

import pytest

from deputy.kube import resources
from deputy.kube.errors import Expired, Forbidden, KubeError, NotFound, Unavailable
from tests.kube.promises import NOWHERE, config_map, names_of, pod, run
from tests.support.api_server import ApiServer
from tests.support.apiserver.kinds import served
from tests.support.apiserver.schemas import unknown_rules
from tests.support.waiting import a_while

RUNS = resources.agentruns("team-a")
RUN = resources.agentruns("team-a", "run")
MAPS = resources.configmaps("team-a")


class Crash(Exception):
    """The process dies here."""


def test_every_rule_of_our_schemas_is_known_to_the_fake() -> None:
    unknown = {kind.name: unknown_rules(kind.schema) for kind in served() if kind.schema}

    assert unknown == {"AgentRun": set(), "Blueprint": set()}


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, Unavailable), (500, Unavailable), (503, Unavailable), (403, Forbidden)],
)
async def test_the_next_calls_of_a_kind_fail(
    server: ApiServer, status: int, error: type[KubeError]
) -> None:
    kube = server.client()
    server.faults.fail("create", "configmaps", status, "exceeded quota", times=2)

    await kube.create(RUNS, run())
    for _ in range(2):
        with pytest.raises(error, match="exceeded quota") as refusal:
            await kube.create(MAPS, config_map())
        assert refusal.value.status == status
    await kube.create(MAPS, config_map())

    assert server.names(MAPS) == ["map"]


async def test_a_status_fails_apart_from_what_it_is_of(server: ApiServer) -> None:
    kube = server.client()
    await kube.create(RUNS, run())
    server.faults.fail("patch", "agentruns/status", 500)

    await kube.patch(RUN, {"spec": {"attempt": 2}})
    with pytest.raises(Unavailable):
        await kube.patch(RUN + "/status", {"status": {"phase": "Queued"}})

    assert "status" not in server.read(RUN)


async def test_a_fault_of_one_client_is_no_fault_of_another(server: ApiServer) -> None:
    first, second = server.client(), server.client()
    first.faults.fail("*", "*", 503, times=9)

    await second.create(RUNS, run())
    with pytest.raises(Unavailable):
        await first.get(RUN)


@pytest.mark.parametrize(("after_write", "names"), [(False, []), (True, ["run"])])
async def test_an_answer_is_lost_before_or_after_the_write(
    server: ApiServer,
    after_write: bool,  # noqa: FBT001  a column of the table
    names: list[str],
) -> None:
    server.faults.drop("create", "agentruns", after_write=after_write)

    with pytest.raises(Unavailable, match="no answer from the API server") as refusal:
        await server.client().create(RUNS, run())

    assert refusal.value.status == 0
    assert server.names(RUNS) == names


async def test_a_request_waits_until_the_test_lets_it_go(server: ApiServer) -> None:
    before = server.faults.hold("create", "agentruns")
    after = server.faults.hold("create", "agentruns", after_write=True)
    creating = asyncio.create_task(server.client().create(RUNS, run()))

    await a_while()
    assert server.names(RUNS) == []
    before.set()
    await a_while()
    assert server.names(RUNS) == ["run"]
    assert not creating.done()
    after.set()

    assert (await creating)["metadata"]["name"] == "run"


@pytest.mark.virtual_time
async def test_a_delay_is_as_long_as_it_says(server: ApiServer) -> None:
    server.faults.delay("list", "agentruns", 7)

    await server.client().get(RUNS)

    assert asyncio.get_running_loop().time() == pytest.approx(7)


async def test_every_request_takes_a_turn_before_it_is_dealt_with_and_before_its_answer(
    server: ApiServer,
) -> None:
    there: list[list[str]] = []

    async def turn() -> None:
        there.append(server.names(RUNS))

    server.faults.take_turns(turn)
    await server.client().create(RUNS, run())

    assert there == [[], ["run"]]


async def test_a_client_that_dies_after_a_write_does_nothing_any_more(server: ApiServer) -> None:
    kube = server.client()
    kube.faults.die_after(2, Crash())

    await kube.create(RUNS, run())
    await kube.get(RUN)
    with pytest.raises(Crash):
        await kube.patch(RUN, {"spec": {"attempt": 2}})
    for _ in range(2):
        with pytest.raises(Crash):
            await kube.get(RUN)

    assert server.read(RUN)["spec"]["attempt"] == 2
    assert (await server.client().get(RUN))["spec"]["attempt"] == 2


async def test_what_is_refused_counts_as_no_write(server: ApiServer) -> None:
    kube = server.client()
    kube.faults.die_after(1, Crash())

    with pytest.raises(NotFound):
        await kube.delete(RUN)
    with pytest.raises(Crash):
        await kube.create(RUNS, run())


async def test_requests_are_on_record(server: ApiServer) -> None:
    kube = server.client()
    written: list[str] = []
    counting = server.client(on_write=written.append)

    await counting.create(RUNS, run())
    await counting.patch(RUN + "/status", {"status": {"phase": "Queued"}})
    await kube.get(RUNS)

    assert [(request.verb, request.resource) for request in server.requests] == [
        ("create", "agentruns"),
        ("patch", "agentruns/status"),
        ("list", "agentruns"),
    ]
    assert server.requests[1].json() == {"status": {"phase": "Queued"}}
    assert written == ["agentruns", "agentruns/status"]


async def test_a_client_that_is_closed_asks_nothing(server: ApiServer) -> None:
    async with server.client() as kube:
        await kube.create(RUNS, run())

    with pytest.raises(RuntimeError, match="Session is closed"):
        await kube.get(RUN)


# Watches


async def watching(server: ApiServer, since: str) -> list[dict[str, Any]]:
    """Return every event of a watch that ends by itself."""
    return [event async for event in server.client().watch(RUNS, since)]


async def started(server: ApiServer) -> "asyncio.Task[list[dict[str, Any]]]":
    """Return a watch that is under way."""
    since = server.read(RUNS)["metadata"]["resourceVersion"]
    task = asyncio.create_task(watching(server, since))
    await a_while()
    assert server.open_watches == 1
    return task


async def test_a_watch_that_the_server_ends_has_told_everything(server: ApiServer) -> None:
    task = await started(server)

    server.seed(_run())
    server.send_bookmarks()
    server.end_watches()

    assert [event["type"] for event in await task] == ["ADDED", "BOOKMARK"]
    assert server.open_watches == 0


def _run(name: str = "run") -> dict[str, Any]:
    return run(name) | {"metadata": {"name": name, "namespace": "team-a"}}


async def test_a_watch_that_has_ended_tells_nothing_of_what_comes_after(server: ApiServer) -> None:
    task = await started(server)

    server.end_watches()
    server.seed(_run())

    assert await task == []


async def test_a_watch_that_is_cut_is_no_end(server: ApiServer) -> None:
    task = await started(server)

    server.cut_watches()

    with pytest.raises(Unavailable):
        await task


async def test_a_silent_watch_tells_nothing_and_does_not_end(server: ApiServer) -> None:
    task = await started(server)

    server.silence_watches()
    server.seed(_run())
    await a_while()

    assert not task.done()
    server.cut_watches()
    with pytest.raises(Unavailable):
        await task


async def test_what_is_forgotten_cannot_be_watched_from(server: ApiServer) -> None:
    since = server.read(RUNS)["metadata"]["resourceVersion"]
    server.seed(_run())

    server.forget_history()

    with pytest.raises(Expired, match="too old resource version"):
        await watching(server, since)


async def test_a_watch_under_way_survives_that_the_past_is_forgotten(server: ApiServer) -> None:
    task = await started(server)
    server.seed(_run())

    server.forget_history()
    server.seed(_run("other"))
    server.end_watches()

    assert [event["object"]["metadata"]["name"] for event in await task] == ["run", "other"]


async def test_a_list_whose_state_is_forgotten_has_no_next_page(server: ApiServer) -> None:
    kube = server.client()
    for name in ("a", "b", "c"):
        server.seed(_run(name))
    page = await kube.get(RUNS, limit="2")
    server.seed(_run("d"))

    server.forget_history()

    with pytest.raises(Expired, match="The provided continue parameter is too old"):
        await kube.get(RUNS, limit="2", **{"continue": page["metadata"]["continue"]})
    assert names_of(await kube.get(RUNS)) == ["a", "b", "c", "d"]


@pytest.mark.virtual_time
async def test_a_connection_on_which_nothing_arrives_times_out(server: ApiServer) -> None:
    server.faults.delay("list", "agentruns", 60)

    with pytest.raises(Unavailable, match="no answer from the API server: TimeoutError"):
        await server.client().get(RUNS)
    assert asyncio.get_running_loop().time() == pytest.approx(30)


# What a cluster does besides


async def test_a_seeded_object_has_the_status_that_it_is_given(server: ApiServer) -> None:
    made = server.seed(_run() | {"status": {"phase": "Running", "attempt": 1}})

    assert made["status"] == {"phase": "Running", "attempt": 1}
    assert server.read(RUN) == made
    assert server.requests == []


async def test_a_seeded_object_has_the_uid_that_it_is_given(server: ApiServer) -> None:
    body = _run() | {"status": {"phase": "Queued"}}
    body["metadata"]["uid"] = "uid-1"

    made = server.seed(body)

    assert made["metadata"]["uid"] == "uid-1"
    assert server.read(RUN) == made


async def test_what_a_test_changes_is_no_request(server: ApiServer) -> None:
    server.seed(_run())

    changed = server.patch(RUN, {"spec": {"attempt": 2}})
    assert server.read(RUN) == changed
    server.delete(RUN)

    assert server.names(RUNS) == []
    assert server.requests == []


async def test_a_node_has_every_new_pod_and_lets_it_go_on_demand() -> None:
    server = ApiServer("team-a", node=NOWHERE)
    kube, path = server.client(), resources.pods("team-a", "pod")
    made = await kube.create(resources.pods("team-a"), pod())

    await kube.delete(path)
    assert (await kube.get(path))["metadata"]["deletionGracePeriodSeconds"] == 30
    server.end_deleted_pods()

    assert made["spec"]["nodeName"] == NOWHERE
    with pytest.raises(NotFound):
        await kube.get(path)


async def test_a_pod_is_bound_on_demand(server: ApiServer) -> None:
    kube, path = server.client(), resources.pods("team-a", "pod")
    await kube.create(resources.pods("team-a"), pod())

    server.bind("team-a", "pod", NOWHERE)

    assert (await kube.get(path))["spec"]["nodeName"] == NOWHERE
    assert "deletionTimestamp" in (await kube.delete(path))["metadata"]


async def test_its_clock_is_the_tests() -> None:
    noon = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
    server = ApiServer("team-a", clock=lambda: noon)

    made = await server.client().create(RUNS, run())

    assert made["metadata"]["creationTimestamp"] == "2026-11-21T12:00:00Z"


async def test_what_it_makes_up_is_the_same_in_every_run() -> None:
    first, second = ApiServer("team-a"), ApiServer("team-a")

    made = [await server.client().create(RUNS, run()) for server in (first, second)]

    assert made[0]["metadata"]["uid"] == made[1]["metadata"]["uid"]
