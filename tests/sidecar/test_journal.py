"""The journal on disk: what was written is read again, and its words stay as they are."""

import typing

import pytest

from deputy.wire import MessageKind
from deputy_sidecar.journal import (
    Elapsed,
    Input,
    JournalEntry,
    ProcessExited,
    ProcessStarted,
    Received,
    Saved,
    SidecarStarted,
    Terminating,
    decode,
    encode,
)


@pytest.mark.parametrize(
    "item",
    [
        SidecarStarted(),
        Received("id", MessageKind.PROMPT, "Grüße\n"),
        ProcessStarted(1, "agent"),
        ProcessExited(1, 137, "error"),
        Elapsed(3),
        Saved(4, "abc", 2, "PushRejected", "no"),
        Terminating(gone=True),
    ],
)
def test_the_journal_gives_back_what_it_was_given(item: Input) -> None:
    entry = JournalEntry(17, item)

    assert decode(encode(entry)) == entry


#: Every kind of input, and its line in a journal.
LINES: list[tuple[Input, str]] = [
    (SidecarStarted(), '{"at":3,"input":"SidecarStarted"}'),
    (
        Received("id", MessageKind.PROMPT, "go"),
        '{"at":3,"input":"Received","id":"id","kind":"Prompt","text":"go"}',
    ),
    (ProcessStarted(1, "sh"), '{"at":3,"input":"ProcessStarted","run":1,"command":"sh"}'),
    (ProcessExited(1, 2), '{"at":3,"input":"ProcessExited","run":1,"code":2,"stderr":""}'),
    (Elapsed(4), '{"at":3,"input":"Elapsed","timer":4}'),
    (
        Saved(5, "abc", message="x"),
        '{"at":3,"input":"Saved","job":5,"head_sha":"abc","commits":0,"reason":"","message":"x"}',
    ),
    (Terminating(gone=True), '{"at":3,"input":"Terminating","gone":true}'),
]


@pytest.mark.parametrize(("item", "line"), LINES)
def test_the_journals_words_are_a_format_and_stay(item: Input, line: str) -> None:
    assert encode(JournalEntry(3, item)) == f"{line}\n".encode()


def test_every_kind_of_input_has_its_word() -> None:
    assert {type(item) for item, _ in LINES} == set(typing.get_args(Input))
