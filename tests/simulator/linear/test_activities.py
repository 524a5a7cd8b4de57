from __future__ import annotations

import uuid
from typing import Any

import pytest

from deputy_simulator.linear.simulator import OTHER_APP_TOKEN
from tests.simulator.linear.conftest import SAY, Linear


def batch(count: int) -> str:
    variables = ", ".join(f"$i{n}: AgentActivityCreateInput!" for n in range(count))
    fields = " ".join(
        f"a{n}: agentActivityCreate(input: $i{n}) {{ success }}" for n in range(count)
    )
    return f"mutation({variables}) {{ {fields} }}"


def thought(session: str, body: str, activity: str | None = None) -> dict[str, Any]:
    told = {"agentSessionId": session, "content": {"type": "thought", "body": body}}
    return told | ({"id": activity} if activity else {})


async def test_several_mutations_in_one_document_are_carried_out_in_order(linear: Linear) -> None:
    session = await linear.delegated()
    inputs: dict[str, Any] = {f"i{n}": thought(session, str(n)) for n in range(3)}
    told = await linear.ask(batch(3), **inputs)

    seen = await linear.see(f"sessions/{session}")
    assert told == {"data": {f"a{n}": {"success": True} for n in range(3)}}
    assert [a["content"]["body"] for a in seen["activities"]] == ["0", "1", "2"]


async def test_what_precedes_a_failing_mutation_has_been_done_and_what_follows_has_not(
    linear: Linear,
) -> None:
    session = await linear.delegated()
    told = await linear.ask(
        batch(3), i0=thought(session, "0"), i1=thought("missing", "1"), i2=thought(session, "2")
    )

    seen = await linear.see(f"sessions/{session}")
    assert told["data"] is None
    assert [error["path"] for error in told["errors"]] == [["a1"]]
    assert [a["content"]["body"] for a in seen["activities"]] == ["0"]


async def test_an_activity_repeated_under_its_id_is_refused_and_not_doubled(linear: Linear) -> None:
    session, activity = await linear.delegated(), str(uuid.uuid4())
    await linear.ask(SAY, input=thought(session, "x", activity))

    told = await linear.ask(SAY, input=thought(session, "x", activity))

    seen = await linear.see(f"sessions/{session}")
    assert told["data"] is None
    assert told["errors"][0]["message"] == "conflict on insert of AgentActivity"
    assert told["errors"][0]["extensions"] == {
        "type": "invalid input",
        "code": "INPUT_ERROR",
        "statusCode": 400,
        "userError": True,
        "userPresentableMessage": f"Entity AgentActivity with id {activity} already exists.",
    }
    assert len(seen["activities"]) == 1


async def test_an_id_that_is_no_uuid_of_version_4_is_refused(linear: Linear) -> None:
    session = await linear.delegated()

    told = await linear.ask(SAY, input=thought(session, "x", str(uuid.uuid1())))

    assert told["errors"][0]["extensions"]["code"] == "INVALID_INPUT"


async def test_a_missing_session_is_told_as_linear_does(linear: Linear) -> None:
    told = await linear.ask(SAY, input=thought("missing", "x"))

    assert told["errors"][0]["message"] == "Entity not found: AgentSession"
    assert told["errors"][0]["path"] == ["agentActivityCreate"]


async def test_a_session_is_only_for_the_application_that_owns_it(linear: Linear) -> None:
    session = await linear.delegated()

    told = await linear.ask(SAY, token=OTHER_APP_TOKEN, input=thought(session, "x"))

    assert told["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_an_ephemeral_activity_vanishes_when_something_follows(linear: Linear) -> None:
    session = await linear.delegated()
    await linear.say(session, {"type": "thought", "body": "reading"}, ephemeral=True)
    before = await linear.see(f"sessions/{session}")
    await linear.say(session, {"type": "thought", "body": "read"})
    after = await linear.see(f"sessions/{session}")

    assert [a["content"]["body"] for a in before["activities"]] == ["reading"]
    assert [a["content"]["body"] for a in after["activities"]] == ["read"]
    assert [a["content"]["body"] for a in after["history"]] == ["reading", "read"]


@pytest.mark.parametrize("kind", ["response", "elicitation", "error"])
async def test_words_to_the_person_become_a_comment_in_the_thread(
    linear: Linear, kind: str
) -> None:
    session = await linear.delegated()
    await linear.say(session, {"type": kind, "body": "said"})

    seen = await linear.see("issues/ENG-1")
    root, said = seen["comments"]
    assert root["body"] == "This thread is for an agent session with deputy."
    assert (said["body"], said["parentId"], said["user"]["name"]) == ("said", root["id"], "deputy")


@pytest.mark.parametrize(
    ("content", "status", "ended"),
    [
        ({"type": "thought", "body": "x"}, "active", False),
        ({"type": "elicitation", "body": "x"}, "awaitingInput", False),
        ({"type": "response", "body": "x"}, "complete", True),
        ({"type": "error", "body": "x"}, "error", True),
    ],
)
async def test_a_session_stands_where_its_last_activity_put_it(
    linear: Linear, content: dict[str, str], status: str, ended: Any
) -> None:
    session = await linear.delegated()
    await linear.say(session, content)

    seen = await linear.see(f"sessions/{session}")
    assert (seen["status"], seen["endedAt"] is not None) == (status, ended)
