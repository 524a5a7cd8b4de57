"""Facts of the webhook process on a real API server, with a simulated Linear."""

import asyncio
import pathlib
from typing import Any

import pytest

from deputy.api.names import issue_hash, run_name
from deputy.core import acknowledgements
from deputy.kube.client import Connection, Kube
from tests.webhook.conftest import (
    SECRET,
    Cluster,
    Linear,
    Payloads,
    StartReplica,
    blueprint,
    until,
)

pytestmark = pytest.mark.cluster


async def said(linear: Linear, session: str, count: int = 1) -> Any:
    async def look() -> Any:
        words = await linear.words(session)
        return words if len(words) >= count else None

    return await until(look, f"{count} words in session {session}")


async def delegate(linear: Linear) -> str:
    delegated = await linear.do("delegate", issue="ENG-1")
    session: str = delegated["sessionId"]
    return session


async def test_a_delegation_is_claimed_and_acknowledged(
    start: StartReplica, cluster: Cluster, linear: Linear, payloads: Payloads
) -> None:
    await cluster.apply(blueprint())
    replica = await start()
    session = await delegate(linear)

    status = await replica.send(payloads.created(session))

    assert status == 200
    run = await cluster.run()
    assert run["metadata"]["name"] == run_name(
        issue_hash(payloads.organization, payloads.issue["id"]), 1
    )
    assert run["spec"]["linear"].pop("sentTime")
    assert run["spec"]["linear"] == {
        "organizationId": payloads.organization,
        "issueId": payloads.issue["id"],
        "issueIdentifier": "ENG-1",
        "issueTitle": payloads.issue["title"],
        "issueUrl": payloads.issue["url"],
        "sessionId": session,
        "delegatorId": "jane",
        "delegatorEmail": "jane@example.com",
        "appUserId": "app-user",
    }
    assert (run["spec"]["inbox"], run["spec"]["desiredState"]) == ([], "Active")
    assert await said(linear, session) == [("thought", acknowledgements.FIRST)]


async def test_what_linear_itself_sends_is_taken_answered_and_shown(
    start: StartReplica, cluster: Cluster, linear: Linear
) -> None:
    await cluster.apply(blueprint())
    replica = await start()
    await linear.do("webhook", url=f"{replica.url}/webhooks/linear", secret=SECRET)

    session = await delegate(linear)
    words = await said(linear, session)
    await linear.do("reply", session=session, body="Add a test")
    await until(lambda: _inbox(cluster, 1), "the prompt is in the inbox")
    await linear.do("stop", session=session)
    await until(lambda: _inbox(cluster, 2), "the stop is in the inbox")

    assert words == [("thought", acknowledgements.FIRST)]
    assert (await linear.see(f"sessions/{session}"))["answeredInTime"]
    spec = (await cluster.run())["spec"]
    assert [entry["kind"] for entry in spec["inbox"]] == ["Prompt", "Stop"]
    assert spec["inbox"][0]["text"] == "Add a test"
    assert spec["desiredState"] == "Stopped"


async def _inbox(cluster: Cluster, length: int) -> bool:
    return len((await cluster.run())["spec"]["inbox"]) == length


async def test_two_hundred_copies_and_fifty_mentions_on_two_replicas_make_one_run(
    start: StartReplica, cluster: Cluster, linear: Linear, payloads: Payloads
) -> None:
    await cluster.apply(blueprint())
    replicas = [await start(), await start()]
    session = await delegate(linear)
    mentions = (await linear.do("mention", issue="ENG-1", body="hi", count=50))["sessionIds"]
    events = [payloads.created(session)] * 200 + [payloads.mentioned(one) for one in mentions]

    statuses = await asyncio.gather(
        *(replicas[number % 2].send(event) for number, event in enumerate(events))
    )

    assert set(statuses) == {200}
    spec = (await cluster.run())["spec"]
    known = [spec["linear"]["sessionId"], *(entry["sessionId"] for entry in spec["inbox"])]
    assert sorted(known) == sorted([session, *mentions])
    for one in known:
        words = await said(linear, one)
        assert [kind for kind, _ in words] == ["thought"]
    assert (await linear.words(known[0]))[0][1] == acknowledgements.FIRST
    assert "already at work" in (await linear.words(known[1]))[0][1]


async def test_a_prompt_is_appended_once_however_often_it_comes(
    start: StartReplica, cluster: Cluster, linear: Linear, payloads: Payloads
) -> None:
    await cluster.apply(blueprint())
    replica = await start()
    session = await delegate(linear)
    await replica.send(payloads.created(session))
    prompt = payloads.prompted(session, "activity-1", "Add a test")

    statuses = await asyncio.gather(*(replica.send(prompt) for _ in range(10)))

    assert set(statuses) == {200}
    (entry,) = (await cluster.run())["spec"]["inbox"]
    assert entry.pop("receivedTime")
    assert entry.pop("sentTime")
    assert entry == {
        "id": "activity-1",
        "kind": "Prompt",
        "sessionId": session,
        "from": "Jane Doe",
        "text": "Add a test",
    }


async def test_a_stop_is_remembered_in_one_write(
    start: StartReplica, cluster: Cluster, linear: Linear, payloads: Payloads
) -> None:
    await cluster.apply(blueprint())
    replica = await start()
    session = await delegate(linear)
    await replica.send(payloads.created(session))
    await cluster.set_status((await cluster.run())["metadata"]["name"], phase="Running")

    status = await replica.send(payloads.prompted(session, "activity-1", "Stop", "stop"))

    assert status == 200
    spec = (await cluster.run())["spec"]
    assert spec["desiredState"] == "Stopped"
    assert [(entry["kind"], entry["id"]) for entry in spec["inbox"]] == [("Stop", "activity-1")]


async def test_a_stop_before_its_run_is_kept_and_wins(
    start: StartReplica, cluster: Cluster, linear: Linear, payloads: Payloads
) -> None:
    await cluster.apply(blueprint())
    replica = await start()
    session = await delegate(linear)

    assert await replica.send(payloads.prompted(session, "activity-1", "Stop", "stop")) == 200
    assert await replica.send(payloads.created(session)) == 200

    spec = (await cluster.run())["spec"]
    assert spec["desiredState"] == "Stopped"
    assert "prompt" not in spec
    assert [(entry["kind"], entry["id"]) for entry in spec["inbox"]] == [("Stop", "activity-1")]


async def test_a_reply_after_the_end_begins_the_next_run(
    start: StartReplica, cluster: Cluster, linear: Linear, payloads: Payloads
) -> None:
    await cluster.apply(blueprint())
    replica = await start()
    session = await delegate(linear)
    await replica.send(payloads.created(session))
    first = (await cluster.run())["metadata"]["name"]
    await cluster.set_status(first, phase="Succeeded")
    reply = payloads.prompted(session, "activity-1", "And the tests?")

    statuses = [await replica.send(reply), await replica.send(reply)]

    assert statuses == [200, 200]
    second = next(run for run in await cluster.runs() if run["metadata"]["name"] != first)
    assert second["metadata"]["name"] == f"{first[:-1]}2"
    assert second["spec"]["linear"]["activityId"] == "activity-1"
    assert "And the tests?" in second["spec"]["prompt"]
    assert sorted(await said(linear, session, 2)) == sorted(
        [("thought", acknowledgements.FIRST), ("thought", acknowledgements.AGAIN)]
    )


async def test_a_stop_after_the_end_is_answered(
    start: StartReplica, cluster: Cluster, linear: Linear, payloads: Payloads
) -> None:
    await cluster.apply(blueprint())
    replica = await start()
    session = await delegate(linear)
    await replica.send(payloads.created(session))
    await cluster.set_status((await cluster.run())["metadata"]["name"], phase="Succeeded")
    await said(linear, session)

    status = await replica.send(payloads.prompted(session, "activity-1", "stop"))

    assert status == 200
    words = await said(linear, session, 2)
    assert words[-1][0] == "response"
    assert "nothing to stop" in words[-1][1]


async def test_a_prompt_while_the_run_ends_is_the_next_run_which_waits_for_the_end(
    start: StartReplica, cluster: Cluster, linear: Linear, payloads: Payloads
) -> None:
    await cluster.apply(blueprint())
    replica = await start()
    session = await delegate(linear)
    await replica.send(payloads.created(session))
    first = (await cluster.run())["metadata"]["name"]
    await replica.send(payloads.prompted(session, "activity-1", "stop"))

    status = await replica.send(payloads.prompted(session, "activity-2", "Go on"))

    assert status == 200
    (_, second) = await cluster.runs()
    assert second["metadata"]["annotations"]["deputy.dev/after"] == f"{cluster.namespace}/{first}"
    words = await said(linear, session, 2)
    assert f"({first}) is still ending" in words[-1][1]


async def test_a_prompt_after_the_end_was_recorded_begins_the_next_run(
    start: StartReplica, cluster: Cluster, linear: Linear, payloads: Payloads
) -> None:
    await cluster.apply(blueprint())
    replica = await start()
    session = await delegate(linear)
    await replica.send(payloads.created(session))
    first = (await cluster.run())["metadata"]["name"]
    await cluster.set_status(first, phase="Running", response="Done.")

    assert await replica.send(payloads.prompted(session, "activity-1", "Go on")) == 200

    runs = {run["metadata"]["name"]: run["spec"]["inbox"] for run in await cluster.runs()}
    assert runs == {first: [], f"{first[:-1]}2": []}


async def test_a_team_without_a_blueprint_is_told_why_nothing_happens(
    start: StartReplica, cluster: Cluster, linear: Linear, payloads: Payloads
) -> None:
    await cluster.apply(blueprint(team="OPS"))
    replica = await start()
    session = await delegate(linear)

    statuses = [await replica.send(payloads.created(session)) for _ in range(2)]

    assert statuses == [200, 200]
    assert await cluster.runs() == []
    ((kind, text),) = await said(linear, session)
    assert kind == "response"
    assert "spec.linear.team: ENG" in text


async def test_a_person_who_may_not_delegate_is_told(
    start: StartReplica, cluster: Cluster, linear: Linear, payloads: Payloads
) -> None:
    await cluster.apply(blueprint(allowDelegators=["sam@example.com"]))
    replica = await start()
    session = await delegate(linear)

    assert await replica.send(payloads.created(session)) == 200

    assert await cluster.runs() == []
    ((kind, text),) = await said(linear, session)
    assert (kind, text.split(":")[0]) == ("response", "Jane Doe may not delegate to me")


async def test_a_blueprint_that_was_just_applied_is_found(
    start: StartReplica, cluster: Cluster, linear: Linear, payloads: Payloads
) -> None:
    replica = await start()
    session = await delegate(linear)

    await cluster.apply(blueprint())
    status = await replica.send(payloads.created(session))

    assert status == 200
    assert len(await cluster.runs()) == 1


async def test_a_refusal_that_cannot_be_told_has_to_come_again(
    start: StartReplica, cluster: Cluster, linear: Linear, payloads: Payloads
) -> None:
    replica = await start()
    session = await delegate(linear)
    await linear.do("faults", requests=[{"kind": "status", "status": 503}])

    refused = await replica.send(payloads.created(session))
    await linear.do("reset")
    assert refused == 503
    assert await cluster.runs() == []


async def test_the_first_word_is_posted_although_linear_fails_at_first(
    start: StartReplica, cluster: Cluster, linear: Linear, payloads: Payloads
) -> None:
    await cluster.apply(blueprint())
    replica = await start()
    session = await delegate(linear)
    await linear.do("faults", requests=[{"kind": "lost", "status": 502, "requests": 2}])

    assert await replica.send(payloads.created(session)) == 200

    assert await said(linear, session) == [("thought", acknowledgements.FIRST)]


@pytest.mark.parametrize("what", ["undelegated", "canceled", "removed"])
async def test_an_issue_that_is_taken_away_stops_its_run(
    what: str, start: StartReplica, cluster: Cluster, linear: Linear, payloads: Payloads
) -> None:
    await cluster.apply(blueprint())
    replica = await start()
    session = await delegate(linear)
    await replica.send(payloads.created(session))
    data = {**payloads.issue, "state": {"id": "s", "name": "Canceled", "type": "canceled"}}
    event = {
        "type": "Issue",
        "action": "remove" if what == "removed" else "update",
        "organizationId": payloads.organization,
        "data": {**data, "delegateId": None, "delegate": None},
        "updatedFrom": {"delegateId": "app-user"} if what == "undelegated" else {"stateId": "x"},
    }

    statuses = [await replica.send(event) for _ in range(2)]

    assert statuses == [200, 200]
    spec = (await cluster.run())["spec"]
    assert spec["desiredState"] == "Stopped"
    assert [(one["kind"], one["text"]) for one in spec["inbox"]] == [
        ("Stop", f"The issue was {what}.")
    ]


async def test_while_the_api_server_is_away_everything_has_to_come_again(
    start: StartReplica, cluster: Cluster, linear: Linear, payloads: Payloads
) -> None:
    await cluster.apply(blueprint())
    session = await delegate(linear)
    async with Kube(Connection("http://127.0.0.1:9", None)) as nowhere:
        replica = await start(nowhere)

        status = await replica.send(payloads.created(session))

        assert status == 503
        assert (await replica.get("/readyz"))[0] == 503
        assert (await replica.get("/healthz"))[0] == 200
    assert await cluster.runs() == []


async def test_without_credentials_it_says_which_key_to_set(
    start: StartReplica, secret_folder: pathlib.Path, payloads: Payloads
) -> None:
    replica = await start()
    (secret_folder / "webhookSecret").unlink()

    assert await replica.send(payloads.created("session")) == 503
    status, text = await replica.get("/readyz")
    assert status == 503
    assert "`webhookSecret`" in text


async def test_a_session_on_no_issue_is_told_what_to_do(
    start: StartReplica, cluster: Cluster, linear: Linear, payloads: Payloads
) -> None:
    replica = await start()
    session = await delegate(linear)
    event = payloads.created(session)
    event["agentSession"]["issue"] = None

    assert await replica.send(event) == 200

    assert await cluster.runs() == []
    ((kind, text),) = await said(linear, session)
    assert (kind, text.split(",")[0]) == ("response", "I work on issues only")
