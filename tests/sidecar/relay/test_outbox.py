"""The outbox outlives the sidecar's process."""

from pathlib import Path

from deputy_sidecar.journal import Elapsed, JournalEntry
from deputy_sidecar.relay.outbox import Outbox


def test_the_acknowledged_number_is_kept(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    assert outbox.acked == 0

    outbox.acknowledge(12)
    outbox.close()

    again = Outbox(tmp_path / "outbox")
    assert again.acked == 12
    again.close()


def test_an_unfinished_last_line_is_cut_off_and_written_over(tmp_path: Path) -> None:
    first, second = JournalEntry(1, Elapsed(1)), JournalEntry(2, Elapsed(2))
    outbox = Outbox(tmp_path / "outbox")
    outbox.record(first)
    outbox.close()
    with (tmp_path / "outbox" / "inputs.jsonl").open("ab") as journal:
        journal.write(b'{"at":2,"inp')

    again = Outbox(tmp_path / "outbox")
    assert list(again.entries()) == [first]
    again.record(second)

    assert list(again.entries()) == [first, second]
    again.close()
