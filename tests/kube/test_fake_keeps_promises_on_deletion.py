"""How objects go, asked of the fake API server and of the real one."""

import datetime as dt
from typing import Any

import pytest

from deputy.kube import resources
from deputy.kube.errors import AlreadyExists, Conflict, Forbidden, Invalid, NotFound
from tests.kube.promises import NOWHERE, Api, owner, run, version_of


async def test_what_is_deleted_is_gone_and_the_answer_names_it(api: Api) -> None:
    made = await api.new_run()

    answer = await api.kube.delete(api.run("run"))

    assert (answer["kind"], answer["status"]) == ("Status", "Success")
    assert answer["details"] == {
        "name": "run",
        "group": "deputy.dev",
        "kind": "agentruns",
        "uid": made["metadata"]["uid"],
    }
    with pytest.raises(NotFound, match=r'agentruns\.deputy\.dev "run" not found'):
        await api.kube.delete(api.run("run"))
    with pytest.raises(NotFound):
        await api.kube.get(api.run("run"))


async def test_a_dry_run_deletes_nothing(api: Api) -> None:
    made = await api.new_run()

    await api.kube.delete(api.run("run") + "?dryRun=All")

    assert await api.kube.get(api.run("run")) == made


async def test_a_name_is_free_again_for_another_object(api: Api) -> None:
    first = await api.new_run()
    await api.kube.delete(api.run("run"))

    second = await api.new_run()

    assert second["metadata"]["uid"] != first["metadata"]["uid"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"uid": "another"}, "the UID in the precondition (another) does not match the UID in"),
        ({"resourceVersion": "1"}, "the ResourceVersion in the precondition (1) does not match"),
    ],
)
async def test_nothing_else_is_deleted_than_what_is_meant(
    api: Api, wanted: dict[str, str], message: str
) -> None:
    made = await api.new_run()

    with pytest.raises(Conflict) as refusal:
        await api.kube.delete(api.run("run"), preconditions=wanted)

    assert message in refusal.value.message
    assert await api.kube.get(api.run("run")) == made
    await api.kube.delete(api.run("run"), preconditions={"uid": made["metadata"]["uid"]})


# Pods


async def test_a_pod_on_a_node_has_time_to_end(api: Api) -> None:
    made = await api.new_pod(nodeName=NOWHERE)
    began = dt.datetime.now(dt.UTC)

    answer = await api.kube.delete(api.pod("pod"), gracePeriodSeconds=20)

    metadata = answer["metadata"]
    ends = dt.datetime.fromisoformat(metadata["deletionTimestamp"])
    assert (answer["kind"], metadata["uid"]) == ("Pod", made["metadata"]["uid"])
    assert metadata["deletionGracePeriodSeconds"] == 20
    assert abs(ends - began - dt.timedelta(seconds=20)) < dt.timedelta(seconds=5)
    assert metadata["generation"] == made["metadata"]["generation"] + 1
    assert version_of(answer) > version_of(made)
    assert await api.kube.get(api.pod("pod")) == answer


async def test_a_pod_has_the_time_of_its_spec_where_none_is_named(api: Api) -> None:
    await api.new_pod(nodeName=NOWHERE, terminationGracePeriodSeconds=40)

    answer = await api.kube.delete(api.pod("pod"))

    assert answer["metadata"]["deletionGracePeriodSeconds"] == 40


async def test_the_name_of_a_pod_that_is_going_is_not_free(api: Api) -> None:
    await api.new_pod(nodeName=NOWHERE)
    await api.kube.delete(api.pod("pod"))

    with pytest.raises(AlreadyExists, match='object is being deleted: pods "pod" already exists'):
        await api.new_pod()


async def test_the_time_of_a_pod_is_only_ever_shortened(api: Api) -> None:
    await api.new_pod(nodeName=NOWHERE)

    deleted = [
        await api.kube.delete(api.pod("pod"), **seconds)
        for seconds in ({"gracePeriodSeconds": 20}, {"gracePeriodSeconds": 25}, {})
    ]
    shorter = await api.kube.delete(api.pod("pod"), gracePeriodSeconds=10)

    periods = [pod["metadata"]["deletionGracePeriodSeconds"] for pod in (*deleted, shorter)]
    assert periods == [20, 20, 20, 10]
    assert _ends(shorter) - _ends(deleted[-1]) == dt.timedelta(seconds=-10)


def _ends(pod: dict[str, Any]) -> dt.datetime:
    return dt.datetime.fromisoformat(pod["metadata"]["deletionTimestamp"])


async def test_a_pod_that_is_given_no_time_is_gone(api: Api) -> None:
    await api.new_pod(nodeName=NOWHERE)
    await api.kube.delete(api.pod("pod"))

    answer = await api.kube.delete(api.pod("pod"), gracePeriodSeconds=0)

    assert answer["kind"] == "Pod"
    assert await api.is_gone(api.pod("pod"))


async def test_a_pod_that_does_not_run_is_gone_at_once(api: Api) -> None:
    gated = {"schedulingGates": [{"name": "test.deputy.dev/never"}]}
    await api.new_pod("unscheduled", **gated)
    await api.new_pod("over", nodeName=NOWHERE)
    await api.kube.patch(api.pod("over") + "/status", {"status": {"phase": "Succeeded"}})

    for name in ("unscheduled", "over"):
        answer = await api.kube.delete(api.pod(name), gracePeriodSeconds=20)
        assert answer["kind"] == "Pod"
        assert answer["metadata"]["deletionGracePeriodSeconds"] == 0
        assert await api.is_gone(api.pod(name))


async def test_watches_see_a_pod_marked_before_they_see_it_gone(api: Api) -> None:
    made = await api.new_pod(schedulingGates=[{"name": "test.deputy.dev/never"}])
    await api.kube.delete(api.pod("pod"))

    events = await api.watched(api.pod(), made["metadata"]["resourceVersion"], 2)

    assert [kind for kind, _ in events] == ["MODIFIED", "DELETED"]
    assert all("deletionTimestamp" in pod["metadata"] for _, pod in events)


# Finalizers


async def test_a_finalizer_holds_what_is_deleted(api: Api) -> None:
    made = await api.new_run(finalizers=["test.deputy.dev/a", "test.deputy.dev/b"])

    answer = await api.kube.delete(api.run("run"))

    metadata = answer["metadata"]
    assert answer["kind"] == "AgentRun"
    assert (metadata["deletionGracePeriodSeconds"], metadata["generation"]) == (0, 2)
    assert "deletionTimestamp" in metadata
    assert await api.kube.delete(api.run("run")) == answer
    await _keep(api, "test.deputy.dev/b")
    assert not await api.is_gone(api.run("run"))
    last = await _keep(api)
    assert last["metadata"]["uid"] == made["metadata"]["uid"]
    assert await api.is_gone(api.run("run"))


async def _keep(api: Api, *finalizers: str) -> dict[str, Any]:
    return await api.kube.patch(api.run("run"), {"metadata": {"finalizers": list(finalizers)}})


async def test_what_is_being_deleted_takes_no_new_finalizer(api: Api) -> None:
    await api.new_run(finalizers=["test.deputy.dev/a"])
    await api.kube.delete(api.run("run"))

    with pytest.raises(Invalid, match="no new finalizers can be added"):
        await _keep(api, "test.deputy.dev/a", "test.deputy.dev/b")
    with pytest.raises(AlreadyExists, match="object is being deleted"):
        await api.new_run()
    await _keep(api)


async def test_what_is_being_deleted_can_still_be_written(api: Api) -> None:
    await api.new_run(finalizers=["test.deputy.dev/a"])
    await api.kube.delete(api.run("run"))

    changed = await api.kube.patch(api.run("run"), {"spec": {"attempt": 2}})
    moved = await api.kube.patch(api.run("run") + "/status", {"status": {"phase": "Stopped"}})

    assert changed["metadata"]["generation"] == 3
    assert "deletionTimestamp" in moved["metadata"]
    await _keep(api)


async def test_a_watch_sees_the_finalizer_work(api: Api) -> None:
    made = await api.new_run(finalizers=["test.deputy.dev/a"])
    marked = await api.kube.delete(api.run("run"))
    await _keep(api)

    events = await api.watched(api.run(), made["metadata"]["resourceVersion"], 2)

    (first, second) = events
    assert first == ("MODIFIED", marked)
    assert second[0] == "DELETED"
    assert version_of(second[1]) > version_of(marked)
    assert second[1]["metadata"]["finalizers"] == ["test.deputy.dev/a"]


# Owners


async def test_what_has_lost_its_only_owner_goes(api: Api) -> None:
    made = await api.new_run()
    await api.new_config_map("owned", ownerReferences=[owner(made)])
    await api.new_config_map("other")

    await api.kube.delete(api.run("run"))

    await api.until(lambda: api.is_gone(api.config_map("owned")))
    assert not await api.is_gone(api.config_map("other"))


async def test_what_has_another_owner_stays(api: Api) -> None:
    first, second = await api.new_run("first"), await api.new_run("second")
    await api.new_config_map("owned", ownerReferences=[owner(first), owner(second)])

    await api.kube.delete(api.run("first"))

    await api.until(lambda: _is_owned_by(api, second))


async def _is_owned_by(api: Api, *owners: dict[str, Any]) -> bool:
    body = await api.kube.get(api.config_map("owned"))
    return list(body["metadata"]["ownerReferences"]) == [owner(one) for one in owners]


async def test_in_the_foreground_an_owner_goes_after_what_it_owns(api: Api) -> None:
    made = await api.new_run()
    held = ["test.deputy.dev/a"]
    await api.new_config_map("owned", ownerReferences=[owner(made)], finalizers=held)

    answer = await api.kube.delete(api.run("run"), propagationPolicy="Foreground")

    assert answer["metadata"]["finalizers"] == ["foregroundDeletion"]
    await api.until(lambda: _is_going(api))
    assert not await api.is_gone(api.run("run"))
    await api.kube.patch(api.config_map("owned"), {"metadata": {"finalizers": None}})
    await api.until(lambda: api.is_gone(api.run("run")))


async def _is_going(api: Api) -> bool:
    body = await api.kube.get(api.config_map("owned"))
    return "deletionTimestamp" in body["metadata"]


async def test_an_orphan_loses_its_owner_and_stays(api: Api) -> None:
    made = await api.new_run()
    await api.new_config_map("owned", ownerReferences=[owner(made)])

    await api.kube.delete(api.run("run"), propagationPolicy="Orphan")

    await api.until(lambda: api.is_gone(api.run("run")))
    body = await api.kube.get(api.config_map("owned"))
    assert "ownerReferences" not in body["metadata"]


# Namespaces


async def test_nothing_is_created_in_a_namespace_that_is_going(api: Api) -> None:
    path = f"/api/v1/namespaces/{api.namespace}"
    await api.new_run(finalizers=["test.deputy.dev/a"])

    namespace = await api.kube.delete(path)

    assert namespace["status"]["phase"] == "Terminating"
    with pytest.raises(Forbidden, match="because it is being terminated"):
        await api.kube.create(resources.agentruns(api.namespace), run("other"))
    await api.until(lambda: _is_marked(api))
    await _keep(api)
    await api.until(lambda: api.is_gone(path))


async def _is_marked(api: Api) -> bool:
    body = await api.kube.get(api.run("run"))
    return "deletionTimestamp" in body["metadata"]
