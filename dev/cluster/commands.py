"""Say what is done and how long it takes, and run programs."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from dev.cluster.errors import CommandError

#: A person who sees nothing for longer than this thinks that it hangs.
PROGRESS_SECONDS = 8.0

Argv = Sequence[str | Path]


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Print what is done, and afterwards how long it took."""
    say(f"==> {what}")
    began = time.monotonic()
    yield
    say(f"    done in {time.monotonic() - began:.1f} s")


def run(argv: Argv, *, text_in: str | None = None, cwd: Path | None = None) -> str:
    """Run a quick program and give what it printed.

    Raises:
        CommandError: it is not installed, or it failed; with its last words.
    """
    try:
        done = subprocess.run(
            [str(word) for word in argv],
            input=text_in,
            cwd=cwd,
            text=True,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise CommandError(f"{argv[0]} is not installed; install it and run this again.") from error
    if done.returncode:
        raise CommandError(_last_words(argv, done.returncode, done.stderr or done.stdout))
    return done.stdout


def succeeds(argv: Argv) -> bool:
    """Tell whether a quick program is there and ends with status 0 within five seconds."""
    try:
        done = subprocess.run(
            [str(word) for word in argv], capture_output=True, check=False, timeout=5
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def run_long(
    argv: Argv, *, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> None:
    """Run a slow program, showing its newest line every few seconds.

    Raises:
        CommandError: it is not installed, or it failed; with its last words.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        try:
            child = subprocess.Popen(
                [str(word) for word in argv],
                cwd=cwd,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        except FileNotFoundError as error:
            raise CommandError(
                f"{argv[0]} is not installed; install it and run this again."
            ) from error
        try:
            status = _watch(child, output)
        except BaseException:
            child.kill()
            child.wait()
            raise
        if status:
            raise CommandError(_last_words(argv, status, _tail(output, 2000)))


def _watch(child: subprocess.Popen[bytes], output: IO[str]) -> int:
    began = time.monotonic()
    while True:
        try:
            return child.wait(timeout=PROGRESS_SECONDS)
        except subprocess.TimeoutExpired:
            newest = _tail(output, 400).strip().rsplit("\n", 1)[-1].strip()
            say(f"    {time.monotonic() - began:4.0f} s  {newest[:100]}")


def _tail(output: IO[str], length: int) -> str:
    size = os.fstat(output.fileno()).st_size
    start = max(0, size - length)
    return os.pread(output.fileno(), length, start).decode("utf-8", errors="replace")


def _last_words(argv: Argv, status: int, said: str) -> str:
    lines = [line for line in said.strip().splitlines() if line.strip()][-12:]
    command = " ".join(str(word) for word in argv[:4])
    return "\n    ".join([f"`{command} …` ended with status {status}:", *lines])
