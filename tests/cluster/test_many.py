"""Many issues at once: each is told whole, in order, and once, and nobody hears of another."""

import asyncio

import pytest

from deputy.core.acknowledgements import FIRST
from tests.cluster.blueprints import scripted
from tests.cluster.conftest import Place
from tests.cluster.linear import Session
from tests.cluster.runs import phase_of

pytestmark = pytest.mark.cluster

ISSUES = 10
STEPS = 8


def script(number: int) -> str:
    """Return a script that says and does numbered things, with files in between to look at."""
    steps = [f"say Word {number}.{step}.\nrun echo {number}.{step}" for step in range(STEPS)]
    work = f"file {number}.txt {number}\nrun git add . && git commit -qm 'Number {number}'"
    return "\n".join([*steps, work, f"say Number {number} is done."])


def story(number: int, session: Session) -> list[tuple[str, str]]:
    """Return what the session of an issue has to show, but for what waiting for a slot adds."""
    steps = [
        part
        for step in range(STEPS)
        for part in (
            ("thought", f"Word {number}.{step}."),
            ("action", f"Ran echo {number}.{step}"),
        )
    ]
    return [
        ("thought", FIRST),
        *steps,
        ("action", f"Edited {number}.txt"),
        ("action", f"Ran git add . && git commit -qm 'Number {number}'"),
        ("response", f"Number {number} is done.\n\nPull request: {session.links[0][1]}"),
    ]


async def test_ten_issues_at_once_become_ten_pull_requests(place: Place) -> None:
    await place.blueprint(scripted(), {"maxConcurrentRuns": 4}, repository=True)
    issues = [
        await place.issue(script(number), title=f"Number {number}") for number in range(ISSUES)
    ]

    sessions = await asyncio.gather(*(place.linear.delegate(issue) for issue in issues))

    for number, one in enumerate(sessions):
        seen = await place.linear.until_over(one, within=180)
        told = [part for part in seen.told() if not part[1].startswith("Not started yet: ")]
        assert told == story(number, seen), seen.story()
    repository = await place.forge.repository(place.repository)
    heads = {pull_request["head"] for pull_request in repository["pulls"]}
    assert (len(repository["pulls"]), heads) == (ISSUES, set(repository["branches"]) - {"main"})
    for issue in issues:
        run = await place.objects.run_of(await place.linear.issue(issue))
        over = await place.objects.run_until_over(run["metadata"]["name"])
        assert phase_of(over) == "Succeeded"
