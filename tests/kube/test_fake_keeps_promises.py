"""What our code relies on when it writes, asked of the fake API server and of the real one."""

import asyncio
import re
from typing import Any

import pytest

from deputy.kube import resources
from deputy.kube.client import JSON_PATCH
from deputy.kube.errors import (
    AlreadyExists,
    Conflict,
    Invalid,
    KubeError,
    KubeRefused,
    NotFound,
    TooLarge,
)
from tests.kube.promises import ENTRY, Api, config_map, run, version_of


async def test_a_new_object_is_given_an_identity_and_no_status(api: Api) -> None:
    sent = run(uid="made-up") | {"status": {"phase": "Running"}}

    made = await api.kube.create(api.run(), sent)

    metadata = made["metadata"]
    assert (made["apiVersion"], made["kind"]) == ("deputy.dev/v1alpha1", "AgentRun")
    assert metadata["namespace"] == api.namespace
    assert re.fullmatch(r"[0-9a-f-]{36}", metadata["uid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["creationTimestamp"])
    assert metadata["generation"] == 1
    assert "status" not in made
    assert await api.kube.get(api.run("run")) == made


async def test_one_version_grows_with_every_write_of_any_kind(api: Api) -> None:
    versions = [
        version_of(await api.new_run()),
        version_of(await api.new_config_map()),
        version_of(await api.kube.patch(api.run("run"), {"spec": {"attempt": 2}})),
        version_of(await api.new_run("other")),
        version_of(await api.kube.get(api.run())),
    ]

    assert versions == sorted(versions)
    assert len(set(versions[:4])) == 4


async def test_a_write_that_changes_nothing_is_none(api: Api) -> None:
    made = await api.new_run()

    assert await api.kube.patch(api.run("run"), {"spec": {"prompt": "Fix the login."}}) == made
    assert await api.kube.replace(api.run("run"), made) == made


async def test_the_generation_grows_with_the_spec_alone(api: Api) -> None:
    await api.new_run()

    labelled = await api.kube.patch(api.run("run"), {"metadata": {"labels": {"a": "b"}}})
    moved = await api.kube.patch(api.run("run") + "/status", {"status": {"phase": "Queued"}})
    raised = await api.kube.patch(api.run("run"), {"spec": {"attempt": 2}})

    assert [body["metadata"]["generation"] for body in (labelled, moved, raised)] == [1, 1, 2]


async def test_kinds_without_a_generation_have_none(api: Api) -> None:
    assert "generation" not in (await api.new_config_map())["metadata"]


async def test_a_name_is_made_up_on_demand(api: Api) -> None:
    sent = run(generateName="run-")
    del sent["metadata"]["name"]

    first, second = await api.kube.create(api.run(), sent), await api.kube.create(api.run(), sent)

    names = [body["metadata"]["name"] for body in (first, second)]
    assert all(re.fullmatch(r"run-[a-z0-9]{5}", name) for name in names)
    assert len(set(names)) == 2


async def test_of_many_who_create_a_name_one_succeeds(api: Api) -> None:
    tried = await asyncio.gather(*(api.new_run() for _ in range(8)), return_exceptions=True)

    assert sum(isinstance(one, dict) for one in tried) == 1
    assert sum(isinstance(one, AlreadyExists) for one in tried) == 7


async def test_the_refusal_of_a_taken_name_tells_it(api: Api) -> None:
    await api.new_run()

    with pytest.raises(AlreadyExists) as refusal:
        await api.new_run()

    assert (refusal.value.status, refusal.value.message) == (
        409,
        'agentruns.deputy.dev "run" already exists',
    )


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"name": ""}, "metadata.name: Required value: name or generateName is required"),
        ({"name": "Run"}, 'metadata.name: Invalid value: "Run": a lowercase RFC 1123 subdomain'),
        ({"name": "x" * 254}, "metadata.name: Invalid value"),
        ({"name": "a", "labels": {"a": "x" * 64}}, "metadata.labels: Invalid value"),
        ({"name": "a", "labels": {"a": "a b"}}, "a valid label must be an empty string or"),
        ({"name": "a", "labels": {"a b": "c"}}, "metadata.labels: Invalid value"),
        ({"name": "a", "annotations": {"a": "x" * 262144}}, "metadata.annotations: Too long"),
        (
            {"name": "a", "ownerReferences": [{"kind": "Pod"}]},
            "metadata.ownerReferences.uid: Invalid value",
        ),
    ],
)
async def test_metadata_is_checked(api: Api, metadata: dict[str, Any], message: str) -> None:
    with pytest.raises(Invalid) as refusal:
        await api.kube.create(api.run(), run() | {"metadata": metadata})

    assert message in refusal.value.message


async def test_a_namespace_has_to_be_there(api: Api) -> None:
    with pytest.raises(NotFound, match='namespaces "nobody" not found'):
        await api.kube.create(resources.agentruns("nobody"), run())


async def test_an_object_is_not_created_elsewhere_than_it_says(api: Api) -> None:
    sent = run() | {"metadata": {"name": "run", "namespace": "default"}}

    with pytest.raises(KubeRefused, match="does not match the namespace sent on the request"):
        await api.kube.create(api.run(), sent)


async def test_a_custom_resource_has_to_say_what_it_is(api: Api) -> None:
    sent = run()
    del sent["kind"]

    with pytest.raises(KubeRefused) as refusal:
        await api.kube.create(api.run(), sent)

    assert refusal.value.status == 400


async def test_kubernetes_own_kinds_need_not_say_what_they_are(api: Api) -> None:
    made = await api.new_config_map()

    assert (made["apiVersion"], made["kind"]) == ("v1", "ConfigMap")


async def test_a_new_object_has_no_version_to_give(api: Api) -> None:
    sent = run() | {"metadata": {"name": "run", "resourceVersion": "7"}}

    with pytest.raises(KubeError, match="resourceVersion should not be set on objects") as refusal:
        await api.kube.create(api.run(), sent)

    assert refusal.value.status == 500


async def test_unknown_fields_are_dropped_unless_the_client_wants_to_know(api: Api) -> None:
    sent = run()
    sent["spec"]["inbox"] = [ENTRY | {"colour": "red"}]
    sent["spec"]["promt"] = "Fix it."

    with pytest.raises(KubeRefused) as refusal:
        await api.kube.create(api.run() + "?fieldValidation=Strict", sent)
    made = await api.kube.create(api.run(), sent)

    assert 'unknown field "spec.promt"' in refusal.value.message
    assert 'unknown field "spec.inbox[0].colour"' in refusal.value.message
    assert "promt" not in made["spec"]
    assert made["spec"]["inbox"] == [ENTRY]


async def test_a_dry_run_stores_nothing(api: Api) -> None:
    made = await api.kube.create(api.run() + "?dryRun=All", run())

    assert made["metadata"]["uid"]
    assert await api.is_gone(api.run("run"))


# Replacing


async def test_only_the_newest_state_is_replaced(api: Api) -> None:
    made = await api.new_run()
    newer = await api.kube.patch(api.run("run"), {"spec": {"attempt": 2}})

    with pytest.raises(Conflict) as refusal:
        await api.kube.replace(api.run("run"), made)

    assert refusal.value.message == (
        'Operation cannot be fulfilled on agentruns.deputy.dev "run": the object has been '
        "modified; please apply your changes to the latest version and try again"
    )
    assert await api.kube.get(api.run("run")) == newer


async def test_who_replaces_a_run_or_a_lease_has_to_name_a_version(api: Api) -> None:
    await api.new_run()
    await api.kube.create(api.lease(), {"metadata": {"name": "lease"}})

    lease = {"metadata": {"name": "lease"}}
    for path, body in ((api.run("run"), run()), (api.lease("lease"), lease)):
        with pytest.raises(Invalid, match=r"metadata\.resourceVersion: Invalid value: 0"):
            await api.kube.replace(path, body)


async def test_a_config_map_is_replaced_whatever_its_version(api: Api) -> None:
    await api.new_config_map()

    made = await api.kube.replace(api.config_map("map"), config_map() | {"data": {"a": "b"}})

    assert made["data"] == {"a": "b"}


async def test_what_is_replaced_is_the_very_object_that_is_named(api: Api) -> None:
    made = await api.new_run()
    other = made | {"metadata": made["metadata"] | {"uid": "another"}}

    with pytest.raises(Conflict, match="Precondition failed: UID in precondition: another"):
        await api.kube.replace(api.run("run"), other)


async def test_nothing_is_replaced_where_nothing_is(api: Api) -> None:
    with pytest.raises(NotFound, match=r'agentruns\.deputy\.dev "run" not found'):
        await api.kube.replace(api.run("run"), run())


async def test_a_lease_is_created_by_replacing_it_unless_one_of_old_is_meant(api: Api) -> None:
    sent = {"metadata": {"name": "lease"}, "spec": {"holderIdentity": "me"}}
    old = {"metadata": {"name": "other", "uid": "gone", "resourceVersion": "1"}}

    made = await api.kube.replace(api.lease("lease"), sent)
    with pytest.raises(Conflict):
        await api.kube.replace(api.lease("other"), old)

    assert made["spec"] == {"holderIdentity": "me"}
    assert await api.is_gone(api.lease("other"))


async def test_a_body_has_the_name_of_its_path(api: Api) -> None:
    made = await api.new_run()
    other = made | {"metadata": made["metadata"] | {"name": "other"}}

    with pytest.raises(KubeRefused, match="does not match the name on the URL"):
        await api.kube.replace(api.run("run"), other)


async def test_a_body_has_to_have_a_name(api: Api) -> None:
    await api.new_config_map()

    with pytest.raises(KubeRefused, match="name must be provided") as refusal:
        await api.kube.replace(api.config_map("map"), {"metadata": {}})

    assert refusal.value.status == 400


async def test_what_the_server_wrote_stays_as_it_is(api: Api) -> None:
    made = await api.new_run()
    times = {"creationTimestamp": "2001-01-01T00:00:00Z", "generation": 7}

    after = await api.kube.patch(api.run("run"), {"metadata": times})

    assert after == made


async def test_the_status_and_the_rest_are_written_apart(api: Api) -> None:
    made = await api.new_run()
    both = {"spec": {"attempt": 2}, "status": {"phase": "Running"}}

    first = await api.kube.patch(api.run("run"), both)
    second = await api.kube.patch(api.run("run") + "/status", both | {"spec": {"attempt": 3}})
    third = await api.kube.replace(api.run("run"), second | {"status": {"phase": "Failed"}})
    fourth = await api.kube.replace(
        api.run("run") + "/status", {**third, "spec": made["spec"], "status": {"branch": "b"}}
    )

    assert ("status" in first, first["spec"]["attempt"]) == (False, 2)
    assert (second["status"], second["spec"]["attempt"]) == ({"phase": "Running"}, 2)
    assert third == second
    assert (fourth["status"], fourth["spec"]["attempt"]) == ({"branch": "b"}, 2)


# Patching


async def test_a_merge_patch_sets_what_it_names_and_takes_nulls_away(api: Api) -> None:
    await api.new_run(labels={"a": "1", "b": "2"}, inbox=[ENTRY])
    other = {"id": "b", "kind": "Stop"}

    made = await api.kube.patch(
        api.run("run"),
        {
            "metadata": {"labels": {"a": None, "c": "3"}, "annotations": {"d": "4", "e": None}},
            "spec": {"inbox": [ENTRY, other], "desiredState": "Stopped"},
        },
    )

    assert made["metadata"]["labels"] == {"b": "2", "c": "3"}
    assert made["metadata"]["annotations"] == {"d": "4"}
    assert made["spec"]["inbox"] == [ENTRY, other]
    assert made["spec"]["prompt"] == "Fix the login."


async def test_a_merge_patch_that_names_an_old_version_is_refused(api: Api) -> None:
    made = await api.new_run()
    path = api.run("run") + "/status"
    moved = await api.kube.patch(path, _status("Queued", made))

    with pytest.raises(Conflict):
        await api.kube.patch(path, _status("Claimed", made))
    claimed = await api.kube.patch(path, _status("Claimed", moved))

    assert claimed["status"] == {"phase": "Claimed"}


def _status(phase: str, seen: dict[str, Any]) -> dict[str, Any]:
    version = seen["metadata"]["resourceVersion"]
    return {"metadata": {"resourceVersion": version}, "status": {"phase": phase}}


async def test_a_patch_of_another_object_is_refused(api: Api) -> None:
    await api.new_run()

    with pytest.raises(Invalid, match=r"metadata\.uid: Invalid value"):
        await api.kube.patch(api.run("run"), {"metadata": {"uid": "another"}})
    with pytest.raises(NotFound):
        await api.kube.patch(api.run("other"), {"spec": {"attempt": 2}})


async def test_a_test_that_fails_lets_nothing_of_a_json_patch_happen(api: Api) -> None:
    made = await api.new_run()
    operations = [
        {"op": "add", "path": "/spec/desiredState", "value": "Stopped"},
        {"op": "test", "path": "/metadata/uid", "value": "another"},
    ]

    with pytest.raises(Invalid) as refusal:
        await api.kube.patch(api.run("run"), operations, JSON_PATCH)

    assert (refusal.value.status, refusal.value.message) == (
        422,
        "the server rejected our request due to an error in our request",
    )
    assert await api.kube.get(api.run("run")) == made


@pytest.mark.parametrize(
    ("operation", "applies"),
    [
        ({"op": "test", "path": "/spec/attempt", "value": None}, True),
        ({"op": "test", "path": "/spec/attempt"}, True),
        ({"op": "test", "path": "/status", "value": None}, True),
        ({"op": "test", "path": "/status/phase", "value": None}, False),
        ({"op": "test", "path": "/spec/prompt", "value": "Fix the login."}, True),
        ({"op": "test", "path": "/spec/inbox/0/id", "value": "a"}, True),
        ({"op": "test", "path": "/spec/inbox/1", "value": None}, False),
        ({"op": "test", "path": "/metadata/labels/a.b~1c", "value": "d"}, True),
        ({"op": "test", "path": "/spec/blueprintRef", "value": {"name": "api"}}, True),
        ({"op": "add", "path": "/spec/inbox/-", "value": {"id": "b", "kind": "Stop"}}, True),
        ({"op": "add", "path": "/spec/inbox/1", "value": {"id": "b", "kind": "Stop"}}, True),
        ({"op": "add", "path": "/spec/inbox/7", "value": {"id": "b", "kind": "Stop"}}, False),
        ({"op": "add", "path": "/spec/linear/inbox/-", "value": ENTRY}, False),
        ({"op": "add", "path": "/metadata/annotations/a", "value": "b"}, False),
        ({"op": "add", "path": "/metadata/labels/new", "value": "b"}, True),
        ({"op": "replace", "path": "/spec/attempt", "value": 2}, True),
        ({"op": "replace", "path": "/spec/inbox/3/text", "value": "b"}, False),
        ({"op": "remove", "path": "/metadata/labels/a.b~1c"}, True),
        ({"op": "remove", "path": "/spec/desiredState"}, False),
        ({"op": "move", "from": "/metadata/labels", "path": "/metadata/annotations"}, True),
        ({"op": "copy", "from": "/metadata/labels", "path": "/metadata/annotations"}, True),
        ({"op": "move", "from": "/metadata/nothing", "path": "/metadata/annotations"}, False),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else None,
)
async def test_an_operation_applies_or_the_patch_is_invalid(
    api: Api,
    operation: dict[str, Any],
    applies: bool,  # noqa: FBT001  a column of the table
) -> None:
    await api.new_run(inbox=[ENTRY], labels={"a.b/c": "d"})

    try:
        await api.kube.patch(api.run("run"), [operation], JSON_PATCH)
        applied = True
    except Invalid:
        applied = False

    assert applied is applies


async def test_an_operation_sees_what_the_ones_before_it_did(api: Api) -> None:
    await api.new_run()
    entries = [{"id": str(number), "kind": "Prompt"} for number in range(3)]

    made = await api.kube.patch(
        api.run("run"),
        [
            {"op": "add", "path": "/spec/inbox", "value": []},
            {"op": "add", "path": "/spec/inbox/-", "value": entries[0]},
            {"op": "add", "path": "/spec/inbox/-", "value": entries[2]},
            {"op": "add", "path": "/spec/inbox/1", "value": entries[1]},
            {"op": "test", "path": "/spec/inbox/2/id", "value": "2"},
        ],
        JSON_PATCH,
    )

    assert made["spec"]["inbox"] == entries


async def test_an_inbox_takes_a_message_once(api: Api) -> None:
    await api.new_run(inbox=[ENTRY])
    again = [{"op": "add", "path": "/spec/inbox/-", "value": ENTRY}]

    with pytest.raises(Invalid, match=r'spec\.inbox\[1\]: Duplicate value: \{"id":"a"\}'):
        await api.kube.patch(api.run("run"), again, JSON_PATCH)


async def test_what_is_no_patch_is_refused(api: Api) -> None:
    await api.new_run()

    with pytest.raises(KubeRefused) as malformed:
        await api.kube.patch(api.run("run"), {"spec": {}}, JSON_PATCH)
    with pytest.raises(KubeRefused) as unsupported:
        await api.kube.patch(api.run("run"), {}, "application/strategic-merge-patch+json")

    assert (malformed.value.status, unsupported.value.status) == (400, 415)


# Sizes


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_an_object_that_is_too_large_is_refused_as_a_fault(api: Api) -> None:
    full = [{"id": str(number), "kind": "Prompt", "text": "x" * 16384} for number in range(100)]

    with pytest.raises(TooLarge, match="request is too large") as refusal:
        await api.new_run(inbox=full)

    assert refusal.value.status == 500


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_request_that_is_too_large_is_refused(api: Api) -> None:
    with pytest.raises(KubeError) as refusal:
        await api.new_config_map(annotations={"a": "x" * 3 * 1024 * 1024})

    assert refusal.value.status == 413


# Many at once


async def test_of_many_who_write_over_one_state_one_succeeds(api: Api) -> None:
    made = await api.new_run()
    path = api.run("run") + "/status"

    tried = await asyncio.gather(
        *(api.kube.patch(path, _status_of(made, number)) for number in range(8)),
        return_exceptions=True,
    )

    assert sum(isinstance(one, dict) for one in tried) == 1
    assert sum(isinstance(one, Conflict) for one in tried) == 7


def _status_of(seen: dict[str, Any], number: int) -> dict[str, Any]:
    version = seen["metadata"]["resourceVersion"]
    return {"metadata": {"resourceVersion": version}, "status": {"queuePosition": number + 1}}


async def test_of_many_who_want_a_lease_one_gets_it(api: Api) -> None:
    made = await api.kube.create(api.lease(), {"metadata": {"name": "lease"}})

    tried = await asyncio.gather(
        *(api.kube.replace(api.lease("lease"), _held(made, f"pod-{n}")) for n in range(8)),
        return_exceptions=True,
    )

    assert sum(isinstance(one, dict) for one in tried) == 1
    assert sum(isinstance(one, Conflict) for one in tried) == 7


def _held(lease: dict[str, Any], holder: str) -> dict[str, Any]:
    return lease | {"spec": {"holderIdentity": holder}}


async def test_messages_that_are_added_at_once_are_all_there(api: Api) -> None:
    await api.new_run(inbox=[])
    entries = [{"id": str(number), "kind": "Prompt"} for number in range(3)]

    await asyncio.gather(
        *(
            api.kube.patch(
                api.run("run"),
                [{"op": "add", "path": "/spec/inbox/-", "value": entry}],
                JSON_PATCH,
            )
            for entry in entries
        )
    )

    made = await api.kube.get(api.run("run"))
    assert sorted(made["spec"]["inbox"], key=lambda entry: str(entry["id"])) == entries


# What is not there


async def test_null_is_no_value_of_a_custom_resource(api: Api) -> None:
    made = await api.new_run(linear=None, desiredState=None)

    assert made["spec"] == {"blueprintRef": {"name": "api"}, "prompt": "Fix the login."}


async def test_what_is_empty_in_metadata_is_not_stored(api: Api) -> None:
    made = await api.new_run(labels={}, annotations={}, finalizers=[], ownerReferences=[])

    assert set(made["metadata"]) - {"managedFields"} == {
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "generation",
        "resourceVersion",
    }


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/apis/deputy.dev/v1alpha1/namespaces/{}/nothings", 404),
        ("/apis/deputy.dev/v1alpha2/namespaces/{}/agentruns", 404),
        ("/api/v1/namespaces/{}/configmaps/map/status", 404),
        ("/apis/deputy.dev/v1alpha1/namespaces/{}/agentruns/run/log", 404),
    ],
)
async def test_a_path_that_is_not_served_is_not_found(api: Api, path: str, status: int) -> None:
    await api.new_run()
    await api.new_config_map()

    with pytest.raises(KubeError) as refusal:
        await api.kube.get(path.format(api.namespace))

    assert refusal.value.status == status


async def test_what_is_created_is_created_in_its_folder(api: Api) -> None:
    with pytest.raises(KubeRefused) as refusal:
        await api.kube.create(api.config_map("map"), config_map())

    assert refusal.value.status == 405
