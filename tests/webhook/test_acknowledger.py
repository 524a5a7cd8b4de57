"""Facts of what is said before and after the answer."""

import asyncio
from collections.abc import Sequence

import pytest

from deputy.core.acknowledgements import FIRST, first
from deputy.trackers.linear.client import Indeterminate
from deputy.trackers.linear.errors import (
    LinearUnavailable,
    RateLimited,
    Rejected,
    Unauthenticated,
)
from deputy.trackers.updates import PostActivity, Priority, Refused, Response, Sent, Update
from deputy.webhook import metrics
from deputy.webhook.acknowledger import Acknowledger, NotAcknowledged
from deputy.wire import Thought
from tests.support.metrics import counted

WORD = first("session")
THOUGHT = PostActivity("session", WORD.activity_id, Thought(FIRST), Priority.ACKNOWLEDGEMENT)


class FakeClient:
    """Answers with what it is given, then says that all is sent."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked: list[Update] = []
        self.requests: list[int] = []

    async def apply(self, updates: Sequence[Update]) -> list[object]:
        self.asked += updates
        self.requests.append(len(updates))
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if self.answers else Sent()
        if isinstance(answer, Exception):
            raise answer
        return [answer] * len(updates)


class Told:
    """An acknowledger whose pauses take no time, and what it counted."""

    def __init__(self, *answers: object) -> None:
        self.client = FakeClient(*answers)
        self.before = counted(metrics.ACKNOWLEDGEMENTS)
        self.acknowledger = Acknowledger(self.client, self._pause)
        self.pauses: list[float] = []

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def counted(self) -> dict[str, float]:
        new = counted(metrics.ACKNOWLEDGEMENTS) - self.before
        return {result: value for (result,), value in new.items()}


async def test_a_first_word_is_posted_behind_the_answer() -> None:
    told = Told()

    told.acknowledger.acknowledge(WORD)
    assert told.client.asked == []
    await told.acknowledger.drain(5)

    assert told.client.asked == [THOUGHT]
    assert told.counted() == {"sent": 1}


async def test_a_first_word_is_tried_again_with_the_same_id() -> None:
    told = Told(LinearUnavailable("away"), RateLimited("slow", 3.0))

    told.acknowledger.acknowledge(WORD)
    await told.acknowledger.drain(5)

    assert told.client.asked == [THOUGHT] * 3
    assert told.pauses == [0.25, 1.0]
    assert told.counted() == {"sent": 1}


async def test_many_first_words_travel_together() -> None:
    told = Told()

    for number in range(30):
        told.acknowledger.acknowledge(first(f"session-{number}"))
    await told.acknowledger.drain(5)

    assert told.client.requests == [10, 10, 10]
    assert told.counted() == {"sent": 30}


@pytest.mark.parametrize(
    "answer", [Indeterminate(), LinearUnavailable("away"), Rejected("X", "no")]
)
async def test_words_that_failed_together_are_tried_alone(answer: object) -> None:
    told = Told(answer)

    for number in range(3):
        told.acknowledger.acknowledge(first(f"session-{number}"))
    await told.acknowledger.drain(5)

    assert told.client.requests == [3, 1, 1, 1]
    assert told.counted() == {"sent": 3}


async def test_a_first_word_that_cannot_be_posted_is_left_to_the_operator() -> None:
    told = Told(*[LinearUnavailable("away")] * 4)

    told.acknowledger.acknowledge(WORD)
    await told.acknowledger.drain(5)

    assert told.client.asked == [THOUGHT] * 4
    assert told.counted() == {"left_to_operator": 1}


@pytest.mark.parametrize("error", [Rejected("X", "no"), Unauthenticated("no")])
async def test_what_does_not_pass_is_not_tried_again(error: Exception) -> None:
    told = Told(error)

    told.acknowledger.acknowledge(WORD)
    await told.acknowledger.drain(5)

    assert told.client.asked == [THOUGHT]
    assert told.counted() == {"left_to_operator": 1}


class Silent:
    """Never answers."""

    async def apply(self, updates: Sequence[Update]) -> list[object]:  # noqa: ARG002  it is asked
        await asyncio.Event().wait()
        return []


async def test_at_the_end_what_takes_too_long_is_left_to_the_operator() -> None:
    before = counted(metrics.ACKNOWLEDGEMENTS)
    acknowledger = Acknowledger(Silent())
    acknowledger.acknowledge(WORD)

    await acknowledger.drain(0.01)

    assert counted(metrics.ACKNOWLEDGEMENTS) == before


async def test_a_refusal_is_posted_before_the_answer() -> None:
    told = Told()

    await told.acknowledger.refuse("session", "id", Response("No."))

    assert told.client.asked == [PostActivity("session", "id", Response("No."), Priority.TERMINAL)]


async def test_a_refusal_that_cannot_be_posted_makes_the_event_come_again() -> None:
    told = Told(LinearUnavailable("away"))

    with pytest.raises(NotAcknowledged, match="away"):
        await told.acknowledger.refuse("session", "id", Response("No."))


@pytest.mark.parametrize("answer", [Refused("no such session"), Rejected("X", "no")])
async def test_a_refusal_that_linear_will_not_have_is_let_go(answer: object) -> None:
    told = Told(answer)

    await told.acknowledger.refuse("session", "id", Response("No."))

    assert told.counted() == {"refused": 1}
