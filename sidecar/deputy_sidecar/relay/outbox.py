"""The sidecar's memory on disk: what the agent wrote, what happened, what is acknowledged.

Every file is only appended to, or replaced as a whole. A process that is killed leaves at most
an unfinished last line, which was acted upon by nobody and is cut off.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from deputy_sidecar.journal import Entry, decode, encode

_CHUNK = 256 * 1024


class Stream:
    """A file that takes its bytes straight from a pipe.

    The kernel moves them: they are in the pipe or in the file, and never only in a process that
    may be killed.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._read = 0
        os.lseek(self._file, 0, os.SEEK_END)

    def move(self, pipe: int) -> int:
        """Move what is in the pipe; return how many bytes, 0 where it is empty."""
        try:
            return os.splice(pipe, self._file, _CHUNK, flags=os.SPLICE_F_NONBLOCK)
        except BlockingIOError:
            return 0

    def fresh(self) -> Iterator[bytes]:
        """Return the bytes that were not yet returned, in pieces."""
        while data := os.pread(self._file, _CHUNK, self._read):
            self._read += len(data)
            yield data

    def until(self, end: int) -> Iterator[bytes]:
        """Return the bytes up to `end` that were not yet returned, in pieces."""
        while self._read < end and (
            data := os.pread(self._file, min(_CHUNK, end - self._read), self._read)
        ):
            self._read += len(data)
            yield data

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class Outbox:
    """The folder that outlives the sidecar's process."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.frames = Stream(folder / "frames")
        self.happened = Stream(folder / "happened")
        self._acked = folder / "acked"
        self._inputs = os.open(
            folder / "inputs.jsonl", os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
        )

    def entries(self) -> Iterator[Entry]:
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

    def record(self, entry: Entry) -> None:
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
        """Close the files."""
        self.frames.close()
        self.happened.close()
        os.close(self._inputs)
