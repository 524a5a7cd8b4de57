"""An agent's bytes are in the pipe or in the file, whoever is killed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deputy_sidecar.agent.spliced_file import SplicedFile


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    os.set_blocking(read, False)
    yield read, write
    os.close(read)
    os.close(write)


def test_bytes_go_from_the_pipe_to_the_file_and_are_there_for_the_next_life(
    pipe: tuple[int, int], tmp_path: Path
) -> None:
    read, write = pipe
    first = SplicedFile(tmp_path / "frames")
    os.write(write, b"one two")

    assert first.move(read) == 7
    assert first.move(read) == 0
    assert list(first.unread()) == [b"one two"]
    os.write(write, b" three")
    first.move(read)
    first.close()

    second = SplicedFile(tmp_path / "frames")
    assert list(second.unread_until(3)) == [b"one"]
    os.write(write, b" four")
    second.move(read)
    assert list(second.unread()) == [b" two three four"]
    second.close()
