"""An installation that lacks something says what, and one that is upgraded loses nothing."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from deputy.core.acknowledgements import FIRST
from deputy.kube import resources
from deputy.kube.client import Kube
from dev.demo import fixtures
from tests.cluster.blueprints import blueprint, scripted, shell
from tests.cluster.conftest import Place
from tests.cluster.installation import Installation
from tests.cluster.runs import Objects, conditions_of, phase_of

pytestmark = pytest.mark.cluster

PROCESSES = ("operator", "webhook")
LACKING = (
    "the Secret with Linear's credentials, mounted at /etc/deputy/linear, lacks the keys "
    "`clientId` and `clientSecret`, or `accessToken`, or is not there; create it and set those of "
    "your OAuth application in Linear"
)


@pytest.fixture
def bare(deputy: Installation) -> Iterator[str]:
    """A namespace with Deputy installed in it, and no Secret."""
    namespace = f"{deputy.namespace}-{secrets.token_hex(2)}"
    tools = deputy.tools
    fixtures.make_namespace(tools, namespace)
    values = (
        *fixtures.image_values(),
        "operator.replicas=1",
        "webhook.replicas=1",
        f"linear.apiUrl=http://linear.{deputy.namespace}.svc:8080",
        f"agentNamespaces={{{namespace}}}",
    )
    words = [word for value in values for word in ("--set", value)]
    tools.helm("install", "deputy", str(fixtures.CHART), "-n", namespace, *words)
    yield namespace
    tools.helm("uninstall", "deputy", "-n", namespace)
    tools.kubectl("delete", "namespace", namespace, "--wait=false")


async def test_a_missing_secret_is_told_in_conditions_and_logs(
    deputy: Installation, bare: str, kube: Kube
) -> None:
    there = Objects(kube, bare)
    await there.apply_blueprint(blueprint("api", "ENG", **shell("echo hello")))

    judged = await there.blueprint("api")
    logs = deputy.tools.kubectl("logs", "-n", bare, "deployment/deputy-operator")

    assert conditions_of(judged)["Ready"] == ("Unknown", "LinearNotConnected")
    assert judged["status"]["conditions"][0]["message"] == LACKING
    lines = [json.loads(line) for line in logs.splitlines() if line.startswith("{")]
    told = [line for line in lines if line.get("message") == LACKING]
    assert {(line["event"], line["blueprint"], line["level"]) for line in told} == {
        ("Blueprint is not ready", "api", "warning")
    }
    pods = await kube.get(resources.pods(bare), labelSelector="app.kubernetes.io/component=webhook")
    assert [_is_ready(pod) for pod in pods["items"]] == [False]


async def test_a_run_survives_an_upgrade_that_replaces_every_process(place: Place) -> None:
    await place.blueprint(scripted(), repository=True)
    issue = await place.issue(
        "say I begin.\nrun echo one\nask Shall I go on?\n"
        "file one.txt 1\nrun git add . && git commit -qm One\nsay One is done."
    )
    session = await place.linear.delegate(issue)
    await place.linear.until(session, "awaitingInput")
    before = await _processes(place)

    _upgrade(place.deputy)
    await place.linear.do("reply", session=session, body="yes")

    seen = await place.linear.until_over(session)
    run = await place.objects.run_of(await place.linear.issue(issue))
    assert before.isdisjoint(await _processes(place))
    assert seen.told() == [
        ("thought", FIRST),
        ("thought", "I begin."),
        ("action", "Ran echo one"),
        ("elicitation", "Shall I go on?"),
        ("thought", "answer: yes."),
        ("action", "Edited one.txt"),
        ("action", "Ran git add . && git commit -qm One"),
        ("response", f"One is done.\n\nPull request: {seen.links[0][1]}"),
    ]
    assert phase_of(await place.objects.run_until_over(run["metadata"]["name"])) == "Succeeded"


def _upgrade(deputy: Installation) -> None:
    """Upgrade the chart with other annotations on the pods, so that all of them are replaced."""
    values = [f"{part}.podAnnotations.upgrade=at-{secrets.token_hex(4)}" for part in PROCESSES]
    deputy.tools.helm(
        *("upgrade", "deputy", str(fixtures.CHART), "-n", deputy.namespace, "--reuse-values"),
        *("--wait", "--timeout", "120s", *(f"--set={value}" for value in values)),
    )


async def _processes(place: Place) -> set[str]:
    """Return the pods of the operator and the webhook that are not on their way out."""
    selector = f"app.kubernetes.io/component in ({','.join(PROCESSES)})"
    path = resources.pods(place.deputy.namespace)
    listed = await place.objects.kube.get(path, labelSelector=selector)
    metadata = [pod["metadata"] for pod in listed["items"]]
    return {one["name"] for one in metadata if "deletionTimestamp" not in one}


def _is_ready(pod: dict[str, Any]) -> bool:
    return conditions_of_pod(pod).get("Ready") == "True"


def conditions_of_pod(pod: dict[str, Any]) -> dict[str, str]:
    """Return the status of every condition of a pod, by type."""
    return {one["type"]: one["status"] for one in pod["status"].get("conditions", ())}
