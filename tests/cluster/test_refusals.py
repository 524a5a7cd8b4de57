"""What cannot be done ends with a message that names the fact and the next step."""

import hashlib
import hmac
import json
import time
from typing import Any

import httpx
import pytest

from deputy.kube.errors import Invalid
from dev.demo.fixtures import WEBHOOK_SECRET
from tests.cluster import doors
from tests.cluster.blueprints import SHELL, blueprint, scripted, shell
from tests.cluster.conftest import Place
from tests.cluster.installation import Installation
from tests.cluster.linear import Session
from tests.cluster.runs import conditions_of

pytestmark = pytest.mark.cluster

AGAIN = "To try again, reply here or delegate the issue anew."


async def ended(place: Place, description: str = "", **issue: Any) -> tuple[Session, str, str, str]:
    """Delegate an issue; return its session, phase and reason of its run, and its state."""
    identifier = await place.issue(description, **issue)
    session = await place.linear.until_over(await place.linear.delegate(identifier))
    seen = await place.linear.issue(identifier)
    name = (await place.objects.run_of(seen))["metadata"]["name"]
    status = (await place.objects.run_until_over(name))["status"]
    return session, status["phase"], status["reason"], seen["state"]["name"]


async def test_a_run_that_takes_too_long_is_stopped_and_handed_to_a_human(place: Place) -> None:
    await place.blueprint(
        scripted(),
        {"timeoutSeconds": 10},
        repository=True,
    )

    session, *rest = await ended(place, "say I begin.\nfile half.txt half\nsleep 600")

    assert rest == ["TimedOut", "DeadlineExceeded", "Blocked"]
    (branch,) = set((await place.forge.repository(place.repository))["branches"]) - {"main"}
    head = (await place.forge.repository(place.repository))["branches"][branch]
    text = (
        "Stopped: the run took longer than the 10 seconds that its Blueprint allows. The work "
        f"so far is on branch `{branch}` (`{head[:10]}`). Ask for less at once, or raise "
        f"`spec.timeoutSeconds` of the Blueprint. {AGAIN}"
    )
    assert session.closing == [("error", text)]
    assert await place.forge.file(place.repository, "half.txt", branch) == "half\n"


async def test_a_program_that_fails_is_an_error_with_its_last_words(place: Place) -> None:
    await place.blueprint(shell("echo looking; echo 'no such thing' >&2; exit 3"))

    session, *rest = await ended(place)

    assert rest == ["Failed", "AgentFailed", "Blocked"]
    ((kind, text),) = session.closing
    assert (kind, "status 3" in text, "no such thing" in text, AGAIN in text) == (
        "error",
        True,
        True,
        True,
    )


async def test_an_agent_that_crashes_is_an_error_with_the_reason(place: Place) -> None:
    await place.blueprint(scripted())

    session, *rest = await ended(place, "say I begin.\ncrash 7")

    assert rest == ["Failed", "AgentFailed", "Blocked"]
    ((kind, text),) = session.closing
    assert (kind, "the last words on stderr" in text) == ("error", True)


async def test_an_image_that_does_not_exist_is_named(place: Place) -> None:
    agent = {"image": "localhost/no-such-image:dev", "command": ["agent"]}
    await place.blueprint({"agent": agent})

    session, *rest = await ended(place)

    assert rest == ["Failed", "ImagePullFailed", "Blocked"]
    ((kind, text),) = session.closing
    assert (kind, "localhost/no-such-image:dev" in text, AGAIN in text) == ("error", True, True)


async def test_a_command_that_does_not_exist_is_named(place: Place) -> None:
    await place.blueprint({"agent": {"image": SHELL, "command": ["no-such-agent", "--acp"]}})

    session, *rest = await ended(place)

    assert rest == ["Failed", "AgentNotStarted", "Blocked"]
    ((kind, text),) = session.closing
    assert (kind, "no-such-agent" in text) == ("error", True)


async def test_a_repository_that_does_not_exist_is_named(place: Place) -> None:
    await place.linear.do("teams", key=place.team)
    url = place.deputy.clone_url(f"acme/not-{place.name}")
    await place.objects.apply_blueprint(blueprint(place.name, place.team, url, **scripted()))

    session, *rest = await ended(place)

    assert rest == ["Failed", "PrepareFailed", "Blocked"]
    ((kind, text),) = session.closing
    assert (kind, f"{url} cannot be cloned" in text, "spec.repository.url" in text) == (
        "error",
        True,
        True,
    )


async def test_a_pod_that_kubernetes_refuses_is_an_error(place: Place) -> None:
    await place.blueprint(shell("echo hello"), {"workspace": {"runtimeClassName": "no-such-class"}})

    session, *rest = await ended(place)

    assert rest == ["Failed", "PodRefused", "Blocked"]
    ((kind, text),) = session.closing
    assert (kind, "no-such-class" in text) == ("error", True)


async def test_a_blueprint_without_an_in_progress_state_is_refused(place: Place) -> None:
    wanted = blueprint(place.name, place.team, **shell("echo hello"))
    del wanted["spec"]["linear"]["states"]["inProgress"]

    with pytest.raises(Invalid, match=r"spec\.linear\.states\.inProgress: Required value"):
        await place.objects.apply_blueprint(wanted)


async def test_a_state_that_the_team_does_not_have_is_told_and_takes_no_issue(place: Place) -> None:
    await place.linear.do("teams", key=place.team)
    wanted = blueprint(place.name, place.team, **shell("echo hello"))
    wanted["spec"]["linear"]["states"] = {"inProgress": "Doing"}
    await place.objects.apply_blueprint(wanted)

    session, *rest = await ended(place)

    assert rest == ["Stopped", "BlueprintNotReady", "Todo"]
    judged = await place.objects.blueprint(place.name)
    assert conditions_of(judged)["Ready"] == ("False", "StateNotFound")
    fact = (
        f"spec.linear.states.inProgress names no workflow state of team {place.team}; it has: "
        "Triage, Backlog, Todo, In Progress, In Review, Blocked, Done, Canceled"
    )
    assert judged["status"]["conditions"][0]["message"] == fact
    ((kind, text),) = session.closing
    assert (kind, fact in text) == ("response", True)


async def test_a_team_that_is_not_there_is_told_in_the_condition(place: Place) -> None:
    await place.objects.apply_blueprint(blueprint(place.name, place.team, **shell("echo hello")))

    judged = await place.objects.blueprint(place.name)

    assert conditions_of(judged)["Ready"] == ("False", "TeamNotFound")
    assert judged["status"]["conditions"][0]["message"] == (
        f'Linear shows no team "{place.team}" to Deputy; correct spec.linear.team, or give the app '
        "access to the team in Linear's settings"
    )


async def test_an_issue_of_a_team_without_a_blueprint_is_answered(place: Place) -> None:
    await place.linear.do("teams", key=place.team)
    issue = await place.issue()

    session = await place.linear.until_over(await place.linear.delegate(issue))

    text = (
        f"No Blueprint takes the issues of team {place.team} ({place.team}), so I have not "
        "started. Somebody who runs this cluster can apply a Blueprint with "
        f"`spec.linear.team: {place.team}` in `{place.deputy.namespace}` (`kubectl get "
        "blueprints -A` shows the ones there are), then reply here or delegate again."
    )
    assert session.told() == [("response", text)]
    assert await place.objects.runs_of(await place.linear.issue(issue)) == []


async def test_a_secret_that_is_missing_is_told_in_the_condition(place: Place) -> None:
    await place.linear.do("teams", key=place.team)
    wanted = blueprint(place.name, place.team, place.deputy.clone_url("acme/demo"), **scripted())
    wanted["spec"]["repository"]["credentialsSecretRef"]["name"] = "no-such-secret"
    await place.objects.apply_blueprint(wanted)

    judged = await place.objects.blueprint(place.name)

    assert conditions_of(judged)["Ready"] == ("False", "SecretNotFound")
    assert judged["status"]["conditions"][0]["message"] == (
        f'Secret "no-such-secret" does not exist in namespace {place.deputy.namespace}; create it '
        "with the key `token`, or change spec.repository.credentialsSecretRef of the Blueprint"
    )


async def test_an_issue_in_the_backlog_is_not_picked_up(place: Place) -> None:
    await place.blueprint(shell("echo hello"))

    session, *rest = await ended(place, state="Backlog")

    assert rest == ["Stopped", "StateNotAllowed", "Backlog"]
    ((kind, text),) = session.closing
    assert (kind, "a state of type `backlog`" in text, "Move it" in text) == (
        "response",
        True,
        True,
    )


async def test_a_person_who_may_not_delegate_is_told_so(place: Place) -> None:
    pick_up = {"pickUp": {"denyDelegators": ["jane@acme.example"]}}
    await place.blueprint(shell("echo hello"), {"linear": pick_up})
    issue = await place.issue()

    session = await place.linear.until_over(await place.linear.delegate(issue))

    ((kind, text),) = session.told()
    assert (kind, "may not delegate to me: `pickUp.denyDelegators` says so" in text) == (
        "response",
        True,
    )


async def test_the_older_of_two_blueprints_of_a_team_takes_its_issues(place: Place) -> None:
    await place.blueprint(shell("echo from the older one"))
    younger = blueprint(f"{place.name}-b", place.team, **shell("echo from the younger one"))
    await place.objects.apply_blueprint(younger)

    session, *rest = await ended(place)
    judged = await place.objects.blueprint(f"{place.name}-b")
    await place.objects.remove(f"{place.name}-b")

    assert conditions_of(judged) == {
        "Ready": ("False", "Conflict"),
        "Accepted": ("False", "Conflict"),
    }
    assert session.closing == [("response", "from the older one")]
    assert rest[:2] == ["Succeeded", "Completed"]


def signed(body: bytes, secret: str = WEBHOOK_SECRET) -> dict[str, str]:
    return {"Linear-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def event(age: float = 0) -> bytes:
    stamp = round((time.time() - age) * 1000)
    told = {"type": "Issue", "action": "update", "webhookTimestamp": stamp, "organizationId": "o"}
    return json.dumps(told).encode()


@pytest.mark.parametrize(
    ("body", "secret", "status", "result"),
    [
        pytest.param(event(), "another-secret", 401, "signature_wrong", id="wrong signature"),
        pytest.param(event(), "", 401, "signature_missing", id="no signature"),
        pytest.param(event(7 * 3600), WEBHOOK_SECRET, 400, "stale", id="seven hours old"),
        pytest.param(b" " * 2**23, WEBHOOK_SECRET, 413, "too_large", id="eight mebibytes"),
        pytest.param(b"no JSON", WEBHOOK_SECRET, 400, "malformed", id="not JSON"),
    ],
)
async def test_a_delivery_that_is_none_is_refused(
    deputy: Installation, body: bytes, secret: str, status: int, result: str
) -> None:
    headers = signed(body, secret) if secret else {}
    with doors.opened(deputy.tools, deputy.namespace, "deputy-webhook") as (address,):
        async with httpx.AsyncClient(base_url=address, trust_env=False) as http:
            answer = await http.post("/webhooks/linear", content=body, headers=headers)

    assert (answer.status_code, answer.json()["result"]) == (status, result)
