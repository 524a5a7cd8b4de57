"""Watches, asked of the fake API server and of the real one."""

import asyncio
import json
from typing import Any

import pytest

from deputy.kube import resources
from deputy.kube.errors import Expired
from tests.kube.promises import Api, run, version_of


async def listed(api: Api) -> str:
    """Return the version to watch from."""
    version: str = (await api.kube.get(api.run()))["metadata"]["resourceVersion"]
    return version


async def test_a_watch_tells_every_change_once_and_in_order(api: Api) -> None:
    before = await api.new_run("before")
    since = await listed(api)

    made = await api.new_run()
    moved = await api.kube.patch(api.run("run") + "/status", {"status": {"phase": "Queued"}})
    changed = await api.kube.patch(api.run("before"), {"spec": {"attempt": 2}})
    await api.kube.delete(api.run("run"))
    events = await api.watched(api.run(), since, 4)

    assert events[:3] == [("ADDED", made), ("MODIFIED", moved), ("MODIFIED", changed)]
    kind, last = events[3]
    assert (kind, _but_version(last)) == ("DELETED", _but_version(moved))
    versions = [version_of(body) for _, body in events]
    assert versions == sorted(set(versions))
    assert version_of(before) < versions[0]


def _but_version(body: dict[str, Any]) -> dict[str, Any]:
    return body | {"metadata": body["metadata"] | {"resourceVersion": ""}}


async def test_a_watch_under_way_is_told_at_once(api: Api) -> None:
    since = await listed(api)
    watching = asyncio.create_task(api.watched(api.run(), since, 3))
    await asyncio.sleep(0.1)

    for number in range(3):
        await api.new_run(f"run-{number}")

    async with asyncio.timeout(5):
        events = await watching
    assert [body["metadata"]["name"] for _, body in events] == ["run-0", "run-1", "run-2"]


async def test_a_watch_goes_on_from_any_version_that_was_told(api: Api) -> None:
    since = await listed(api)
    for number in range(4):
        await api.new_run(f"run-{number}")

    first = await api.watched(api.run(), since, 2)
    second = await api.watched(api.run(), str(version_of(first[-1][1])), 2)

    names = [body["metadata"]["name"] for _, body in first + second]
    assert names == ["run-0", "run-1", "run-2", "run-3"]


async def test_a_watch_is_of_its_namespace_and_its_kind(api: Api) -> None:
    since = await listed(api)

    await api.new_config_map()
    other = await api.kube.create(resources.agentruns("default"), _generated())
    made = await api.new_run()
    events = await api.watched(api.run(), since, 1)

    assert events == [("ADDED", made)]
    await api.kube.delete(resources.agentruns("default", other["metadata"]["name"]))


def _generated() -> dict[str, Any]:
    return run() | {"metadata": {"generateName": "elsewhere-"}}


async def test_a_write_that_changes_nothing_is_not_told(api: Api) -> None:
    await api.new_run()
    since = await listed(api)

    await api.kube.patch(api.run("run"), {"spec": {"prompt": "Fix the login."}})
    changed = await api.kube.patch(api.run("run"), {"spec": {"attempt": 2}})
    events = await api.watched(api.run(), since, 1)

    assert events == [("MODIFIED", changed)]


async def test_what_leaves_a_selection_is_deleted_for_who_watches_it(api: Api) -> None:
    since = await listed(api)

    inside = await api.new_run("inside", labels={"team": "a"})
    await api.new_run("outside", labels={"team": "b"})
    left = await api.kube.patch(api.run("inside"), _team("b"))
    entered = await api.kube.patch(api.run("outside"), _team("a"))
    changed = await api.kube.patch(api.run("outside"), {"spec": {"attempt": 2}})
    await api.kube.patch(api.run("inside"), {"spec": {"attempt": 2}})
    await api.kube.delete(api.run("inside"))
    await api.kube.delete(api.run("outside"))
    events = await api.watched(api.run(), since, 5, labelSelector="team=a")

    assert events[0] == ("ADDED", inside)
    kind, body = events[1]
    # As it was when it was last inside, under the version of the change that took it out.
    assert (kind, _but_version(body)) == ("DELETED", _but_version(inside))
    assert version_of(body) == version_of(left)
    assert events[2:4] == [("ADDED", entered), ("MODIFIED", changed)]
    assert (events[4][0], _but_version(events[4][1])) == ("DELETED", _but_version(changed))


def _team(name: str) -> dict[str, Any]:
    return {"metadata": {"labels": {"team": name}}}


async def test_one_object_is_watched_by_its_name(api: Api) -> None:
    since = await listed(api)

    await api.new_run("other")
    made = await api.new_run()
    events = await api.watched(api.run(), since, 1, fieldSelector="metadata.name=run")

    assert events == [("ADDED", made)]


async def test_a_watch_from_nowhere_begins_with_what_is_there(api: Api) -> None:
    made = [await api.new_run("a"), await api.new_run("b")]

    events = await api.watched(api.run(), "0", 2)

    assert sorted(body["metadata"]["name"] for _, body in events) == ["a", "b"]
    assert [kind for kind, _ in events] == ["ADDED", "ADDED"]
    assert all(body in made for _, body in events)


async def test_a_version_that_is_forgotten_is_expired(api: Api) -> None:
    await api.new_run()

    with pytest.raises(Expired, match="too old resource version: 1") as refusal:
        await api.watched(api.run(), "1", 1)

    assert refusal.value.status == 410


async def test_a_watch_whose_time_is_up_ends_with_a_bookmark(api: Api) -> None:
    await api.new_run()
    since = await listed(api)
    made = await api.new_config_map()

    text = await api.kube.text(
        api.run(),
        watch="true",
        resourceVersion=since,
        allowWatchBookmarks="true",
        timeoutSeconds="5" if api.fake is None else "0.1",
    )

    bookmarks = [json.loads(line) for line in text.splitlines()]
    assert {event["type"] for event in bookmarks} == {"BOOKMARK"}
    last = bookmarks[-1]["object"]
    assert (last["apiVersion"], last["kind"]) == ("deputy.dev/v1alpha1", "AgentRun")
    assert set(last["metadata"]) == {"resourceVersion"}
    assert version_of(last) >= int(since)
    assert version_of(made) > int(since)


async def test_events_of_kubernetes_own_kinds_say_the_kind(api: Api) -> None:
    since = (await api.kube.get(api.config_map()))["metadata"]["resourceVersion"]
    made = await api.new_config_map("map", labels={"test": "yes"})

    events = await api.watched(api.config_map(), since, 1, labelSelector="test=yes")

    assert events == [("ADDED", made)]


async def test_long_lines_arrive_whole(api: Api) -> None:
    since = await listed(api)
    inbox = [{"id": str(number), "kind": "Prompt", "text": "ä" * 8000} for number in range(20)]

    made = await api.new_run(inbox=inbox)
    events = await api.watched(api.run(), since, 1)

    assert events == [("ADDED", made)]
