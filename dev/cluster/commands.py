"""Run programs, and say what is done, how far it is and how long it usually takes."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TypeAlias

from dev.cluster import durations
from dev.cluster.errors import CommandError

#: A person who sees nothing for longer than this thinks that it hangs.
PROGRESS_SECONDS = 8.0

Argv: TypeAlias = Sequence[str | Path]
#: Says how far a program is; what it printed so far comes in.
Progress: TypeAlias = Callable[[str], str]


def stop_on_signals() -> None:
    """Have whoever ends us, by Ctrl-C or politely, wait until we have cleaned up.

    Also where the shell of a script has us ignore Ctrl-C, as it does with what runs behind it.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """Something that takes a while; `usual` is how many seconds it usually takes."""

    began: float
    usual: float | None = None

    def elapsed(self) -> str:
        """Return how long it has taken, of how much."""
        usual = "" if self.usual is None else f" of about {durations.spoken(self.usual)}"
        return f"{time.monotonic() - self.began:4.0f} s{usual}"


@contextlib.contextmanager
def step(what: str, *, key: str = "", usual: float | None = None) -> Iterator[Step]:
    """Print what is done, and afterwards how long it took.

    Args:
        what: what is done.
        key: under this the duration is kept, and is the usual one the next time.
        usual: how many seconds it takes on two cores, where this machine has never done it.
    """
    usual = durations.read(key, usual)
    say(f"==> {what}" + ("" if usual is None else f" (usually {durations.spoken(usual)})"))
    began = time.monotonic()
    yield Step(began, usual)
    seconds = time.monotonic() - began
    durations.write(key, seconds)
    say(f"    done in {seconds:.1f} s")


def run(
    argv: Argv,
    *,
    text_in: str | None = None,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a quick program and return what it printed.

    Raises:
        CommandError: it is not installed, or it failed; with its last words.
    """
    try:
        done = subprocess.run(
            [str(word) for word in argv],
            input=text_in,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            text=True,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise not_installed(argv[0]) from error
    if done.returncode:
        raise CommandError(_last_words(argv, done.returncode, done.stderr or done.stdout))
    return done.stdout


def succeeds(
    argv: Argv, *, seconds: float = 5.0, environment: Mapping[str, str] | None = None
) -> bool:
    """Tell whether a quick program is there and ends with status 0 within this time."""
    try:
        done = subprocess.run(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            check=False,
            timeout=seconds,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def run_long(
    argv: Argv,
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    within: Step | None = None,
    progress: Progress | None = None,
    file_in: Path | None = None,
    file_out: Path | None = None,
) -> None:
    """Run a slow program, showing every few seconds how far it is.

    Args:
        argv: the program and its arguments.
        cwd: the folder it runs in.
        environment: variables beside our own.
        within: the step that it is a part of.
        progress: says how far it is; without it the newest line is shown.
        file_in: what it reads on its standard input; how much of it is read is shown.
        file_out: where its standard output goes, instead of being shown.

    Raises:
        CommandError: it is not installed, or it failed; with its last words.
    """
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(
            tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        )
        source = None if file_in is None else stack.enter_context(file_in.open("rb"))
        target = None if file_out is None else stack.enter_context(file_out.open("wb"))
        try:
            child = subprocess.Popen(
                [str(word) for word in argv],
                cwd=cwd,
                env={**os.environ, **(environment or {})},
                stdin=source or subprocess.DEVNULL,
                stdout=target or output,
                stderr=output,
            )
        except FileNotFoundError as error:
            raise not_installed(argv[0]) from error
        try:
            status = _watch(
                child, within or Step(time.monotonic()), _showing(output, source, progress)
            )
        except BaseException:
            child.kill()
            child.wait()
            raise
        if status:
            raise CommandError(_last_words(argv, status, _tail(output, 2000)))


def not_installed(program: str | Path) -> CommandError:
    """Return the error about a program that is not there."""
    return CommandError(f"{program} is not installed; install it and run this again.")


def _showing(
    output: IO[str], source: IO[bytes] | None, progress: Progress | None
) -> Callable[[], str]:
    if source is not None:
        # The child shares our offset in the file, so it tells how much it has read.
        size = os.fstat(source.fileno()).st_size
        return lambda: f"{source.tell() / 2**20:.0f} of {size / 2**20:.0f} MiB"
    if progress is not None:
        return lambda: progress(_tail(output, 2**20))
    return lambda: _last_line(_tail(output, 400))


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2].strip()


def _watch(child: subprocess.Popen[bytes], within: Step, showing: Callable[[], str]) -> int:
    while True:
        try:
            return child.wait(timeout=PROGRESS_SECONDS)
        except subprocess.TimeoutExpired:
            say(f"    {within.elapsed()}  {showing()[:100]}".rstrip())


def _tail(output: IO[str], length: int) -> str:
    size = os.fstat(output.fileno()).st_size
    start = max(0, size - length)
    return os.pread(output.fileno(), length, start).decode("utf-8", errors="replace")


def _last_words(argv: Argv, status: int, said: str) -> str:
    lines = [line for line in said.strip().splitlines() if line.strip()][-12:]
    command = " ".join(str(word) for word in argv[:4])
    return "\n    ".join([f"`{command} …` ended with status {status}:", *lines])
