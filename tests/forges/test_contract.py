"""The judge itself: it knows a good exchange, and it catches a bad one in either direction."""

import dataclasses

import pytest

from tests.forges.contract import Exchange, complaints
from tests.forges.simulated import Simulated, draft


@pytest.fixture
async def opened(forge: Simulated) -> Exchange:
    await forge.push()
    await forge.github.open(forge.repository, draft())
    return next(seen for seen in forge.checked.exchanges if seen.method == "POST")


async def test_exchange_of_the_client_and_the_simulator_is_flawless(opened: Exchange) -> None:
    assert complaints(opened) == []


async def test_request_without_its_head_is_caught(opened: Exchange) -> None:
    sent = {name: value for name, value in opened.sent.items() if name != "head"}

    assert complaints(dataclasses.replace(opened, sent=sent)) == [
        "request: : 'head' is a required property"
    ]


async def test_request_with_a_field_that_github_does_not_know_is_caught(opened: Exchange) -> None:
    sent = opened.sent | {"reviewer": "ada"}

    assert complaints(dataclasses.replace(opened, sent=sent)) == [
        "the request has no field reviewer"
    ]


async def test_request_without_a_body_is_caught(opened: Exchange) -> None:
    assert complaints(dataclasses.replace(opened, sent=None)) == ["the body is missing"]


async def test_query_parameter_of_our_own_is_caught(opened: Exchange) -> None:
    exchange = dataclasses.replace(opened, query={"limit": "5"})

    assert complaints(exchange) == ["there is no query parameter limit"]


async def test_answer_without_a_required_field_is_caught(opened: Exchange) -> None:
    received = {name: value for name, value in opened.received.items() if name != "html_url"}

    assert complaints(dataclasses.replace(opened, received=received)) == [
        "answer 201: : 'html_url' is a required property"
    ]


async def test_answer_with_a_field_of_the_wrong_kind_is_caught_however_deep(
    opened: Exchange,
) -> None:
    head = opened.received["head"] | {"sha": None}

    assert complaints(dataclasses.replace(opened, received=opened.received | {"head": head})) == [
        "answer 201: head.sha: None is not of type 'string'"
    ]


async def test_address_and_moment_that_are_none_are_caught(opened: Exchange) -> None:
    received = opened.received | {"url": "nowhere", "created_at": "yesterday"}

    against = complaints(dataclasses.replace(opened, received=received))

    assert sorted(against) == [
        "answer 201: created_at: 'yesterday' is not a 'date-time'",
        "answer 201: url: 'nowhere' is not a 'uri'",
    ]


async def test_null_is_taken_where_github_says_nullable(opened: Exchange) -> None:
    received = opened.received | {"body": None, "mergeable": None}

    assert complaints(dataclasses.replace(opened, received=received)) == []


async def test_status_that_github_does_not_answer_is_caught(opened: Exchange) -> None:
    assert complaints(dataclasses.replace(opened, status=202)) == ["GitHub does not answer 202"]


async def test_call_that_github_does_not_describe_is_caught(opened: Exchange) -> None:
    path = "/repos/acme/demo/merge-requests"

    assert complaints(dataclasses.replace(opened, path=path)) == [
        f"GitHub describes no POST {path}"
    ]
