"""What is counted of the talk with Linear."""

import asyncio
import contextlib

from prometheus_client import REGISTRY

from deputy.trackers.linear.pacing import Pacing
from deputy.trackers.linear.writer import Writer
from deputy.trackers.updates import PostActivity, Priority
from deputy.wire import Thought, stable_id
from tests.trackers.linear.simulated import Linear


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"deputy_linear_{name}", labels) or 0.0


def says(session: str, words: str, *, ephemeral: bool = False) -> PostActivity:
    priority = Priority.EPHEMERAL if ephemeral else Priority.NORMAL
    return PostActivity(session, stable_id(session, words), Thought(words, ephemeral), priority)


async def test_the_metrics_tell_what_was_sent_refused_dropped_and_left(linear: Linear) -> None:
    session = linear.session()
    names = {
        "sent": ("updates_total", {"result": "sent"}),
        "refused": ("updates_total", {"result": "refused"}),
        "dropped": ("dropped_total", {"reason": "superseded"}),
        "ok": ("requests_total", {"result": "ok"}),
        "errors": ("requests_total", {"result": "errors"}),
    }
    before = {key: value(name, **labels) for key, (name, labels) in names.items()}
    writer = Writer(linear.client(), pacing=Pacing(spacing=0.0))
    waiting = [
        writer.submit(says(session, "Reading.", ephemeral=True)),
        writer.submit(says(session, "Read.")),
        writer.submit(says(stable_id("no", "session"), "Anybody?")),
    ]

    task = asyncio.create_task(writer.run())
    await asyncio.gather(*waiting)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    after = {key: value(name, **labels) for key, (name, labels) in names.items()}
    # The thought was done in the request that failed for the other; alone, it is there already.
    assert {key: after[key] - before[key] for key in names} == {
        "sent": 1, "refused": 1, "dropped": 1, "ok": 0, "errors": 2,
    }  # fmt: skip
    assert (value("updates_queued"), value("lag_seconds")) == (0.0, 0.0)
    assert value("budget_limit", kind="requests") == 5_000
    assert 4_990 < value("budget_remaining", kind="requests") < 5_000
    assert value("budget_limit", kind="complexity") == 2_000_000
