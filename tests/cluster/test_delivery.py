"""From the agent's commits to the pull request, and what may go wrong on that way."""

import secrets

import pytest

from dev.demo.fixtures import secret
from tests.cluster.blueprints import blueprint, scripted
from tests.cluster.conftest import Place
from tests.cluster.linear import Session

pytestmark = pytest.mark.cluster

AGAIN = "To try again, reply here or delegate the issue anew."
COMMIT = "file one.txt 1\nrun git add . && git commit -qm One\nsay One is done."


async def worked(place: Place, script: str) -> Session:
    """Return the session of an issue once it is over."""
    session = await place.linear.delegate(await place.issue(script))
    return await place.linear.until_over(session)


async def with_token(place: Place, **rights: bool) -> None:
    """Make the test's Blueprint, whose token has these rights and no others."""
    token = secrets.token_hex(16)
    await place.forge.do("tokens", token=token, **rights)
    place.deputy.tools.apply(place.deputy.namespace, secret(place.name, token=token))
    await place.linear.do("teams", key=place.team)
    await place.forge.make(place.repository, {"README.md": "# Hello\n"})
    url = place.deputy.clone_url(place.repository)
    wanted = blueprint(place.name, place.team, url, **scripted())
    wanted["spec"]["repository"]["credentialsSecretRef"]["name"] = place.name
    await place.objects.apply_blueprint(wanted)


async def test_work_that_the_agent_forgot_to_commit_is_in_the_pull_request(place: Place) -> None:
    await place.blueprint(scripted(), repository=True)

    session = await worked(place, "file one.txt 1\nsay One is done.")

    (pull_request,) = (await place.forge.repository(place.repository))["pulls"]
    assert session.closing == [("response", f"One is done.\n\nPull request: {session.links[0][1]}")]
    assert await place.forge.file(place.repository, "one.txt", pull_request["head"]) == "1\n"


async def test_a_stop_saves_what_was_not_committed(place: Place) -> None:
    await place.blueprint(scripted(), repository=True)
    session = await place.linear.delegate(await place.issue("file half.txt half\nsleep 600"))
    await place.linear.until_said(session, "Edited half.txt")

    await place.linear.do("stop", session=session)

    seen = await place.linear.until_over(session)
    repository = await place.forge.repository(place.repository)
    (branch,) = set(repository["branches"]) - {"main"}
    head = repository["branches"][branch][:10]
    text = f"Stopped, as asked. The work so far is on branch `{branch}` (`{head}`). {AGAIN}"
    assert seen.closing == [("response", text)]
    assert await place.forge.file(place.repository, "half.txt", branch) == "half\n"
    assert repository["pulls"] == []


async def test_a_token_that_may_not_push_is_told_with_the_next_step(place: Place) -> None:
    await with_token(place, push=False, pulls=True)

    session = await worked(place, COMMIT)

    ((kind, text),) = session.closing
    assert kind == "error"
    assert "spec.repository.credentialsSecretRef" in text
    assert text.endswith(AGAIN)


async def test_a_token_that_may_not_open_pull_requests_is_told_with_the_next_step(
    place: Place,
) -> None:
    await with_token(place, push=True, pulls=False)

    session = await worked(place, COMMIT)

    ((kind, text),) = session.closing
    branches = (await place.forge.repository(place.repository))["branches"]
    (branch,) = set(branches) - {"main"}
    assert kind == "error"
    assert "give it the rights `contents: write` and `pull_requests: write`" in text
    assert text.endswith(
        f"The work so far is on branch `{branch}` (`{branches[branch][:10]}`). {AGAIN}"
    )


@pytest.mark.parametrize("late", [False, True], ids=["nothing done", "done and not answered"])
async def test_a_forge_that_fails_for_a_moment_still_gets_one_pull_request(
    place: Place, *, late: bool
) -> None:
    await place.blueprint(scripted(), repository=True)
    path = f"/repos/{place.repository}/pulls"
    await place.forge.do("faults", count=2, status=503, method="POST", path=path, late=late)

    session = await worked(place, COMMIT)

    (pull_request,) = (await place.forge.repository(place.repository))["pulls"]
    assert pull_request["state"] == "open"
    assert session.closing == [("response", f"One is done.\n\nPull request: {session.links[0][1]}")]


async def test_the_settings_of_the_pull_request_are_kept(place: Place) -> None:
    settings = {"draft": True, "labels": ["agent"], "reviewers": ["ada"]}
    await place.blueprint(scripted(), {"pullRequest": settings}, repository=True)

    await worked(place, COMMIT)

    (pull_request,) = (await place.forge.repository(place.repository))["pulls"]
    kept = {key: pull_request[key] for key in settings}
    assert kept == settings


async def test_a_branch_that_is_rewritten_by_the_agent_is_not_lost(place: Place) -> None:
    """Hooks and settings of the workspace have no say in what is pushed where."""
    await place.blueprint(scripted(), repository=True)
    script = (
        "run git config remote.origin.pushurl http://nowhere.invalid/x.git\n"
        "run printf '#!/bin/sh\\nexit 1\\n' > .git/hooks/pre-push; chmod +x .git/hooks/pre-push\n"
        "run git config core.hooksPath .git/hooks\n" + COMMIT
    )

    session = await worked(place, script)

    repository = await place.forge.repository(place.repository)
    (pull_request,) = repository["pulls"]
    assert pull_request["head_sha"] == repository["branches"][pull_request["head"]]
    assert [kind for kind, _ in session.closing] == ["response"]
