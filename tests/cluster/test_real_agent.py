"""A real coding agent from npm does the main job, against a scripted model."""

import pytest

from deputy.core.acknowledgements import FIRST
from deputy_simulator.forge.seed import FILES
from tests.cluster.blueprints import gemini
from tests.cluster.conftest import Place
from tests.cluster.test_main_job import PLANS

pytestmark = pytest.mark.cluster

TITLE = "A ten percent discount makes the basket free"
TEXT = "`total([1000], discount_percent=10)` returns 0, it should return 900. Fix it, add a test."
SUMMARY = (
    "The discount was divided by 10 where it should be divided by 100, so ten percent made a "
    "basket free. `total` now divides by 100, and a test holds it to that. All tests pass."
)


async def test_the_gemini_cli_mends_a_bug_and_opens_a_pull_request(place: Place) -> None:
    await place.blueprint(gemini(place.deputy.namespace), repository=True, files=FILES)
    issue = await place.linear.make_issue(place.team, TEXT, title=TITLE)

    session = await place.linear.until_over(await place.linear.delegate(issue), within=120)

    ((_, url),) = session.links
    assert session.told() == [
        ("thought", FIRST),
        ("thought", "I will look at the code first."),
        ("action", "Looked at 2 files"),
        ("thought", "The discount is divided by 10, not by 100."),
        ("action", "Edited shop/basket.py"),
        ("thought", "A test shall hold that."),
        ("action", "Edited tests/test_basket.py"),
        ("thought", "Now the tests."),
        ("action", "Ran python3 -m unittest"),
        ("action", 'Ran git add -A && git commit -m "Divide the discount by 100"'),
        ("response", f"{SUMMARY}\n\nPull request: {url}"),
    ]
    assert await place.linear.plans(session.id) == PLANS
    branch = f"deputy/{(await place.linear.issue(issue))['identifier'].lower()}"
    (pull_request,) = (await place.forge.repository(place.repository))["pulls"]
    assert pull_request["head"] == branch
    mended = await place.forge.file(place.repository, "shop/basket.py", branch)
    assert mended == FILES["shop/basket.py"].replace("// 10\n", "// 100\n")


async def test_the_gemini_cli_is_stopped_at_once(place: Place) -> None:
    await place.blueprint(gemini(place.deputy.namespace), repository=True)
    session = await place.linear.delegate(await place.issue("[[script: slow]]"))
    await place.linear.until_said(session, "Step 1 of 20.", within=120)

    await place.linear.do("stop", session=session)

    seen = await place.linear.until_over(session, within=15)
    assert [text.split(".")[0] for _, text in seen.closing] == ["Stopped, as asked"]


async def test_the_gemini_cli_takes_a_reply_after_the_end(place: Place) -> None:
    await place.blueprint(gemini(place.deputy.namespace), repository=True)
    session = await place.linear.delegate(await place.issue("[[script: note]]"))
    await place.linear.until_over(session, within=120)

    await place.linear.do("reply", session=session, body="Add your name, please.")

    await place.linear.until_said(session, "On it. I am getting a workspace ready to go on")
    seen = await place.linear.until_over(session, within=120)
    ((_, url),) = seen.links
    texts = (
        "It is written down in `NOTES.md`.",
        "Noted: Add your name, please.\n\nIt is in `NOTES.md`, in a commit of its own.",
    )
    assert seen.closing == [("response", f"{text}\n\nPull request: {url}") for text in texts]
