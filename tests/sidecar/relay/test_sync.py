"""Events leave in their order until they are acknowledged; messages come in once."""

import asyncio
from pathlib import Path

import pytest
from typing_extensions import override

from deputy.wire import EventsAnswer, Message, MessageKind, NumberedEvent, Thought
from deputy_sidecar.errors import RelayRefused, RelayUnreachable
from deputy_sidecar.relay.client import RelayClient
from deputy_sidecar.relay.outbox import Outbox
from deputy_sidecar.relay.sync import EventSender, poll_inbox

EVENTS = [NumberedEvent(number, Thought(f"text {number}")) for number in range(1, 121)]


class FakeClient(RelayClient):
    """Answers with what a test has prepared, then acknowledges everything."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.batches: list[list[int]] = []
        self.poison = 0
        self.polls: list[str] = []
        self.messages: list[list[Message] | Exception] = []

    @override
    async def events(self, batch: list[NumberedEvent]) -> EventsAnswer:
        numbers = [one.seq for one in batch]
        self.batches.append(numbers)
        await asyncio.sleep(0)
        if self.poison in numbers:
            raise RelayRefused(400, "not what the wire allows")
        answer = self.answers.pop(0) if self.answers else numbers[-1]
        if isinstance(answer, Exception):
            raise answer
        return EventsAnswer(answer)

    @override
    async def inbox(self, after: str, wait: float) -> list[Message]:
        self.polls.append(after)
        if not self.messages:
            await asyncio.sleep(wait)
        messages = self.messages.pop(0)
        if isinstance(messages, Exception):
            raise messages
        return messages


async def send(sender: EventSender, events: list[NumberedEvent]) -> None:
    task = asyncio.create_task(sender.run())
    sender.add(events)
    async with asyncio.timeout(20):
        await sender.drained()
    task.cancel()


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox")


async def test_batches_are_bounded_and_in_order(outbox: Outbox) -> None:
    client = FakeClient()

    await send(EventSender(client, outbox), EVENTS)

    assert [len(batch) for batch in client.batches] == [50, 50, 20]
    assert [number for batch in client.batches for number in batch] == list(range(1, 121))
    assert outbox.acked == 120
    outbox.close()


@pytest.mark.parametrize(
    "error", [RelayUnreachable("no"), RelayRefused(503, "no"), RelayRefused(401, "no")]
)
async def test_what_was_not_taken_is_sent_again(error: Exception, outbox: Outbox) -> None:
    client = FakeClient(error, error)

    await send(EventSender(client, outbox), EVENTS[:2])

    assert client.batches == [[1, 2]] * 3
    outbox.close()


async def test_what_is_acknowledged_is_not_sent_again(outbox: Outbox) -> None:
    client = FakeClient(2, 2)

    await send(EventSender(client, outbox), EVENTS[:4])

    assert client.batches == [[1, 2, 3, 4], [3, 4], [3, 4]]
    outbox.close()


async def test_what_is_new_does_not_wait_for_an_event_that_the_relay_holds_back(
    outbox: Outbox,
) -> None:
    client = FakeClient(*[0] * 8)
    sender = EventSender(client, outbox)
    task = asyncio.create_task(sender.run())
    sender.add(EVENTS[:1])
    async with asyncio.timeout(10):
        while len(client.batches) < 4:  # noqa: ASYNC110  pauses are the sender's own
            await asyncio.sleep(0.01)

    sender.add(EVENTS[1:2])
    before = len(client.batches)
    await asyncio.sleep(0)
    async with asyncio.timeout(1):
        while len(client.batches) == before:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    assert client.batches[before] == [1, 2]
    task.cancel()
    outbox.close()


async def test_a_new_life_begins_after_the_last_acknowledged_event(outbox: Outbox) -> None:
    outbox.acknowledge(3)
    client = FakeClient()

    await send(EventSender(client, outbox), EVENTS[:5])

    assert client.batches == [[4, 5]]
    outbox.close()


async def test_an_event_that_is_refused_for_good_does_not_block_the_others(
    outbox: Outbox,
) -> None:
    client = FakeClient()
    client.poison = 3

    await send(EventSender(client, outbox), EVENTS[:6])

    assert client.batches[-1] == [4, 5, 6]
    assert outbox.acked == 6
    outbox.close()


async def test_messages_are_taken_in_order_whatever_goes_wrong_between() -> None:
    messages = [Message(name, MessageKind.PROMPT) for name in "abc"]
    client = FakeClient()
    client.messages = [messages[:2], RelayUnreachable("no"), [], messages[2:]]
    taken: list[str] = []
    done = asyncio.Event()

    def take(message: Message) -> None:
        taken.append(message.id)
        if message.id == "c":
            done.set()

    task = asyncio.create_task(poll_inbox(client, lambda: taken[-1] if taken else "", take))
    async with asyncio.timeout(10):
        await done.wait()
    task.cancel()

    assert taken == ["a", "b", "c"]
    assert client.polls[:4] == ["", "b", "b", "b"]
