"""What people say in a session while its run lives."""

import datetime as dt

import pytest

from deputy.core.acknowledgements import AGAIN, FIRST
from deputy.core.acknowledgements import first as first_words
from tests.cluster.blueprints import scripted, shell
from tests.cluster.conftest import Place
from tests.cluster.linear import Linear, Session

pytestmark = pytest.mark.cluster


async def begun(place: Place, script: str, words: str) -> str:
    """Delegate an issue; return its session once the agent has said `words`."""
    session = await place.linear.delegate(await place.issue(script))
    await place.linear.until_said(session, words)
    return session


async def test_a_prompt_in_the_middle_of_a_run_reaches_the_agent_and_is_answered(
    place: Place,
) -> None:
    await place.blueprint(scripted())
    session = await begun(place, "say I begin.\nrun echo\nsleep 6\nsay Half done.", "I begin.")

    await place.linear.do("reply", session=session, body="say Your answer is 42.")

    seen = await place.linear.until_over(session)
    assert seen.told() == [
        ("thought", FIRST),
        ("thought", "I begin."),
        ("action", "Ran echo"),
        ("thought", "Half done."),
        ("response", "Your answer is 42."),
    ]


async def test_a_question_of_the_agent_waits_for_its_answer(place: Place) -> None:
    await place.blueprint(scripted())
    issue = await place.issue("ask Which colour?: red, green")
    session = await place.linear.delegate(issue)
    asked = await place.linear.until(session, "awaitingInput")
    name = (await place.objects.run_of(await place.linear.issue(issue)))["metadata"]["name"]
    await place.objects.run_until(name, "AwaitingInput")

    await place.linear.do("reply", session=session, body="green")

    seen = await place.linear.until_over(session)
    (question,) = [one for one in asked.history if one["type"] == "elicitation"]
    assert question["content"]["body"] == "Which colour?"
    assert question["signal"] == "select"
    assert [one["value"] for one in question["signalMetadata"]["options"]] == ["red", "green"]
    assert seen.closing == [("response", "answer: green.")]


async def test_a_stop_ends_the_agent_and_is_confirmed_once(place: Place) -> None:
    await place.blueprint(scripted())
    issue = await place.issue("say I begin.\nrun echo\nsleep 600\nsay Never said.")
    session = await place.linear.delegate(issue)
    await place.linear.until_said(session, "Ran echo")
    run = await place.objects.run_of(await place.linear.issue(issue))

    stop = await place.linear.do("stop", session=session)

    seen = await place.linear.until_over(session)
    over = await place.objects.run_until_over(run["metadata"]["name"])
    await place.objects.until_no_pod(run, within=15)
    assert (over["status"]["phase"], over["status"]["reason"]) == ("Stopped", "StoppedByUser")
    assert after(seen, stop["createdAt"]) == [
        ("response", "Stopped, as asked. To try again, reply here or delegate the issue anew.")
    ]
    assert await told_later(place.linear, session) == seen.told()


async def test_a_stop_of_an_agent_that_ignores_everything_takes_less_than_fifteen_seconds(
    place: Place,
) -> None:
    await place.blueprint(scripted(FAKE_AGENT_DEAF="yes"))
    issue = await place.issue("deaf\nsay I begin.\nrun echo\nsleep 600")
    session = await place.linear.delegate(issue)
    await place.linear.until_said(session, "Ran echo")
    run = await place.objects.run_of(await place.linear.issue(issue))

    stop = await place.linear.do("stop", session=session)

    seen = await place.linear.until_over(session)
    (closing,) = [one for one in seen.history if one["type"] == "response"]
    asked, ended = (dt.datetime.fromisoformat(one["createdAt"]) for one in (stop, closing))
    assert ended - asked < dt.timedelta(seconds=15)
    over = await place.objects.run_until_over(run["metadata"]["name"])
    assert over["status"]["phase"] == "Stopped"


async def test_a_stop_takes_the_pod_in_fifteen_seconds_though_the_agent_kills_its_killer(
    place: Place,
) -> None:
    hostile = "trap '' TERM INT; kill -9 -1; echo working; while :; do sleep 1; done"
    await place.blueprint(shell(hostile))
    issue = await place.issue("Go.")
    session = await place.linear.delegate(issue)
    await place.linear.until_said(session, "working")
    run = await place.objects.run_of(await place.linear.issue(issue))

    await place.linear.do("stop", session=session)

    await place.objects.until_no_pod(run, within=15)


async def test_a_stop_before_the_pod_is_remembered(place: Place) -> None:
    await place.blueprint(scripted(), {"maxConcurrentRuns": 1})
    first = await begun(place, "say I begin.\nrun echo\nsleep 600", "Ran echo")
    issue = await place.issue("say Never said.")
    second = await place.linear.delegate(issue)
    await place.linear.until_said(second, "number 1 in the queue")

    await place.linear.do("stop", session=second)

    seen = await place.linear.until_over(second)
    run = await place.objects.run_of(await place.linear.issue(issue))
    over = await place.objects.run_until_over(run["metadata"]["name"])
    assert over["status"]["phase"] == "Stopped"
    assert "podName" not in over["status"]
    assert seen.closing == [
        ("response", "Stopped, as asked. To try again, reply here or delegate the issue anew.")
    ]
    await place.linear.do("stop", session=first)
    await place.linear.until_over(first)


@pytest.mark.parametrize("withdrawal", ["undelegate", "cancel", "remove"])
async def test_an_issue_that_is_withdrawn_stops_its_run(place: Place, withdrawal: str) -> None:
    await place.blueprint(scripted())
    issue = await place.issue("say I begin.\nrun echo\nsleep 600")
    session = await place.linear.delegate(issue)
    await place.linear.until_said(session, "Ran echo")
    run = await place.objects.run_of(await place.linear.issue(issue))

    await place.linear.do(withdrawal, issue=issue)

    over = await place.objects.run_until_over(run["metadata"]["name"])
    assert (over["status"]["phase"], over["status"]["reason"]) == ("Stopped", "StoppedByUser")


async def test_the_word_stop_in_a_session_stops(place: Place) -> None:
    await place.blueprint(scripted())
    session = await begun(place, "say I begin.\nrun echo\nsleep 600", "Ran echo")

    await place.linear.do("reply", session=session, body="stop")

    seen = await place.linear.until_over(session)
    assert [text.split(".")[0] for _, text in seen.closing] == ["Stopped, as asked"]


async def test_a_reply_after_the_end_goes_on_in_the_same_session_and_branch(place: Place) -> None:
    await place.blueprint(scripted(), repository=True)
    script = "file one.txt 1\nrun git add . && git commit -qm One\nsay One is done."
    issue = await place.issue(script)
    session = await place.linear.delegate(issue)
    first = await place.linear.until_over(session)

    more = "file two.txt 2\nrun git add . && git commit -qm Two\nsay Two is done."
    await place.linear.do("reply", session=session, body=more)

    seen = await place.linear.until_said(session, "Two is done.")
    runs = await place.objects.runs_of(await place.linear.issue(issue))
    assert [run["metadata"]["name"][-2:] for run in runs] == ["-1", "-2"]
    # The closing words come a moment before the run is over, and so may the reply.
    ending = first_words(session, "reply", runs[0]["metadata"]["name"]).body
    assert {AGAIN, ending} & set(seen.said("thought"))
    repository = await place.forge.repository(place.repository)
    (pull_request,) = repository["pulls"]
    branch = first.links[0][1] and runs[0]["status"]["branch"]
    assert runs[1]["status"]["branch"] == branch
    assert pull_request["head_sha"] == repository["branches"][branch]
    for path, text in (("one.txt", "1\n"), ("two.txt", "2\n")):
        assert await place.forge.file(place.repository, path, branch) == text


def after(session: Session, moment: str) -> list[tuple[str, str]]:
    """Return what was told after a moment."""
    count = sum(one["createdAt"] <= moment for one in session.history)
    return session.told()[count:]


async def told_later(linear: Linear, session: str) -> list[tuple[str, str]]:
    """Return what a session shows once the writer has had time to say more."""
    return (await linear.session(session)).told()
