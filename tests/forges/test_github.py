"""The client of GitHub against a forge with real git; every exchange is held against GitHub's own
description."""

import asyncio
import logging

import httpx
import pytest
import tenacity

from deputy.forges import (
    AccessDenied,
    ForgeRefused,
    ForgeUnavailable,
    GitHub,
    NothingToMerge,
    NotVerified,
    PullRequest,
    PullRequestState,
    Repository,
    TokenRefused,
)
from tests.forges.simulated import BRANCH, TOKEN, Simulated, draft

#: A commit that nobody made.
SHA = "f" * 40


async def test_opening_makes_a_pull_request_of_the_branch(forge: Simulated) -> None:
    sha = await forge.push()

    opened = await forge.github.open(forge.repository, draft())

    url = f"{forge.url}/acme/demo/pull/1"
    assert opened.pull_request == PullRequest(1, url, sha, PullRequestState.OPEN)
    assert opened.complaints == ()
    assert await forge.github.verify(forge.repository, BRANCH, sha) == opened.pull_request
    assert [
        (pull["title"], pull["body"], pull["head"], pull["base"], pull["draft"])
        for pull in await forge.pulls()
    ] == [("ENG-1: Fix", "Fixes ENG-1", BRANCH, "main", False)]


async def test_opening_twice_leaves_one_pull_request(forge: Simulated) -> None:
    await forge.push()
    first = await forge.github.open(forge.repository, draft())

    second = await forge.github.open(forge.repository, draft())

    assert second.pull_request == first.pull_request

    assert len(await forge.pulls()) == 1


async def test_ten_at_once_open_one_pull_request(forge: Simulated) -> None:
    await forge.push()

    opened = await asyncio.gather(
        *(forge.github.open(forge.repository, draft()) for _ in range(10))
    )

    assert {one.pull_request.number for one in opened} == {1}
    assert len(await forge.pulls()) == 1


async def test_answer_that_is_lost_is_made_good_by_opening_again(forge: Simulated) -> None:
    await forge.push()
    await forge.tell("faults", {"method": "POST", "path": "/pulls", "late": True})

    with pytest.raises(ForgeUnavailable):
        await forge.github.open(forge.repository, draft(labels=("deputy",)))
    opened = await forge.github.open(forge.repository, draft(labels=("deputy",)))

    assert opened.pull_request.number == 1
    assert [(pull["number"], pull["labels"]) for pull in await forge.pulls()] == [(1, ["deputy"])]


async def test_pull_request_that_people_have_edited_is_left_as_it_is(forge: Simulated) -> None:
    await forge.push()
    await forge.github.open(forge.repository, draft(body="the first run"))

    await forge.github.open(forge.repository, draft(body="a follow-up", labels=("new",)))

    assert [(pull["body"], pull["labels"]) for pull in await forge.pulls()] == [
        ("the first run", [])
    ]


async def test_base_that_is_not_named_is_the_default_branch(forge: Simulated) -> None:
    await forge.push()

    await forge.github.open(forge.repository, draft(base=""))

    assert await forge.github.default_branch(forge.repository) == "main"
    assert [pull["base"] for pull in await forge.pulls()] == ["main"]


async def test_draft_labels_and_reviewers_are_as_wished(forge: Simulated) -> None:
    await forge.push()
    wish = draft(draft=True, labels=("deputy", "bug"), reviewers=("ada", "acme/grace"))

    await forge.github.open(forge.repository, wish)

    (pull,) = await forge.pulls()
    assert pull["draft"]
    assert pull["labels"] == ["deputy", "bug"]
    assert (pull["reviewers"], pull["teams"]) == (["ada"], ["grace"])


async def test_reviewer_whom_github_refuses_is_a_complaint_and_no_failure(
    forge: Simulated,
) -> None:
    await forge.push()

    opened = await forge.github.open(forge.repository, draft(reviewers=("stranger",)))

    assert len(await forge.pulls()) == 1
    (complaint,) = opened.complaints
    assert "Reviews may only be requested from collaborators" in complaint


async def test_branch_that_is_not_there_is_refused(forge: Simulated) -> None:
    with pytest.raises(ForgeRefused, match="head invalid"):
        await forge.github.open(forge.repository, draft())


async def test_wrong_base_names_the_setting(forge: Simulated) -> None:
    await forge.push()

    with pytest.raises(ForgeRefused, match=r"correct spec\.repository\.baseBranch"):
        await forge.github.open(forge.repository, draft(base="trunk"))


async def test_branch_without_a_commit_of_its_own_has_nothing_to_merge(forge: Simulated) -> None:
    with pytest.raises(NothingToMerge, match="No commits between main and main"):
        await forge.github.open(forge.repository, draft(head="main"))


async def test_wrong_token_is_refused_with_the_next_step(forge: Simulated) -> None:
    github = GitHub(forge.http, "no-such-token")

    with pytest.raises(TokenRefused, match=r"Bad credentials.*put a new one") as caught:
        await github.verify(forge.repository, BRANCH, SHA)

    assert "no-such-token" not in caught.value.message


async def test_token_without_the_right_is_told_which_rights_it_needs(forge: Simulated) -> None:
    await forge.push()
    await forge.tell("tokens", {"token": "reader", "pulls": False, "push": False})
    github = GitHub(forge.http, "reader")

    with pytest.raises(AccessDenied, match=r"not accessible.*`pull_requests: write`"):
        await github.open(forge.repository, draft())


async def test_repository_that_the_token_cannot_see_is_denied(forge: Simulated) -> None:
    await forge.tell("tokens", {"token": "elsewhere", "repositories": ["acme/other"]})
    github = GitHub(forge.http, "elsewhere")

    with pytest.raises(AccessDenied, match=r"correct spec\.repository\.url"):
        await github.default_branch(forge.repository)


async def test_question_outlives_three_failures(forge: Simulated) -> None:
    await forge.tell("faults", {"count": 3, "status": 502})

    assert await forge.github.default_branch(forge.repository) == "main"


async def test_forge_that_stays_broken_is_unavailable(forge: Simulated) -> None:
    await forge.tell("faults", {"count": 4, "status": 503})

    with pytest.raises(ForgeUnavailable, match="503; try again later"):
        await forge.github.default_branch(forge.repository)


async def test_creation_is_never_repeated_blindly(forge: Simulated) -> None:
    await forge.push()
    await forge.tell("faults", {"method": "POST", "status": 503})

    with pytest.raises(ForgeUnavailable):
        await forge.github.open(forge.repository, draft())

    assert await forge.asked() == [("GET", "/pulls"), ("POST", "/pulls")]


async def test_forge_that_nobody_answers_for_is_unavailable(forge: Simulated) -> None:
    nowhere = Repository("http://127.0.0.1:1/api/v3", "acme", "demo")

    with pytest.raises(ForgeUnavailable, match="was not answered"):
        await forge.github.verify(nowhere, BRANCH, SHA)


async def test_pull_request_of_the_pushed_commit_is_verified(forge: Simulated) -> None:
    sha = await forge.push()
    opened = await forge.github.open(forge.repository, draft())

    assert await forge.github.verify(forge.repository, BRANCH, sha) == opened.pull_request


async def test_merged_pull_request_is_verified_as_merged(forge: Simulated) -> None:
    sha = await forge.push()
    await forge.github.open(forge.repository, draft())
    await forge.tell("repos/acme/demo/pulls/1/merge")

    verified = await forge.github.verify(forge.repository, BRANCH, sha)

    assert verified.state is PullRequestState.MERGED


async def test_branch_without_a_pull_request_is_not_verified(forge: Simulated) -> None:
    sha = await forge.push()

    with pytest.raises(NotVerified, match=f"no pull request of branch {BRANCH}"):
        await forge.github.verify(forge.repository, BRANCH, sha)


async def test_commit_that_was_never_pushed_is_not_verified(forge: Simulated) -> None:
    seen = await forge.push()
    await forge.github.open(forge.repository, draft())

    with pytest.raises(NotVerified, match=f"pull/1 is at {seen}"):
        await forge.github.verify(forge.repository, BRANCH, SHA)


async def test_pull_request_of_another_branch_does_not_verify_this_one(forge: Simulated) -> None:
    sha = await forge.push("other")
    await forge.github.open(forge.repository, draft(head="other"))

    with pytest.raises(NotVerified):
        await forge.github.verify(forge.repository, BRANCH, sha)


async def test_token_is_in_no_error_and_in_no_log(
    forge: Simulated, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    errors: list[Exception] = []
    for fault in ({"status": 503, "count": 9}, {"status": 401}, {"status": 403}, {"status": 404}):
        await forge.tell("faults", fault)
        github = GitHub(forge.control, TOKEN, backoff=tenacity.wait_none())
        try:
            await github.verify(forge.repository, BRANCH, SHA)
        except Exception as error:  # noqa: BLE001  every kind is looked into
            errors.append(error)
        await forge.control.delete("/control/faults")

    assert len(errors) == 4
    assert TOKEN not in "".join(map(repr, errors)) + repr(vars(forge.github)["_http"])
    assert TOKEN not in caplog.text
    assert TOKEN not in (await forge.control.get("/control/requests")).text


@pytest.mark.parametrize(
    ("status", "headers", "retry_after"),
    [
        (429, {"retry-after": "7"}, 7.0),
        (403, {"retry-after": "60"}, 60.0),
        (403, {"x-ratelimit-remaining": "0"}, None),
        (503, {}, None),
        (503, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
    ],
)
async def test_rate_limit_is_a_reason_to_wait_not_a_refusal(
    status: int, headers: dict[str, str], retry_after: float | None
) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=headers, json={"message": "slow down"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        github = GitHub(http, TOKEN, backoff=tenacity.wait_none())
        with pytest.raises(ForgeUnavailable) as caught:
            await github.verify(Repository("https://api.github.com", "acme", "api"), BRANCH, SHA)

    assert caught.value.retry_after == retry_after


async def test_repository_that_has_moved_asks_for_its_new_address() -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(301, headers={"location": "https://api.github.com/repositories/1"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        github = GitHub(http, TOKEN)
        with pytest.raises(ForgeRefused, match=r"has moved; change spec\.repository\.url"):
            await github.verify(Repository("https://api.github.com", "acme", "api"), BRANCH, SHA)


async def test_answer_that_is_no_json_is_not_an_answer() -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text="<html>captive portal</html>")

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        github = GitHub(http, TOKEN, backoff=tenacity.wait_none())
        with pytest.raises(ForgeUnavailable, match="not answered with JSON"):
            await github.verify(Repository("https://api.github.com", "acme", "api"), BRANCH, SHA)
