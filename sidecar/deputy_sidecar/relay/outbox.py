"""What outlives the sidecar's process: the journal, and what the relay has acknowledged.

Every file is only appended to, or replaced as a whole. A process that is killed leaves at most
an unfinished last line, which was acted upon by nobody and is cut off.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from deputy_sidecar.journal import JournalEntry, decode, encode


class Outbox:
    """The journal of a run's inputs, and the number up to which the relay has its events."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._acked = folder / "acked"
        self._inputs = os.open(
            folder / "inputs.jsonl", os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
        )

    def entries(self) -> Iterator[JournalEntry]:
        """Return what the journal holds, in order; an unfinished last line is cut off."""
        whole = 0
        with os.fdopen(os.dup(self._inputs), "rb") as journal:
            journal.seek(0)
            for line in journal:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                yield decode(line)
        os.ftruncate(self._inputs, whole)

    def record(self, entry: JournalEntry) -> None:
        """Keep an input; it may be acted upon afterwards."""
        line = encode(entry)
        while line:
            line = line[os.write(self._inputs, line) :]

    @property
    def acked(self) -> int:
        """The number up to which the relay has everything."""
        try:
            return int(self._acked.read_text())
        except FileNotFoundError:
            return 0

    def acknowledge(self, number: int) -> None:
        """Keep the number up to which the relay has everything."""
        new = self._acked.with_suffix(".new")
        new.write_text(str(number))
        new.replace(self._acked)

    def close(self) -> None:
        """Close the journal."""
        os.close(self._inputs)
