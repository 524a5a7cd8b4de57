"""Lists, selectors and pages, asked of the fake API server and of the real one."""

import secrets

import pytest

from deputy.kube import resources
from deputy.kube.errors import KubeRefused
from tests.kube.promises import NOWHERE, Api, names_of, run, version_of

EVERYWHERE = "/apis/deputy.dev/v1alpha1/agentruns"


async def test_a_list_holds_a_namespaces_objects_by_name(api: Api) -> None:
    made = [await api.new_run(name) for name in ("b", "a", "c")]
    other = await api.kube.create(resources.agentruns("default"), _elsewhere())

    listed = await api.kube.get(api.run())
    await api.kube.delete(resources.agentruns("default", other["metadata"]["name"]))

    assert (listed["kind"], listed["apiVersion"]) == ("AgentRunList", "deputy.dev/v1alpha1")
    assert listed["items"] == [made[1], made[0], made[2]]
    assert version_of(listed) >= max(map(version_of, made))


def _elsewhere() -> dict[str, object]:
    return run(f"elsewhere-{secrets.token_hex(4)}")


async def test_a_list_of_everywhere_holds_those_of_all_namespaces(api: Api) -> None:
    label = secrets.token_hex(8)
    await api.new_run("here", labels={"test": label})
    there = _elsewhere() | {"metadata": {"generateName": "elsewhere-", "labels": {"test": label}}}
    other = await api.kube.create(resources.agentruns("default"), there)

    listed = await api.kube.get(EVERYWHERE, labelSelector=f"test={label}")

    assert sorted(names_of(listed)) == sorted(["here", other["metadata"]["name"]])
    await api.kube.delete(resources.agentruns("default", other["metadata"]["name"]))


async def test_a_namespace_that_is_not_there_has_no_objects(api: Api) -> None:
    assert (await api.kube.get(resources.agentruns("nobody")))["items"] == []


async def test_only_lists_of_custom_resources_say_the_kind_of_each_item(api: Api) -> None:
    await api.new_run()
    await api.new_config_map()

    (resource,) = (await api.kube.get(api.run()))["items"]
    listed = await api.kube.get(api.config_map(), fieldSelector="metadata.name=map")

    assert resource["kind"] == "AgentRun"
    assert [("kind" in item, "apiVersion" in item) for item in listed["items"]] == [(False, False)]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("team=a", ["one", "two"]),
        ("team==a", ["one", "two"]),
        ("team!=a", ["none", "three"]),
        ("team in (a, b)", ["one", "three", "two"]),
        ("team notin (a,b)", ["none"]),
        ("team", ["one", "three", "two"]),
        ("!team", ["none"]),
        ("team=a,deputy.dev/run", ["two"]),
        ("team=a,!deputy.dev/run", ["one"]),
        ("team in (a),deputy.dev/run=x", ["two"]),
        ("team=", ["empty"]),
        ("team=c", []),
    ],
)
async def test_labels_select(api: Api, selector: str, names: list[str]) -> None:
    await api.new_run("none")
    await api.new_run("one", labels={"team": "a"})
    await api.new_run("two", labels={"team": "a", "deputy.dev/run": "x"})
    await api.new_run("three", labels={"team": "b"})
    if names == ["empty"]:
        await api.new_run("empty", labels={"team": ""})

    listed = await api.kube.get(api.run(), labelSelector=selector)

    assert names_of(listed) == names


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("metadata.name=one", ["one"]),
        ("metadata.name!=one", ["two"]),
        ("status.phase=Running", ["one"]),
        ("spec.blueprintRef.name=api,metadata.name=two", ["two"]),
    ],
)
async def test_fields_select(api: Api, selector: str, names: list[str]) -> None:
    await api.new_run("one")
    await api.new_run("two")
    await api.kube.patch(api.run("one") + "/status", {"status": {"phase": "Running"}})

    listed = await api.kube.get(api.run(), fieldSelector=selector)

    assert names_of(listed) == names


async def test_the_node_of_a_pod_selects_it(api: Api) -> None:
    await api.new_pod("here", nodeName=NOWHERE)
    await api.new_pod("unscheduled", schedulingGates=[{"name": "test.deputy.dev/never"}])

    listed = await api.kube.get(api.pod(), fieldSelector=f"spec.nodeName={NOWHERE}")

    assert names_of(listed) == ["here"]


@pytest.mark.parametrize(
    "params",
    [
        {"labelSelector": "a b c"},
        {"fieldSelector": "spec.prompt=a"},
        {"fieldSelector": "metadata.name"},
        {"continue": "nonsense"},
        {"limit": "many"},
    ],
    ids=str,
)
async def test_what_selects_nothing_sensible_is_refused(api: Api, params: dict[str, str]) -> None:
    with pytest.raises(KubeRefused) as refusal:
        await api.kube.get(api.run(), **params)

    assert refusal.value.status == 400


async def test_pages_show_one_state_whatever_happens_in_between(api: Api) -> None:
    made = [await api.new_run(name) for name in ("a", "b", "c", "d", "e")]

    first = await api.kube.get(api.run(), limit="2")
    await api.new_run("bb")
    await api.kube.delete(api.run("d"))
    await api.kube.patch(api.run("e"), {"spec": {"attempt": 2}})
    second = await api.kube.get(api.run(), limit="2", **_continue(first))
    third = await api.kube.get(api.run(), limit="2", **_continue(second))

    pages = (first, second, third)
    assert [item for page in pages for item in page["items"]] == made
    assert len({version_of(page) for page in pages}) == 1
    assert [page["metadata"].get("remainingItemCount") for page in pages] == [3, 1, None]
    assert not third["metadata"].get("continue")


def _continue(page: dict[str, dict[str, str]]) -> dict[str, str]:
    return {"continue": page["metadata"]["continue"]}


async def test_pages_of_what_is_selected_hold_all_of_it(api: Api) -> None:
    for name in ("a", "b", "c", "d", "e"):
        await api.new_run(name, labels={"test": "yes" if name != "b" else "no"})
    names: list[str] = []
    params: dict[str, str] = {}

    for _ in range(5):
        page = await api.kube.get(api.run(), limit="2", labelSelector="test=yes", **params)
        names += names_of(page)
        if not page["metadata"].get("continue"):
            break
        params = _continue(page)

    assert names == ["a", "c", "d", "e"]
