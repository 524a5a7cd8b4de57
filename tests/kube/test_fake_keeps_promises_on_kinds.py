"""What is special about single kinds, asked of the fake API server and of the real one."""

import base64
import datetime as dt
from typing import Any

import pytest

from deputy.kube import resources
from deputy.kube.errors import Invalid, KubeError, KubeRefused, NotFound
from tests.cluster.test_api_validation import (
    ACCEPTED,
    BASES,
    CHANGES,
    REFUSED,
    name_of,
    stored,
    tried,
    with_field,
)
from tests.kube.promises import NOWHERE, Api, pod
from tests.support.api_server import ApiServer

AUDIENCE = "test.deputy.dev"


# Custom resources: the same tables of which test_api_validation asks the real one


@pytest.mark.parametrize("row", ACCEPTED, ids=name_of)
async def test_the_fake_accepts_what_the_real_one_accepts(
    row: tuple[str, str, Any], server: ApiServer
) -> None:
    assert await tried(server.client(), with_field(*row)) is None


@pytest.mark.parametrize("row", REFUSED, ids=name_of)
async def test_the_fake_refuses_what_the_real_one_refuses(
    row: tuple[str, str, Any, str], server: ApiServer
) -> None:
    refusal = await tried(server.client(), with_field(*row[:3]))

    assert refusal is not None
    assert row[3] in refusal.message


@pytest.mark.parametrize("row", CHANGES, ids=name_of)
async def test_the_fake_changes_what_the_real_one_changes(
    row: tuple[str, str, Any, str], server: ApiServer
) -> None:
    base, field, value, refusal = row
    kube = server.client()
    made = await stored(kube, "team-a", BASES[base])
    path = resources.agentruns("team-a", made["metadata"]["name"])

    try:
        await kube.patch(path, {"spec": {field: value}})
        said = ""
    except Invalid as error:
        said = error.message

    assert refusal in said
    assert bool(refusal) is bool(said)


async def test_an_attempt_is_never_taken_back(api: Api) -> None:
    await api.new_run(attempt=3)

    with pytest.raises(Invalid, match=r"spec\.attempt can only be raised"):
        await api.kube.patch(api.run("run"), {"spec": {"attempt": 2}})


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ({"phase": "Sleeping"}, 'status.phase: Unsupported value: "Sleeping"'),
        ({"queuePosition": -1}, "should be greater than or equal to 0"),
        ({"startTime": "soon"}, "must be of type date-time"),
        ({"sessions": ["a", "a"]}, 'Duplicate value: "a"'),
        ({"conditions": [{"type": "Finished"}]}, "status.conditions[0].status: Required value"),
    ],
)
async def test_a_status_is_checked(api: Api, status: dict[str, Any], message: str) -> None:
    await api.new_run()

    with pytest.raises(Invalid) as refusal:
        await api.kube.patch(api.run("run") + "/status", {"status": status})

    assert message in refusal.value.message


# Pods


async def test_a_new_pod_is_pending_and_has_its_defaults(api: Api) -> None:
    made = await api.new_pod(nodeName=NOWHERE)

    assert made["status"]["phase"] == "Pending"
    spec = {name: made["spec"][name] for name in ("restartPolicy", "terminationGracePeriodSeconds")}
    assert spec == {"restartPolicy": "Always", "terminationGracePeriodSeconds": 30}
    assert made["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"containers": []}, "spec.containers: Required value"),
        ({"containers": [{"name": "a"}]}, "spec.containers[0].image: Required value"),
        ({"containers": [{"image": "a"}]}, "spec.containers[0].name: Required value"),
    ],
)
async def test_a_pod_needs_containers(api: Api, spec: dict[str, Any], message: str) -> None:
    with pytest.raises(Invalid) as refusal:
        await api.new_pod(**spec)

    assert message in refusal.value.message


async def test_the_spec_of_a_pod_stays_but_for_little(api: Api) -> None:
    await api.new_pod(nodeName=NOWHERE)

    with pytest.raises(Invalid, match="pod updates may not change fields other than"):
        await api.kube.patch(api.pod("pod"), {"spec": {"restartPolicy": "Never"}})
    made = await api.kube.patch(api.pod("pod"), {"spec": {"activeDeadlineSeconds": 60}})

    assert made["spec"]["activeDeadlineSeconds"] == 60
    assert made["metadata"]["generation"] == 2


async def test_the_status_of_a_pod_is_written_apart(api: Api) -> None:
    await api.new_pod(nodeName=NOWHERE)
    status = {"phase": "Running", "message": "it works"}

    first = await api.kube.patch(api.pod("pod"), {"status": status})
    second = await api.kube.patch(api.pod("pod") + "/status", {"status": status})

    assert first["status"]["phase"] == "Pending"
    assert {name: second["status"][name] for name in status} == status


async def test_labels_of_a_pod_are_patched(api: Api) -> None:
    await api.new_pod(nodeName=NOWHERE)
    path = api.pod("pod")

    first = await api.kube.patch(path, {"metadata": {"labels": {"deputy.dev/leader": "true"}}})
    second = await api.kube.patch(path, {"metadata": {"labels": {"deputy.dev/leader": None}}})

    assert first["metadata"]["labels"] == {"deputy.dev/leader": "true"}
    assert "labels" not in second["metadata"]


async def test_there_is_no_log_of_what_is_not_there(api: Api) -> None:
    await api.new_pod(nodeName=NOWHERE)

    with pytest.raises(NotFound, match='pods "other" not found'):
        await api.kube.text(api.pod("other") + "/log", container="agent")
    with pytest.raises(KubeRefused, match="container other is not valid for pod pod"):
        await api.kube.text(api.pod("pod") + "/log", container="other")


async def test_a_log_is_read_from_its_end(server: ApiServer) -> None:
    kube = server.client()
    await kube.create(resources.pods("team-a"), pod())
    path = resources.pods("team-a", "pod") + "/log"
    with pytest.raises(KubeRefused, match='container "agent" in pod "pod" is waiting to start'):
        await kube.text(path)

    server.logs["team-a", "pod", "agent"] = "one\ntwo\nthree\n"

    assert await kube.text(path) == "one\ntwo\nthree\n"
    assert await kube.text(path, container="agent", tailLines="2") == "two\nthree\n"
    assert await kube.text(path, tailLines="2", limitBytes="5") == "two\nt"


# Secrets and ConfigMaps


async def test_a_secret_packs_its_texts(api: Api) -> None:
    folder = resources.secrets(api.namespace)
    sent = {"metadata": {"name": "secret"}, "data": {"a": "YQ=="}, "stringData": {"b": "bee"}}

    made = await api.kube.create(folder, sent)

    packed = base64.b64encode(b"bee").decode()
    assert (made["type"], made["data"]) == ("Opaque", {"a": "YQ==", "b": packed})
    assert "stringData" not in made


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("secrets", {"data": {"a": "not base64!"}}, 400),
        ("secrets", {"data": {"a": base64.b64encode(b"x" * 1024 * 1024).decode()}}, 0),
        ("secrets", {"data": {"a": base64.b64encode(b"x" * (1024 * 1024 + 1)).decode()}}, 422),
        ("configmaps", {"data": {"a": 1}}, 400),
        ("configmaps", {"binaryData": {"a": "YQ=="}}, 0),
        ("configmaps", {"data": {"a": "x" * (1024 * 1024 + 1)}}, 422),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_data_is_checked(api: Api, kind: str, body: dict[str, Any], status: int) -> None:
    path = f"/api/v1/namespaces/{api.namespace}/{kind}"

    try:
        await api.kube.create(path, body | {"metadata": {"name": "data"}})
        answer = 0
    except KubeError as error:
        answer = error.status

    assert answer == status


# Leases


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ({"holderIdentity": "", "leaseDurationSeconds": 1}, 0),
        ({"renewTime": "2026-11-21T12:00:00.000001Z", "leaseTransitions": 3}, 0),
        ({"renewTime": None}, 0),
        ({"leaseDurationSeconds": 0}, 422),
        ({"leaseTransitions": -1}, 422),
        ({"leaseDurationSeconds": 1.5}, 400),
        ({"renewTime": "noon"}, 400),
    ],
    ids=str,
)
async def test_a_lease_is_checked(api: Api, spec: dict[str, Any], status: int) -> None:
    try:
        await api.kube.create(api.lease(), {"metadata": {"name": "lease"}, "spec": spec})
        answer = 0
    except KubeError as error:
        answer = error.status

    assert answer == status


# Tokens


async def test_a_token_that_nobody_gave_is_not_authenticated(api: Api) -> None:
    answer = await api.kube.create(resources.TOKEN_REVIEWS, _review("made-up"))

    assert not answer["status"].get("authenticated", False)
    assert answer["status"]["error"] == "invalid bearer token"


def _review(token: str) -> dict[str, Any]:
    return {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token, "audiences": [AUDIENCE]},
    }


async def test_a_review_names_the_pod_that_a_token_was_given_to(api: Api) -> None:
    made = await api.new_pod(nodeName=NOWHERE)
    token = await _token_of(api, made)

    answer = await api.kube.create(resources.TOKEN_REVIEWS, _review(token))

    status = answer["status"]
    assert (status["authenticated"], status["audiences"]) == (True, [AUDIENCE])
    user = status["user"]
    assert user["username"] == f"system:serviceaccount:{api.namespace}:worker"
    assert user["extra"]["authentication.kubernetes.io/pod-name"] == ["pod"]
    assert user["extra"]["authentication.kubernetes.io/pod-uid"] == [made["metadata"]["uid"]]


async def _token_of(api: Api, made: dict[str, Any]) -> str:
    if api.fake is not None:
        api.fake.admit("token", made, AUDIENCE)
        return "token"
    bound: dict[str, str] = {"kind": "Pod", "apiVersion": "v1", "name": "pod"}
    spec = {"audiences": [AUDIENCE], "expirationSeconds": 600, "boundObjectRef": bound}
    path = f"/api/v1/namespaces/{api.namespace}/serviceaccounts/worker/token"
    answer = await api.kube.create(path, {"spec": spec})
    token: str = answer["status"]["token"]
    return token


async def test_times_of_the_server_are_now(api: Api) -> None:
    made = await api.new_run()

    created = dt.datetime.fromisoformat(made["metadata"]["creationTimestamp"])
    assert abs(dt.datetime.now(dt.UTC) - created) < dt.timedelta(minutes=1)
