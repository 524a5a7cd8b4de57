"""The main job: somebody delegates an issue, and a verified pull request comes of it."""

import datetime as dt
from typing import Any

import pytest

from deputy.core.acknowledgements import FIRST
from deputy.core.plan import ANALYSE, DELIVER, SET_UP, WORK
from tests.cluster.blueprints import scripted, shell
from tests.cluster.conftest import Place
from tests.cluster.runs import conditions_of
from tests.conftest import Kubectl

pytestmark = pytest.mark.cluster

SCRIPT = """\
think Looking at the readme
read README.md
say I know what to do.
run echo hello from the agent
file hello.txt Hello
run git add hello.txt && git commit -qm 'Say hello'
say Hello is said.
"""

#: Every plan that the session is given: in each, so many steps are done and the next is going on.
PLANS = [
    [
        (name, "completed" if at < done else "inProgress" if at == done else "pending")
        for at, name in enumerate((ANALYSE, SET_UP, WORK, DELIVER))
    ]
    for done in (1, 2, 3, 4)
]


async def test_a_delegated_issue_becomes_a_pull_request(place: Place) -> None:
    await place.blueprint(scripted(), repository=True)
    issue = await place.issue(SCRIPT)

    session = await place.linear.until_over(await place.linear.delegate(issue))

    seen = await place.linear.issue(issue)
    run = await place.objects.run_of(seen)
    repository = await place.forge.repository(place.repository)
    (pull_request,) = repository["pulls"]
    branch, url = run["status"]["branch"], run["status"]["pullRequest"]["url"]
    assert branch == f"deputy/{seen['identifier'].lower()}"
    assert (pull_request["head"], pull_request["base"]) == (branch, "main")
    assert pull_request["head_sha"] == repository["branches"][branch]
    assert await place.forge.file(place.repository, "hello.txt", branch) == "Hello\n"
    assert session.status == "complete"
    assert session.told() == [
        ("thought", FIRST),
        ("action", "Looked at 1 file"),
        ("thought", "I know what to do."),
        ("action", "Ran echo hello from the agent"),
        ("action", "Edited hello.txt"),
        ("action", "Ran git add hello.txt && git commit -qm 'Say hello'"),
        ("response", f"Hello is said.\n\nPull request: {url}"),
    ]
    assert session.links == [("Pull request", url)]
    assert await place.linear.plans(session.id) == PLANS


async def test_the_issue_is_taken_in_progress_and_handed_over_for_review(place: Place) -> None:
    await place.blueprint(scripted(), repository=True)
    issue = await place.issue("sleep 600")
    session = await place.linear.delegate(issue)

    name = (await place.objects.run_of_soon(await place.linear.issue(issue)))["metadata"]["name"]
    await place.objects.run_until(name, "Running")
    working = await place.linear.issue(issue)
    await place.linear.do("stop", session=session)
    await place.linear.until_over(session)

    assert (working["delegate"]["name"], working["state"]["name"]) == ("deputy", "In Progress")


async def test_the_run_shows_success_and_the_pull_request(place: Place, kubectl: Kubectl) -> None:
    await place.blueprint(scripted(), repository=True)
    issue = await place.issue(SCRIPT)
    session = await place.linear.until_over(await place.linear.delegate(issue))

    seen = await place.linear.issue(issue)
    name = (await place.objects.run_of(seen))["metadata"]["name"]
    run = await place.objects.run_until_over(name)

    (pull_request,) = (await place.forge.repository(place.repository))["pulls"]
    url = session.links[0][1]
    assert run["status"]["pullRequest"] == {
        "url": url,
        "number": pull_request["number"],
        "headSha": pull_request["head_sha"],
        "state": "Open",
    }
    assert conditions_of(run) == {
        "Admitted": ("True", "Admitted"),
        "WorkspaceReady": ("True", "WorkspaceReady"),
        "Succeeded": ("True", "PullRequestOpened"),
        "Finished": ("True", "PullRequestOpened"),
    }
    words = kubectl("get", "agentruns", name, "-n", place.deputy.namespace, "--no-headers").split()
    assert words[:6] == [name, place.name, issue, "Succeeded", "PullRequestOpened", url]
    assert (seen["delegate"]["name"], seen["state"]["name"]) == ("deputy", "In Review")
    assert [comment["body"] for comment in seen["comments"] if comment["parentId"] is None][1:] == [
        f"Run `{name}`: pull request {url}."
    ]
    await place.objects.until_no_pod(run)


async def test_the_first_thought_comes_within_a_second_of_the_answer(place: Place) -> None:
    await place.blueprint(shell("echo done"))
    session = await place.linear.delegate(await place.issue())

    seen = await place.linear.until_over(session)

    (delivery,) = await place.linear.deliveries(session)
    (attempt,) = delivery["attempts"]
    assert attempt["status"] == 200
    assert _time(seen.history[0]["createdAt"]) - _time(attempt["answeredAt"]) < dt.timedelta(
        seconds=1
    )


async def test_without_a_commit_there_is_a_response_and_no_pull_request(place: Place) -> None:
    await place.blueprint(scripted(), repository=True)
    issue = await place.issue("say The answer is 42.")

    session = await place.linear.until_over(await place.linear.delegate(issue))

    assert session.told() == [
        ("thought", FIRST),
        (
            "response",
            "The answer is 42.\n\nNo commits were made, so there is no pull request.",
        ),
    ]
    repository = await place.forge.repository(place.repository)
    assert (list(repository["branches"]), repository["pulls"]) == (["main"], [])
    run = await place.objects.run_of(await place.linear.issue(issue))
    assert (run["status"]["phase"], run["status"]["reason"]) == ("Succeeded", "NoChanges")


async def test_what_a_plain_program_prints_is_told_and_its_last_words_are_the_answer(
    place: Place,
) -> None:
    await place.blueprint(shell("echo Looking around; sleep 3; echo All is well."))

    session = await place.linear.until_over(await place.linear.delegate(await place.issue()))

    assert session.told() == [
        ("thought", FIRST),
        ("thought", "Looking around"),
        ("response", "All is well."),
    ]


def _time(stamp: Any) -> dt.datetime:
    return dt.datetime.fromisoformat(stamp)
