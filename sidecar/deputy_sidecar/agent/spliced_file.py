"""A file that takes its bytes straight from a pipe."""

import os
from collections.abc import Iterator
from pathlib import Path

_CHUNK = 256 * 1024


class SplicedFile:
    """A file that is only appended to, by `splice(2)`.

    The kernel moves the bytes: they are in the pipe or in the file, and never only in a process
    that may be killed.
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

    def unread(self) -> Iterator[bytes]:
        """Return the bytes that were not yet returned, in pieces."""
        while data := os.pread(self._file, _CHUNK, self._read):
            self._read += len(data)
            yield data

    def unread_until(self, end: int) -> Iterator[bytes]:
        """Return the bytes up to `end` that were not yet returned, in pieces."""
        while self._read < end and (
            data := os.pread(self._file, min(_CHUNK, end - self._read), self._read)
        ):
            self._read += len(data)
            yield data

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
