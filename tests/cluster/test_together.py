"""Several sessions, several events, one issue, one run."""

import pytest

from deputy.core.acknowledgements import FIRST, joined
from tests.cluster.blueprints import scripted
from tests.cluster.conftest import Place

pytestmark = pytest.mark.cluster


async def test_a_mention_in_mid_run_joins_it_and_is_told_how_it_ends(place: Place) -> None:
    await place.blueprint(scripted())
    issue = await place.issue("say I begin.\nrun echo\nask Shall I go on?")
    session = await place.linear.delegate(issue)
    await place.linear.until(session, "awaitingInput")
    run = await place.objects.run_of(await place.linear.issue(issue))

    body = "@deputy yes"
    opened = await place.linear.do("mention", issue=issue, body=body)

    other = await place.linear.until_over(opened["sessionId"])
    seen = await place.linear.until_over(session)
    word = joined(other.id, run["metadata"]["uid"], run["metadata"]["name"])
    assert other.told() == [
        ("thought", word.body),
        ("response", f"The run that this session had joined is over.\n\n{seen.closing[0][1]}"),
    ]
    assert [kind for kind, _ in seen.closing] == ["response"]
    assert seen.closing[0][1].startswith("answer: ")
    assert len(await place.objects.runs_of(await place.linear.issue(issue))) == 1


async def test_a_delivery_that_comes_again_after_the_end_changes_nothing(place: Place) -> None:
    await place.blueprint(scripted())
    issue = await place.issue("say Done.")
    session = await place.linear.delegate(issue)
    before = await place.linear.until_over(session)
    run = await place.objects.run_of(await place.linear.issue(issue))
    await place.objects.run_until_over(run["metadata"]["name"])

    (delivery,) = await place.linear.deliveries(session)
    await place.linear.do("redeliver", delivery=delivery["id"])

    again = await place.linear.until_delivered(session, 2)
    after = await place.linear.session(session)
    assert [one["state"] for one in again] == ["delivered", "delivered"]
    assert after.told() == before.told() == [("thought", FIRST), ("response", "Done.")]
    assert len(await place.objects.runs_of(await place.linear.issue(issue))) == 1


async def test_prompts_in_mid_run_are_each_taken_once_and_in_order(
    place: Place,
) -> None:
    await place.blueprint(scripted())
    issue = await place.issue("say I begin.\nrun echo\nsleep 5\nsay Half.")
    session = await place.linear.delegate(issue)
    await place.linear.until_said(session, "Ran echo")

    for number in range(5):
        await place.linear.do("reply", session=session, body=f"run echo {number}", copies=3)
        await place.linear.until_delivered(session, 1 + 3 * (number + 1))

    seen = await place.linear.until_over(session)
    assert [text for kind, text in seen.told() if kind == "action"] == [
        "Ran echo",
        *(f"Ran echo {number}" for number in range(5)),
    ]
    assert [kind for kind, _ in seen.closing] == ["response"]
