"""However often, wherever and in whatever company an issue's events arrive: one run."""

import pytest

from deputy.core.acknowledgements import FIRST, joined
from tests.cluster.blueprints import scripted
from tests.cluster.conftest import Place

pytestmark = pytest.mark.cluster


async def test_two_hundred_copies_and_fifty_mentions_at_once_make_one_run_and_one_pod(
    place: Place,
) -> None:
    await place.blueprint(scripted())
    issue = await place.issue("sleep 600")

    opened = await place.linear.do("storm", issue=issue, copies=200, mentions=50)

    run = await place.objects.run_of_soon(await place.linear.issue(issue))
    name, uid = run["metadata"]["name"], run["metadata"]["uid"]
    first = run["spec"]["linear"]["sessionId"]
    others = [one for one in opened["sessionIds"] if one != first]
    for other in others:
        said = await place.linear.until(other, activities=1)
        assert said.told() == [("thought", joined(other, uid, name).body)]
    assert (len(others), (await place.linear.until(first, activities=1)).said()) == (50, [FIRST])
    await place.objects.run_until(name, "Running")
    run = await place.objects.run_of(await place.linear.issue(issue))
    assert sorted(entry["sessionId"] for entry in run["spec"]["inbox"]) == sorted(others)
    (pod,) = await place.objects.pods_of(run)
    assert pod["metadata"]["name"] == f"{name}-1"
    # Every copy was taken, so Linear has no reason to send any again.
    for session in opened["sessionIds"]:
        assert {one["state"] for one in await place.linear.deliveries(session)} == {"delivered"}
