from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import hmac
import json
import pathlib
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.simulator.linear.conftest import SECRET, Json, Linear, Receiver

if TYPE_CHECKING:
    from collections.abc import Callable

PAYLOADS = pathlib.Path(__file__).parents[2] / "data" / "linear" / "webhooks"

#: What brings about the webhook of each captured payload, and where to find it.
CAUSES: dict[str, tuple[list[tuple[str, Json]], str, str]] = {
    "agent_session_created_delegation": (
        [("delegate", {"issue": "ENG-1"})],
        "AgentSessionEvent",
        "created",
    ),
    "agent_session_created_automation": (
        [("delegate", {"issue": "ENG-1", "automation": True})],
        "AgentSessionEvent",
        "created",
    ),
    "agent_session_created_mention": (
        [
            ("comment", {"issue": "ENG-1", "body": "Earlier comment in this thread"}),
            ("mention", {"issue": "ENG-1", "parent": "<first comment>"}),
        ],
        "AgentSessionEvent",
        "created",
    ),
    "agent_session_prompted": (
        [
            ("delegate", {"issue": "ENG-1"}),
            ("reply", {"session": "<session>", "body": "Please also add logging"}),
        ],
        "AgentSessionEvent",
        "prompted",
    ),
    "agent_session_prompted_stop": (
        [("delegate", {"issue": "ENG-1"}), ("stop", {"session": "<session>"})],
        "AgentSessionEvent",
        "prompted",
    ),
    "app_user_notification_unassigned": (
        [("delegate", {"issue": "ENG-1"}), ("undelegate", {"issue": "ENG-1"})],
        "AppUserNotification",
        "issueUnassignedFromYou",
    ),
    "comment_create": (
        [("comment", {"issue": "ENG-1", "body": "/status"})],
        "Comment",
        "create",
    ),
    "issue_remove": (
        [("delegate", {"issue": "ENG-1"}), ("remove", {"issue": "ENG-1"})],
        "Issue",
        "remove",
    ),
    "issue_update_canceled_undelegated": (
        [("delegate", {"issue": "ENG-1"}), ("cancel", {"issue": "ENG-1"})],
        "Issue",
        "update",
    ),
    "oauth_app_revoked": ([("revoke-app", {})], "OAuthApp", "revoked"),
    "permission_change": (
        [("team-access", {"hide": ["OPS"]})],
        "PermissionChange",
        "teamAccessChanged",
    ),
}


async def bring_about(linear: Linear, causes: list[tuple[str, Json]]) -> None:
    found: dict[str, str] = {}
    for what, told in causes:
        made = await linear.do(what, **{k: found.get(str(v), v) for k, v in told.items()})
        found["<session>"] = made.get("sessionId") or found.get("<session>", "")
        found["<first comment>"] = made.get("id", "")


def fields(value: Any, path: str = "") -> set[str]:
    """Name every field of a payload, however deep."""
    if isinstance(value, dict):
        inner = (fields(v, f"{path}.{k}") | {f"{path}.{k}"} for k, v in value.items())
        return set().union(*inner)
    if isinstance(value, list) and value:
        return fields(value[0], f"{path}[]")
    return set()


@pytest.mark.parametrize("name", sorted(path.stem for path in PAYLOADS.glob("*.json")))
async def test_a_webhook_has_every_field_of_linears_own(
    telling: Linear, receiver: Receiver, name: str
) -> None:
    causes, kind, action = CAUSES[name]
    captured = json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))

    await bring_about(telling, causes)
    async with asyncio.timeout(10):
        while not (told := [b for b in receiver.bodies(kind) if b["action"] == action]):
            receiver.arrived.clear()
            await receiver.arrived.wait()

    # What was undelegated or removed before has fewer former values than the sample.
    missing = {f for f in fields(captured) - fields(told[-1]) if not f.startswith(".updatedFrom")}
    assert missing == set()


async def test_a_webhook_is_signed_over_its_exact_bytes(
    telling: Linear, receiver: Receiver
) -> None:
    await telling.do("comment", issue="ENG-1", body="Grüße, \u2028 <b>&amp;")
    await receiver.until(1, "Comment")

    headers, body = receiver.got[-1]
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    stamp = json.loads(body)["webhookTimestamp"]
    delivery = uuid.UUID(headers.pop("Linear-Delivery"))
    expected = {
        "Accept-Charset": "utf-8",
        "Content-Type": "application/json; charset=utf-8",
        "Linear-Event": "Comment",
        "Linear-Signature": signature,
        "Linear-Timestamp": str(stamp),
        "User-Agent": "Linear-Webhook",
    }
    assert {name: headers[name] for name in expected} == expected
    assert delivery.version == 4
    assert abs(stamp / 1000 - dt.datetime.now(dt.UTC).timestamp()) < 60


async def test_a_delegation_is_told_with_its_prompt_context(
    telling: Linear, receiver: Receiver
) -> None:
    session = await telling.delegated()

    [told] = await receiver.until(1)

    assert (told["agentSession"]["id"], told["agentSession"]["status"]) == (session, "pending")
    assert told["agentSession"]["sourceMetadata"] is None
    assert told["promptContext"].startswith('<issue identifier="ENG-1">\n<title>Fix accessibility')
    assert "<label>bug</label>" in told["promptContext"]
    assert [rule["body"] for rule in told["guidance"]] == ["Keep pull requests small, with a test."]


async def test_a_mention_is_told_with_the_persons_words(
    telling: Linear, receiver: Receiver
) -> None:
    await telling.do("mention", issue="ENG-1", body="@deputy please", user="sam")

    [told] = await receiver.until(1)

    assert told["agentSession"]["comment"]["body"] == "@deputy please"
    assert told["agentSession"]["sourceMetadata"] == {"type": "comment"}
    assert told["agentSession"]["creator"]["name"] == "Sam Field"


async def test_a_failed_delivery_is_repeated_after_a_minute_an_hour_and_six(
    telling: Linear, receiver: Receiver
) -> None:
    receiver.status = 500
    await telling.delegated()
    seen: list[int] = []

    for seconds in (60, 3600, 21600):
        await settled(telling, lambda d: d["state"] == "retrying", len(seen) + 1)
        seen.append(len(receiver.bodies()))
        await telling.do("clock", advance=seconds)
    await settled(telling, lambda d: d["state"] == "failed", 4)

    assert seen == [1, 2, 3]
    assert len(receiver.bodies()) == 4


async def settled(
    linear: Linear, good: Callable[[Json], bool], attempts: int, kind: str = "AgentSessionEvent"
) -> list[Json]:
    """Wait until every delivery is as it should be after so many attempts."""

    def look() -> list[Any]:
        return [d for d in linear.inside.sender.deliveries if d.event.type == kind]

    def done(seen: list[Any]) -> bool:
        return all(good({"state": d.state}) and len(d.attempts) == attempts for d in seen)

    async with asyncio.timeout(10):
        await linear.inside.changes.until(look, done, 10)
    told: list[Json] = await linear.see("deliveries", type=kind)
    return told


@pytest.mark.parametrize(("fresh", "ids"), [(False, 1), (True, 2)])
async def test_a_repeat_is_stamped_and_signed_anew_under_the_same_or_a_fresh_id(
    telling: Linear, receiver: Receiver, fresh: Any, ids: int
) -> None:
    await telling.do("faults", webhooks={"fresh_ids": fresh})
    receiver.status = 503
    await telling.delegated()
    await settled(telling, lambda d: d["state"] == "retrying", 1)
    receiver.status = 200
    await telling.do("clock", advance=60)
    await settled(telling, lambda d: d["state"] == "delivered", 2)

    first, second = [(h, b) for h, b in receiver.got if h["Linear-Event"] == "AgentSessionEvent"]
    assert len({headers["Linear-Delivery"] for headers, _ in (first, second)}) == ids
    assert json.loads(first[1])["webhookTimestamp"] <= json.loads(second[1])["webhookTimestamp"]
    assert (
        hmac.new(SECRET.encode(), second[1], hashlib.sha256).hexdigest()
        == second[0]["Linear-Signature"]
    )


@pytest.mark.parametrize("status", [201, 204, 302, 400, 401, 500])
async def test_only_200_counts_as_received(
    telling: Linear, receiver: Receiver, status: int
) -> None:
    receiver.status = status
    await telling.delegated()

    [told] = await settled(telling, lambda d: d["state"] == "retrying", 1)

    assert [attempt["status"] for attempt in told["attempts"]] == [status]


async def test_an_answer_that_is_late_counts_as_none(telling: Linear, receiver: Receiver) -> None:
    receiver.delay = 1.0
    await telling.delegated()

    [told] = await settled(telling, lambda d: d["state"] == "retrying", 1)

    assert [a["error"] for a in told["attempts"]] == ["no answer within 0.5 s"]


async def test_a_webhook_that_never_answers_is_disabled_until_it_is_enabled(
    telling: Linear, receiver: Receiver
) -> None:
    await telling.do("webhook", retryDelays=[], resourceTypes=["Comment"])
    receiver.status = 500
    for _ in range(20):
        await telling.do("comment", issue="ENG-1", body="x")
    await settled(telling, lambda d: d["state"] == "failed", 1, "Comment")

    disabled = await telling.see("webhook")
    receiver.status = 200
    await telling.do("webhook", enabled=True)
    await telling.do("comment", issue="ENG-1", body="y")
    await receiver.until(21, "Comment")

    assert disabled["enabled"] is False
    assert (await telling.see("webhook"))["enabled"] is True


async def test_dropped_events_never_arrive(telling: Linear, receiver: Receiver) -> None:
    await telling.do("faults", webhooks={"drop": 1, "types": ["AgentSessionEvent"]})
    first = await telling.delegated("ENG-1")
    second = await telling.delegated("ENG-2")

    [told] = await receiver.until(1)

    assert told["agentSession"]["id"] == second
    assert [d["sessionId"] for d in await telling.see("deliveries", state="dropped")] == [first]


@pytest.mark.parametrize(("fresh", "ids"), [(False, 1), (True, 3)])
async def test_copies_arrive_with_the_same_or_fresh_delivery_ids(
    telling: Linear, receiver: Receiver, fresh: Any, ids: int
) -> None:
    faults = {"copies": 3, "fresh_ids": fresh, "types": ["AgentSessionEvent"]}
    await telling.do("faults", webhooks=faults)
    await telling.delegated()

    told = await receiver.until(3)

    assert len({body["agentSession"]["id"] for body in told}) == 1
    kept = [h for h, _ in receiver.got if h["Linear-Event"] == "AgentSessionEvent"]
    assert len({headers["Linear-Delivery"] for headers in kept}) == ids


async def test_reordered_events_arrive_last_first(telling: Linear, receiver: Receiver) -> None:
    await telling.do("faults", webhooks={"reorder": 2, "types": ["AgentSessionEvent"]})
    session = await telling.delegated()
    await telling.do("reply", session=session, body="and quickly")

    told = await receiver.until(2)

    assert [body["action"] for body in told] == ["prompted", "created"]


async def test_a_delayed_event_waits_for_its_time(telling: Linear, receiver: Receiver) -> None:
    await telling.do("faults", webhooks={"delay": 3600, "types": ["AgentSessionEvent"]})
    await telling.delegated()
    await receiver.until(1, "Comment")
    before = len(receiver.bodies())
    await telling.do("clock", advance=3600)

    await receiver.until(1)

    assert before == 0


async def test_a_delivery_is_repeated_on_request(telling: Linear, receiver: Receiver) -> None:
    await telling.delegated()
    await receiver.until(1)
    [known] = await telling.see("deliveries", type="AgentSessionEvent")

    await telling.do("redeliver", delivery=known["id"])

    first, second = await receiver.until(2)
    assert first["agentSession"] == second["agentSession"]


async def test_a_storm_is_one_delegation_in_copies_and_many_mentions(
    telling: Linear, receiver: Receiver
) -> None:
    made = await telling.do("storm", issue="ENG-1", copies=20, mentions=5)

    told = await receiver.until(25)

    assert len(set(made["sessionIds"])) == 6
    copies = [b for b in told if b["agentSession"]["id"] == made["sessionId"]]
    assert len(copies) == 20


async def test_an_application_hears_of_its_own_writes(telling: Linear, receiver: Receiver) -> None:
    query = """mutation { commentCreate(input: {issueId: "ENG-1", body: "done"}) { success } }"""
    await telling.ask(query)

    [told] = await receiver.until(1, "Comment")

    assert told["actor"]["name"] == "deputy"


async def test_a_change_tells_the_former_values(telling: Linear, receiver: Receiver) -> None:
    before = await telling.see("issues/ENG-1")
    await telling.do("cancel", issue="ENG-1")

    [told] = await receiver.until(1, "Issue")

    assert told["data"]["state"]["name"] == "Canceled"
    assert told["updatedFrom"] == {
        "stateId": before["state"]["id"],
        "canceledAt": None,
        "updatedAt": before["updatedAt"],
    }
