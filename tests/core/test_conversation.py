"""Facts of the conversation with one sidecar: what it is told, in which order, and how often."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deputy.core.conversation import FINISH, STOP, RelayConversation, messages_after
from deputy.wire import Finished, Message, MessageKind, Outcome

TASK = Message("task-1", MessageKind.PROMPT, "Fix it.")
MORE = Message("m-1", MessageKind.PROMPT, "And test it.")
SAID = (TASK, MORE)


def report(outcome: Outcome = Outcome.COMPLETED, through: str = "task-1") -> Finished:
    return Finished(outcome, "", "Done.", delivered_through=through)


@pytest.mark.parametrize(
    ("last", "expected"),
    [("", SAID), ("task-1", (MORE,)), ("m-1", ()), ("never heard of", SAID)],
)
def test_prompts_come_in_order_after_the_last_one_that_was_had(
    last: str, expected: tuple[Message, ...]
) -> None:
    assert messages_after(last, SAID, stop=False, finished=False) == expected


@pytest.mark.parametrize("last", ["", "task-1", "m-1"])
def test_a_stop_overtakes_every_prompt(last: str) -> None:
    assert messages_after(last, SAID, stop=True, finished=False) == (STOP,)


@pytest.mark.parametrize("last", ["", "task-1", "m-1", "stop"])
@pytest.mark.parametrize("stop", [True, False])
def test_a_finish_overtakes_everything(last: str, stop: bool) -> None:  # noqa: FBT001  a column
    assert messages_after(last, SAID, stop=stop, finished=True) == (FINISH,)


@pytest.mark.parametrize("stop", [True, False])
def test_after_a_stop_comes_nothing_though_a_new_leader_knows_nothing_of_it(
    stop: bool,  # noqa: FBT001  a column
) -> None:
    assert messages_after("stop", SAID, stop=stop, finished=False) == ()


def test_after_the_finish_comes_nothing() -> None:
    assert messages_after("finish", SAID, stop=True, finished=True) == ()


prompts = st.lists(st.text("abc", min_size=1, max_size=4), unique=True, max_size=8).map(
    lambda ids: tuple(Message(f"m-{one}", MessageKind.PROMPT, one) for one in ids)
)


@given(prompts, st.lists(st.integers(0, 8)))
def test_however_prompts_arrive_between_polls_each_is_had_once_and_in_order(
    said: tuple[Message, ...], arrivals: list[int]
) -> None:
    had: list[Message] = []

    for there in [*sorted(min(n, len(said)) for n in arrivals), len(said)]:
        last = had[-1].id if had else ""
        had += messages_after(last, said[:there], stop=False, finished=False)

    assert tuple(had) == said


@given(prompts, st.data())
def test_a_poll_that_is_repeated_has_the_same_answer(
    said: tuple[Message, ...], data: st.DataObject
) -> None:
    last = data.draw(st.sampled_from(["", "stop", "finish", *(one.id for one in said)]))
    stop, finished = data.draw(st.booleans()), data.draw(st.booleans())

    first = messages_after(last, said, stop=stop, finished=finished)

    assert messages_after(last, said, stop=stop, finished=finished) == first
    if first:
        assert messages_after(first[-1].id, said, stop=stop, finished=finished) == ()


# Reports


@pytest.mark.parametrize(
    ("through", "stale"), [("m-1", False), ("task-1", True), ("", True), ("unknown", True)]
)
def test_a_report_is_stale_while_a_newer_prompt_waits(
    through: str,
    stale: bool,  # noqa: FBT001  a column
) -> None:
    conversation = RelayConversation("uid-1", 1, prompts=SAID)

    assert conversation.is_stale(report(through=through)) is stale


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.STOPPED])
def test_an_agent_that_is_gone_is_believed_whatever_waits(outcome: Outcome) -> None:
    conversation = RelayConversation("uid-1", 1, prompts=SAID)

    assert not conversation.is_stale(report(outcome, through=""))


def test_a_report_stands_until_people_say_more() -> None:
    conversation = RelayConversation("uid-1", 1, prompts=(TASK,), report=report())
    before = conversation.standing_report

    conversation.set_prompts(SAID, 0.0)

    assert (before, conversation.standing_report, conversation.report) == (report(), None, report())


def test_without_a_report_none_stands() -> None:
    assert RelayConversation("uid-1", 1, prompts=SAID).standing_report is None


# Waking


def poll(conversation: RelayConversation) -> list[bool]:
    """Return what fills when a poll that begins now is woken."""
    woken: list[bool] = []
    conversation.on_change(lambda: woken.append(True))
    return woken


def test_news_wakes_the_poll_and_what_is_known_does_not() -> None:
    conversation = RelayConversation("uid-1", 1, prompts=(TASK,))
    waiting = poll(conversation)

    conversation.set_prompts((TASK,), 0.0)
    assert waiting == []

    conversation.set_prompts(SAID, 0.0)
    assert waiting == [True]
    assert poll(conversation) == []


def test_the_finish_wakes_the_poll_once() -> None:
    conversation = RelayConversation("uid-1", 1)
    first = poll(conversation)

    conversation.finish()
    second = poll(conversation)
    conversation.finish()

    assert (first, second, conversation.finished) == ([True], [], True)


def test_a_poll_that_waits_no_longer_is_not_woken() -> None:
    conversation = RelayConversation("uid-1", 1)
    woken: list[bool] = []
    off = conversation.on_change(lambda: woken.append(True))

    off()
    conversation.wake()
    off()

    assert woken == []


def test_a_conversation_that_is_over_keeps_nothing_of_what_was_said() -> None:
    conversation = RelayConversation("uid-1", 1)
    conversation.set_prompts((Message("task-1", MessageKind.PROMPT, "Fix it."),), 0.0)

    conversation.finish()

    assert (conversation.prompts, conversation.arrived) == ((), {})
    assert conversation.messages_after("task-1") == (FINISH,)
