"""Every kind of webhook, read into a whole event."""

import datetime as dt
import json
import pathlib
from typing import Any

import pytest

from deputy.trackers.events import (
    AppRevoked,
    Ignored,
    IssueChanged,
    SessionCreated,
    SessionElsewhere,
    SessionPrompted,
    TeamAccessChanged,
    TrackerEvent,
    Unassigned,
)
from deputy.trackers.linear import payloads
from deputy.trackers.linear.errors import MalformedDelivery
from deputy.trackers.models import Issue, Person, Team

PAYLOADS = pathlib.Path(__file__).parents[2] / "data/linear/webhooks"

ORGANIZATION = "bc6842cc-8fb8-4380-ab5a-a0733a6f4601"
APP_USER = "48a91e15-a5e1-4c91-b105-30ee7bb22878"
SESSION = "4d23d4ad-b4bb-4ef1-853f-c9c03439d37d"
ANCHOR = "34f7a7e0-b3dc-4c88-9383-07cbf06b186f"
ISSUE = "a1b2c3d4-0000-4000-8000-000000000001"
TEAM = Team("a1b2c3d4-0000-4000-8000-0000000000aa", "ENG", "Engineering")
JANE = Person("a1b2c3d4-0000-4000-8000-0000000000ff", "Jane Doe", "jane@example.com")
URL = "https://linear.app/acme/issue/ENG-123/fix-accessibility-on-checkout-page"
TITLE = "Fix accessibility on checkout page"
REF = Issue(ISSUE, "ENG-123", TITLE, URL, TEAM, "Make it screen-reader friendly")
SENT = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)
GUIDANCE = ("Always follow coding standards", "Prefer small PRs")


def body(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_bytes())
    return payload


def created(name: str, delegator: Person | None, *, text: str = "") -> SessionCreated:
    return SessionCreated(
        organization_id=ORGANIZATION,
        app_user_id=APP_USER,
        session_id=SESSION,
        issue=REF,
        delegator=delegator,
        prompt_context=body(name)["promptContext"],
        text=text,
        guidance=GUIDANCE,
        sent=SENT,
    )


def prompted(text: str, *, is_stop: bool) -> SessionPrompted:
    activity = "a1b2c3d4-0000-4000-8000-00000000a001"
    return SessionPrompted(
        ORGANIZATION, APP_USER, SESSION, REF, activity, JANE, text, is_stop=is_stop, sent=SENT
    )


def changed(undelegated_from: str | None, *, canceled: bool, removed: bool) -> IssueChanged:
    return IssueChanged(ORGANIZATION, ISSUE, undelegated_from, canceled, removed, JANE, SENT, TEAM)


EXPECTED: dict[str, TrackerEvent] = {
    "agent_session_created_automation": created("agent_session_created_automation", None),
    "agent_session_created_delegation": created("agent_session_created_delegation", JANE),
    "agent_session_created_mention": created(
        "agent_session_created_mention", JANE, text="@botcoder Please implement this"
    ),
    "agent_session_prompted": prompted("Please also add logging", is_stop=False),
    "agent_session_prompted_stop": prompted("Stop", is_stop=True),
    "app_user_notification_unassigned": Unassigned(ORGANIZATION, APP_USER, ISSUE, JANE, REF, SENT),
    "comment_create": Ignored("Comment/create"),
    "issue_remove": changed(None, canceled=False, removed=True),
    "issue_update_canceled_undelegated": changed(APP_USER, canceled=True, removed=False),
    "oauth_app_revoked": AppRevoked(ORGANIZATION, SENT),
    "permission_change": TeamAccessChanged(ORGANIZATION),
}


def event_of(payload: dict[str, Any]) -> TrackerEvent:
    return payloads.event_of(payload)


def test_every_recorded_payload_has_an_expected_event() -> None:
    assert {path.stem for path in PAYLOADS.glob("*.json")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_payload_is_read_whole(name: str) -> None:
    assert event_of(body(name)) == EXPECTED[name]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_fields_that_linear_adds_later_change_nothing(name: str) -> None:
    payload = body(name)
    for place in (payload, *(value for value in payload.values() if isinstance(value, dict))):
        place["fieldOfTomorrow"] = {"deep": [1, None]}

    assert event_of(payload) == EXPECTED[name]


def test_a_stop_is_told_by_its_signal_whatever_it_says() -> None:
    payload = body("agent_session_prompted_stop")
    payload["agentActivity"]["content"]["body"] = "Arrêter"

    assert event_of(payload) == prompted("Arrêter", is_stop=True)


def test_plain_stop_is_a_stop_without_a_signal() -> None:
    payload = body("agent_session_prompted")
    payload["agentActivity"]["content"]["body"] = "/stop"

    assert event_of(payload) == prompted("/stop", is_stop=True)


def test_a_mention_is_told_by_its_comment_where_the_source_is_left_out() -> None:
    payload = body("agent_session_created_mention")
    del payload["agentSession"]["sourceMetadata"]

    assert event_of(payload) == EXPECTED["agent_session_created_mention"]


def test_a_mention_in_a_reply_says_what_the_reply_says() -> None:
    payload = body("agent_session_created_mention")
    reply = {"id": "c5", "body": "@botcoder and the footer", "userId": JANE.id}
    payload["previousComments"].append(reply)
    payload["agentSession"]["sourceCommentId"] = "c5"

    event = event_of(payload)

    assert isinstance(event, SessionCreated)
    assert event.text == "@botcoder and the footer"


def test_a_mention_whose_comment_is_not_sent_is_read_from_the_thread() -> None:
    payload = body("agent_session_created_mention")
    payload["agentSession"]["sourceCommentId"] = "elsewhere"

    event = event_of(payload)

    assert isinstance(event, SessionCreated)
    assert event.text == "@botcoder Please implement this"


@pytest.mark.parametrize("context", ["", "<primary-directive-thread>", "</comment>" * 2])
def test_a_mention_that_stands_nowhere_has_no_words(context: str) -> None:
    payload = body("agent_session_created_mention") | {"promptContext": context}
    payload["agentSession"]["sourceCommentId"] = "elsewhere"

    event = event_of(payload)

    assert isinstance(event, SessionCreated)
    assert event.text == ""


def test_half_a_character_at_the_end_of_a_cut_text_makes_no_event_unreadable() -> None:
    payload = body("agent_session_created_delegation") | {"promptContext": "cut \ud83d"}

    event = event_of(payload)

    assert isinstance(event, SessionCreated)
    assert event.prompt_context == "cut ?"


@pytest.mark.parametrize("name", ["created_mention", "created_delegation"])
def test_a_session_on_something_that_is_no_issue_is_an_event_of_its_own(name: str) -> None:
    payload = body(f"agent_session_{name}")
    payload["agentSession"] |= {"issue": None, "issueId": None}

    assert event_of(payload) == SessionElsewhere(SESSION)


def test_a_prompt_on_something_that_is_no_issue_has_no_issue() -> None:
    payload = body("agent_session_prompted")
    del payload["agentSession"]["issue"]

    event = event_of(payload)

    assert isinstance(event, SessionPrompted)
    assert event.issue is None


@pytest.mark.parametrize("field", ["trashed", "archivedAt"])
def test_an_issue_that_was_archived_or_binned_is_removed(field: str) -> None:
    payload = body("issue_update_canceled_undelegated")
    payload["updatedFrom"] = {field: None}
    payload["data"][field] = "2026-11-20T09:00:00.000Z"

    assert event_of(payload) == changed(None, canceled=False, removed=True)


def test_an_issue_that_was_canceled_long_ago_is_not_canceled_again() -> None:
    payload = body("issue_update_canceled_undelegated")
    payload["updatedFrom"] = {"title": "before"}

    assert event_of(payload) == Ignored("Issue/update")


def test_an_issue_that_became_a_duplicate_is_canceled() -> None:
    payload = body("issue_update_canceled_undelegated")
    payload["updatedFrom"] = {"stateId": "x"}
    payload["data"]["state"]["type"] = "duplicate"

    assert event_of(payload) == changed(None, canceled=True, removed=False)


@pytest.mark.parametrize(
    ("kind", "action"), [("Reaction", "create"), ("AgentSessionEvent", "dismissed"),
                         ("AppUserNotification", "issueAssignedToYou"), ("Comment", "update")],
)  # fmt: skip
def test_what_we_need_not_know_is_ignored_by_name(kind: str, action: str) -> None:
    assert event_of({"type": kind, "action": action}) == Ignored(f"{kind}/{action}")


@pytest.mark.parametrize(
    ("name", "place", "field"),
    [
        ("agent_session_created_delegation", (), "organizationId"),
        ("agent_session_created_delegation", (), "agentSession"),
        ("agent_session_created_delegation", ("agentSession",), "id"),
        ("agent_session_created_delegation", ("agentSession", "issue"), "team"),
        ("agent_session_prompted", (), "agentActivity"),
        ("agent_session_prompted", ("agentActivity",), "content"),
        ("issue_remove", (), "data"),
        ("app_user_notification_unassigned", ("notification",), "issueId"),
        ("oauth_app_revoked", (), "action"),
    ],
)
def test_a_missing_promise_is_named(name: str, place: tuple[str, ...], field: str) -> None:
    payload = body(name)
    inner = payload
    for key in place:
        inner = inner[key]
    del inner[field]

    with pytest.raises(MalformedDelivery, match=field):
        event_of(payload)


@pytest.mark.parametrize("told", [None, "soon", "2026-11-20T09:00:00", 7])
def test_what_does_not_say_when_it_happened_happened_when_it_was_delivered(told: object) -> None:
    payload = body("agent_session_prompted") | {"createdAt": told}

    event = event_of(payload)

    assert isinstance(event, SessionPrompted)
    assert event.sent == SENT + dt.timedelta(milliseconds=123)
