"""Pull requests: what GitHub does with a wish, and how it refuses one."""

from typing import Any

import pytest

from tests.forges.contract import Exchange, complaints
from tests.simulator.forge.conftest import Serve
from tests.simulator.forge.served import API, Served

WISH: dict[str, Any] = {"title": "Change", "head": "topic", "base": "main"}


@pytest.fixture
async def pushed(forge: Served) -> Served:
    await forge.commit("topic", note="one\ntwo\n")
    await forge.push("topic")
    return forge


def judge(method: str, path: str, sent: Any, status: int, received: Any) -> list[str]:
    return complaints(Exchange(method, path.removeprefix("/api/v3"), {}, sent, status, received))


async def test_pull_request_tells_what_it_changes(pushed: Served) -> None:
    sha = (await pushed.seen("/control/repos/acme/demo"))["branches"]["topic"]

    pull = await pushed.open("topic", draft=True)

    facts = ("number", "state", "draft", "commits", "changed_files", "additions", "deletions")
    assert {name: pull[name] for name in facts} == {
        "number": 1,
        "state": "open",
        "draft": True,
        "commits": 1,
        "changed_files": 1,
        "additions": 2,
        "deletions": 0,
    }
    assert (pull["head"]["label"], pull["head"]["sha"]) == ("acme:topic", sha)
    assert pull["html_url"] == f"{pushed.url}/acme/demo/pull/1"
    assert pull["user"]["login"] == "deputy[bot]"


async def test_every_answer_is_as_github_describes_it(pushed: Served) -> None:
    asked: list[tuple[str, str, Any]] = [
        ("POST", f"{API}/pulls", WISH),
        ("POST", f"{API}/pulls", WISH),
        ("GET", f"{API}/pulls", None),
        ("GET", f"{API}/pulls/1", None),
        ("PATCH", f"{API}/pulls/1", {"title": "Better"}),
        ("POST", f"{API}/issues/1/labels", {"labels": ["bug"]}),
        ("POST", f"{API}/pulls/1/requested_reviewers", {"reviewers": ["ada"]}),
        ("GET", API, None),
        ("GET", f"{API}/git/ref/heads/topic", None),
        ("GET", f"{API}/git/ref/heads/nowhere", None),
        ("GET", f"{API}/pulls/77", None),
    ]
    found: list[str] = []
    statuses = []
    for method, path, sent in asked:
        status, received = await pushed.ask(method, path, sent)
        statuses.append(status)
        found += judge(method, path, sent, status, received)

    assert found == []
    assert statuses == [201, 422, 200, 200, 200, 200, 201, 200, 200, 404, 404]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"head": "nowhere"}, {"resource": "PullRequest", "field": "head", "code": "invalid"}),
        ({"base": "nowhere"}, {"resource": "PullRequest", "field": "base", "code": "invalid"}),
        ({"head": "main"}, "No commits between main and main"),
        ({"title": " "}, {"resource": "PullRequest", "field": "title", "code": "missing_field"}),
        ({"title": "x" * 257}, "title is too long (maximum is 256 characters)"),
        ({"body": "x" * 65_537}, "body is too long (maximum is 65536 characters)"),
    ],
)
async def test_wish_that_does_not_fit_fails_validation(
    pushed: Served, change: dict[str, Any], says: Any
) -> None:
    status, refusal = await pushed.ask("POST", f"{API}/pulls", WISH | change)

    if isinstance(says, str):
        says = {"resource": "PullRequest", "code": "custom", "message": says}
    assert (status, refusal["message"]) == (422, "Validation Failed")
    assert refusal["errors"] == [says]


async def test_second_pull_request_of_a_branch_is_refused_until_the_first_is_closed(
    pushed: Served,
) -> None:
    await pushed.open("topic")

    status, refusal = await pushed.ask("POST", f"{API}/pulls", WISH)
    await pushed.ask("PATCH", f"{API}/pulls/1", {"state": "closed"})
    again = await pushed.open("topic")

    assert status == 422
    assert refusal["errors"][0]["message"] == "A pull request already exists for acme:topic."
    assert again["number"] == 2


@pytest.mark.parametrize("missing", ["head", "base"])
async def test_wish_without_its_ends_is_invalid(pushed: Served, missing: str) -> None:
    wish = {name: value for name, value in WISH.items() if name != missing}

    status, refusal = await pushed.ask("POST", f"{API}/pulls", wish)

    assert status == 422
    assert refusal["message"] == f'Invalid request.\n\n"{missing}" wasn\'t supplied.'


async def test_body_that_is_no_json_is_told_so(forge: Served) -> None:
    headers = {"Authorization": "Bearer t0ken-that-nobody-may-see"}
    async with forge.http.post(f"{API}/pulls", data=b"{", headers=headers) as answer:
        assert (answer.status, (await answer.json())["message"]) == (400, "Problems parsing JSON")


async def test_list_is_filtered_and_newest_first(pushed: Served) -> None:
    for branch in ("second", "third"):
        await pushed.commit(branch, other=branch)
        await pushed.push(branch)
    for branch in ("topic", "second", "third"):
        await pushed.open(branch)
    await pushed.ask("PATCH", f"{API}/pulls/2", {"state": "closed"})

    async def numbers(query: str) -> list[int]:
        _, found = await pushed.ask("GET", f"{API}/pulls{query}")
        return [pull["number"] for pull in found]

    assert await numbers("") == [3, 1]
    assert await numbers("?state=all") == [3, 2, 1]
    assert await numbers("?state=closed") == [2]
    assert await numbers("?head=acme:topic") == [1]
    assert await numbers("?head=somebody:topic") == []
    assert await numbers("?state=all&per_page=2&page=2") == [1]
    assert await numbers("?base=other") == []


async def test_pull_request_follows_its_branch(pushed: Served) -> None:
    await pushed.open("topic")
    sha = await pushed.commit("topic", note="more")
    await pushed.push("topic")

    _, pull = await pushed.ask("GET", f"{API}/pulls/1")

    assert (pull["head"]["sha"], pull["commits"]) == (sha, 2)


async def test_pull_request_without_its_branch_is_closed(pushed: Served) -> None:
    await pushed.open("topic")
    await pushed.push(":topic")

    _, pull = await pushed.ask("GET", f"{API}/pulls/1")

    assert pull["state"] == "closed"


async def test_merge_moves_the_base(pushed: Served) -> None:
    await pushed.open("topic")
    await pushed.control("repos/acme/demo/pulls/1/merge")

    _, pull = await pushed.ask("GET", f"{API}/pulls/1")
    branches = (await pushed.seen("/control/repos/acme/demo"))["branches"]
    async with pushed.http.get("/control/repos/acme/demo/file?path=note") as file:
        text = await file.text()

    assert (pull["state"], pull["merged"]) == ("closed", True)
    assert pull["merge_commit_sha"] == branches["main"]
    assert text == "one\ntwo\n"


async def test_labels_add_up_and_strangers_do_not_review(pushed: Served) -> None:
    await pushed.open("topic")
    reviewers = f"{API}/pulls/1/requested_reviewers"

    await pushed.ask("POST", f"{API}/issues/1/labels", {"labels": ["bug"]})
    _, labels = await pushed.ask("POST", f"{API}/issues/1/labels", {"labels": ["bug", "small"]})
    stranger, refusal = await pushed.ask("POST", reviewers, {"reviewers": ["eve"]})
    author, _ = await pushed.ask("POST", reviewers, {"reviewers": ["deputy[bot]"]})

    assert [label["name"] for label in labels] == ["bug", "small"]
    assert (stranger, author) == (422, 422)
    assert refusal["message"].startswith("Reviews may only be requested from collaborators.")


async def test_who_may_ask_for_what(serve: Serve) -> None:
    async with serve(private=True) as served:
        await served.control("tokens", {"token": "reader", "pulls": False})
        await served.control("tokens", {"token": "elsewhere", "repositories": ["acme/other"]})

        async def told(method: str, token: str) -> tuple[int, str]:
            status, answer = await served.ask(method, f"{API}/pulls", WISH, token)
            return status, answer["message"] if isinstance(answer, dict) else ""

        assert await told("GET", "wrong") == (401, "Bad credentials")
        assert await told("GET", "") == (404, "Not Found")
        assert await told("POST", "") == (401, "Requires authentication")
        assert await told("GET", "elsewhere") == (404, "Not Found")
        assert await told("GET", "reader") == (200, "")
        assert await told("POST", "reader") == (
            403,
            "Resource not accessible by personal access token",
        )
